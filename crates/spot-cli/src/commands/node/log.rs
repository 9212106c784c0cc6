//! The log of a node: its level, its form, where it goes.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::error;
use tracing_subscriber::Registry;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Log, LogFormat};
use crate::failure::Failure;
use crate::output::note;
use crate::text::harmless;

/// The log as it may be changed while it is written.
pub(super) struct LogControl {
    filter: reload::Handle<Targets, Registry>,
    file: Option<LogFile>,
}

/// A file that is written line by line, and may be exchanged meanwhile.
#[derive(Clone)]
struct LogFile {
    path: PathBuf,
    file: Arc<Mutex<File>>,
    /// The last line could not be written.
    is_failing: Arc<AtomicBool>,
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = self.locked().write(line);
        let was_failing = self.is_failing.swap(written.is_err(), Ordering::Relaxed);
        if let (Err(error), false) = (&written, was_failing) {
            let path = self.path.display();
            note(format_args!(
                "lines of the log are lost: cannot write {path}: {error}"
            ));
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.locked().flush()
    }
}

impl LogFile {
    fn open(path: &Path) -> Result<Self, Failure> {
        Ok(Self {
            path: path.to_owned(),
            file: Arc::new(Mutex::new(open(path)?)),
            is_failing: Arc::default(),
        })
    }

    fn locked(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins to log.
pub(super) fn start(log: &Log) -> Result<LogControl, Failure> {
    let file = log.file.as_deref().map(LogFile::open).transpose()?;
    let writer = match file.clone() {
        Some(file) => BoxMakeWriter::new(move || file.clone()),
        None => BoxMakeWriter::new(io::stderr),
    };
    let (filter, handle) = reload::Layer::new(filter(log.level));
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match log.format {
        LogFormat::Text => {
            // Peers choose their names and topics, which are not to act on the terminal.
            let fields = debug_fn(|line, field, value| match field.name() {
                "message" => write!(line, "{}", harmless(&format!("{value:?}"))),
                name => write!(line, "{name}={}", harmless(&format!("{value:?}"))),
            });
            tracing_subscriber::fmt::layer()
                .fmt_fields(fields.delimited(" "))
                .with_writer(writer)
                .with_ansi(file.is_none() && io::stderr().is_terminal())
                .with_target(false)
                .boxed()
        }
        LogFormat::Json => tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(writer)
            .with_target(false)
            .boxed(),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .init();
    Ok(LogControl {
        filter: handle,
        file,
    })
}

impl LogControl {
    /// Logs at another level from now on.
    pub(super) fn set_level(&self, level: LevelFilter) {
        if let Err(error) = self.filter.reload(filter(level)) {
            error!("the log level stays: {error}");
        }
    }

    /// Opens the file anew, as it may have been moved away. If that fails the old one goes on.
    pub(super) fn open_again(&self) {
        let Some(file) = &self.file else {
            return;
        };
        match open(&file.path) {
            Ok(anew) => *file.locked() = anew,
            Err(failure) => error!("{failure}; the file that was open is written on"),
        }
    }
}

fn open(path: &Path) -> Result<File, Failure> {
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.map_err(|error| {
        Failure::Failed(format!(
            "cannot write the log to {}: {error}; make it writable, or set log.output to another file or stderr",
            path.display()
        ))
    })
}

fn filter(level: LevelFilter) -> Targets {
    // The library logs what it also tells as events, which are logged here.
    let library = if level >= LevelFilter::DEBUG {
        level
    } else {
        level.min(LevelFilter::ERROR)
    };
    Targets::new()
        .with_target("spot", level)
        // This is no event: nothing is known of who could not connect.
        .with_target("serverlink::accept", level)
        .with_default(library)
}
