//! Where the log goes. None of these ends the node, or holds it up for long: it is called wherever something happens.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::form::Form;
use super::record::Record;
use crate::failure::Failure;
use crate::output::note;

/// Where the log goes.
pub(super) enum Outlet {
    Stderr(Form),
    File(Form, LogFile),
    Daemon(Daemon),
}

impl Outlet {
    pub(super) fn write(&self, record: &Record) {
        match self {
            Self::Stderr(form) => to_stderr(&form.write(record)),
            Self::File(form, file) => file.write(&form.write(record)),
            Self::Daemon(daemon) => daemon.write(record),
        }
    }
}

fn to_stderr(line: &[u8]) {
    // Nobody can be told that standard error is closed.
    let _ = io::stderr().write_all(line);
}

/// A file that is written line by line, and may be exchanged meanwhile.
pub(super) struct LogFile {
    path: PathBuf,
    file: Mutex<File>,
    /// The last line could not be written.
    is_failing: AtomicBool,
}

impl LogFile {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        Ok(Self {
            path: path.to_owned(),
            file: Mutex::new(open(path)?),
            is_failing: AtomicBool::new(false),
        })
    }

    /// The file of this path, which may be another one by now.
    pub(super) fn open_again(&self) -> Result<(), Failure> {
        *self.locked() = open(&self.path)?;
        Ok(())
    }

    fn write(&self, line: &[u8]) {
        let written = self.locked().write_all(line);
        let was_failing = self.is_failing.swap(written.is_err(), Ordering::Relaxed);
        if let (Err(error), false) = (&written, was_failing) {
            let path = self.path.display();
            note(format_args!(
                "lines of the log are lost: cannot write {path}: {error}"
            ));
        }
    }

    fn locked(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(path: &Path) -> Result<File, Failure> {
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.map_err(|error| {
        Failure::Failed(format!(
            "cannot write the log to {}: {error}; make it writable, or set log.output to another file, stderr, \
             journald or syslog",
            path.display()
        ))
    })
}

/// A daemon that takes lines as datagrams. It may be started after the node, and again.
pub(super) struct Daemon {
    /// What people call it.
    name: &'static str,
    path: PathBuf,
    form: Form,
    socket: UnixDatagram,
    /// The last line was not taken.
    is_failing: AtomicBool,
}

impl Daemon {
    pub(super) fn new(name: &'static str, path: &Path, form: Form) -> Result<Self, Failure> {
        let socket = UnixDatagram::unbound().and_then(|socket| {
            // One that takes nothing, as when it is stopped, holds nobody up.
            socket.set_nonblocking(true)?;
            Ok(socket)
        });
        Ok(Self {
            name,
            path: path.to_owned(),
            form,
            socket: socket.map_err(|error| {
                Failure::Failed(format!("cannot make a socket for the log: {error}"))
            })?,
            is_failing: AtomicBool::new(false),
        })
    }

    /// A line that it does not take goes to standard error.
    fn write(&self, record: &Record) {
        let sent = self.socket.send_to(&self.form.write(record), &self.path);
        let was_failing = self.is_failing.swap(sent.is_err(), Ordering::Relaxed);
        let is_failing = sent.is_err();
        let (name, path) = (self.name, self.path.display());
        match (sent, was_failing) {
            (Err(error), false) => note(format_args!(
                "{name} takes no lines of the log at {path}: {error}; they are here until it does"
            )),
            (Ok(_), true) => note(format_args!("{name} takes the lines of the log again")),
            _ => {}
        }
        if is_failing {
            to_stderr(&Form::Text.write(record));
        }
    }
}
