//! What has got across so far, told each second.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use super::figures::rate;
use crate::output::note;

/// Counts for whoever tells the progress.
pub(super) struct Progress {
    counts: Arc<Counts>,
    /// Ends the telling when it is dropped.
    _told: Sender<()>,
}

#[derive(Default)]
struct Counts {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Progress {
    /// Tells each second in which something got across, where a person reads standard error.
    pub(super) fn start() -> Self {
        let counts = Arc::<Counts>::default();
        let (told, ended) = channel::<()>();
        if io::stderr().is_terminal() {
            let counts = Arc::clone(&counts);
            thread::spawn(move || {
                let mut before = (0, 0);
                while ended
                    .recv_timeout(Duration::from_secs(1))
                    .is_err_and(is_timeout)
                {
                    let now = counts.read();
                    if now.0 > before.0 {
                        note(rate(now.0 - before.0, now.1 - before.1, 1.0));
                    }
                    before = now;
                }
            });
        }
        Self {
            counts,
            _told: told,
        }
    }

    /// One more. Called by one thread.
    pub(super) fn add(&self, bytes: usize) {
        let Counts {
            messages,
            bytes: all,
        } = &*self.counts;
        messages.store(messages.load(Relaxed) + 1, Relaxed);
        all.store(all.load(Relaxed) + bytes as u64, Relaxed);
    }
}

impl Counts {
    fn read(&self) -> (u64, u64) {
        (self.messages.load(Relaxed), self.bytes.load(Relaxed))
    }
}

fn is_timeout(error: std::sync::mpsc::RecvTimeoutError) -> bool {
    error == std::sync::mpsc::RecvTimeoutError::Timeout
}
