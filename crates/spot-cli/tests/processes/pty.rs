//! Programs on a pseudo terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::support::{DEADLINE, command};

/// A program on a terminal of its own.
pub(crate) struct OnTerminal {
    child: Child,
    /// The side of who looks at the terminal.
    screen: File,
    /// The side of the program, to see what it left of it.
    terminal: OwnedFd,
    written: Receiver<Vec<u8>>,
    shown: vt100::Parser,
}

impl OnTerminal {
    pub(crate) fn run(args: &[&str], rows: u16, cols: u16) -> Self {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo terminal");
        grantpt(&screen).expect("granted");
        unlockpt(&screen).expect("unlocked");
        let path = ptsname(&screen, Vec::new()).expect("it has a name");
        let path = path.to_str().expect("UTF-8");
        let terminal = File::options().read(true).write(true).open(path);
        let terminal = OwnedFd::from(terminal.expect("its other side"));
        tcsetwinsize(&terminal, size(rows, cols)).expect("sized");
        let side = || Stdio::from(terminal.try_clone().expect("cloned"));
        let mut command = command(args);
        command.env("TERM", "xterm-256color");
        let child = command.stdin(side()).stdout(side()).stderr(side()).spawn();
        let screen = File::from(screen);
        Self {
            child: child.expect("spot starts"),
            written: chunks(screen.try_clone().expect("cloned")),
            screen,
            terminal,
            shown: vt100::Parser::new(some(rows), some(cols), 0),
        }
    }

    /// Waits until the screen is as wanted.
    pub(crate) fn wait_for(&mut self, what: &str, is_there: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        while !is_there(&self.shown.screen().contents()) {
            let left = DEADLINE.saturating_sub(begun.elapsed());
            let Ok(chunk) = self.written.recv_timeout(left) else {
                panic!(
                    "{what} was not shown, but\n{}",
                    self.shown.screen().contents()
                );
            };
            self.shown.process(&chunk);
        }
    }

    pub(crate) fn wait_for_text(&mut self, text: &str) {
        self.wait_for(text, |screen| screen.contains(text));
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.screen.write_all(keys.as_bytes()).expect("typed");
    }

    pub(crate) fn resize(&mut self, rows: u16, cols: u16) {
        self.shown.screen_mut().set_size(some(rows), some(cols));
        tcsetwinsize(&self.terminal, size(rows, cols)).expect("sized");
        // The terminal is not the controlling one of the program, so that the system tells it nothing.
        self.signal(Signal::WINCH);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("signalled");
    }

    /// Waits for the end; the terminal is to be as it was before.
    pub(crate) fn ends_and_gives_the_terminal_back(mut self) -> Option<i32> {
        let code = self.child.wait().expect("waited").code();
        while self.shown.screen().alternate_screen() {
            let chunk = self.written.recv_timeout(DEADLINE);
            self.shown
                .process(&chunk.expect("the other screen is left"));
        }
        let modes = tcgetattr(&self.terminal).expect("told").local_modes;
        assert!(
            modes.contains(LocalModes::ECHO | LocalModes::ICANON),
            "{modes:?}"
        );
        code
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn some(size: u16) -> NonZero<u16> {
    NonZero::new(size).expect("a screen has some rows and columns")
}

fn size(rows: u16, cols: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: cols,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

fn chunks(mut screen: File) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(len @ 1..) = screen.read(&mut chunk) {
            if sender.send(chunk[..len].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}
