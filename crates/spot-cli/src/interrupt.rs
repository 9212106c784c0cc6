//! Ctrl-C and SIGTERM.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::failure::Failure;

/// The exit code of a command that was interrupted before its work was done: 128 + SIGINT, as shells have it.
pub(crate) const EXIT_CODE: u8 = 130;

/// A wait that only a signal or the end of the node ends: a century, so that no sum of times overflows.
pub(crate) const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

// Signals belong to the process, and so does this.
static HAPPENED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Whether the program was told to stop.
pub(crate) fn happened() -> bool {
    HAPPENED.load(Ordering::SeqCst)
}

/// Calls `stop` on another thread at the first SIGINT or SIGTERM. A second one ends the program at once.
pub(crate) fn on_first(stop: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let mut signals =
        register().map_err(|error| Failure::Failed(format!("cannot handle signals: {error}")))?;
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            stop();
        }
    });
    Ok(())
}

fn register() -> io::Result<Signals> {
    for signal in [SIGINT, SIGTERM] {
        // The order matters: the first signal must find the flag still down.
        flag::register_conditional_shutdown(signal, i32::from(EXIT_CODE), Arc::clone(&HAPPENED))?;
        flag::register(signal, Arc::clone(&HAPPENED))?;
    }
    Signals::new([SIGINT, SIGTERM])
}
