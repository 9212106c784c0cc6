//! Ctrl-C, SIGTERM, and SIGHUP: a terminal that closes.

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;
use std::{fs, io};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
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

/// Calls `stop` on another thread at the first SIGINT, SIGTERM or SIGHUP. A second one ends the program at once.
pub(crate) fn on_first(stop: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let mut ending = vec![SIGINT, SIGTERM];
    if !ignores_hang_up() {
        ending.push(SIGHUP);
    }
    let mut signals = register(&ending, &[])?;
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            stop();
        }
    });
    Ok(())
}

/// As [`on_first`], but SIGHUP does not end the program: each calls `hang_up`.
pub(crate) fn on_first_or_hang_up(
    stop: impl FnOnce() + Send + 'static,
    mut hang_up: impl FnMut() + Send + 'static,
) -> Result<(), Failure> {
    let mut signals = register(&[SIGINT, SIGTERM], &[SIGHUP])?;
    // On a thread of its own, as what it does may take a while, and the end does not wait for that.
    let (hung_up, hang_ups) = channel();
    thread::spawn(move || hang_ups.iter().for_each(|()| hang_up()));
    thread::spawn(move || {
        for signal in signals.forever() {
            if signal != SIGHUP {
                return stop();
            }
            let _ = hung_up.send(());
        }
    });
    Ok(())
}

fn register(ending: &[c_int], others: &[c_int]) -> Result<Signals, Failure> {
    try_register(ending, others)
        .map_err(|error| Failure::Failed(format!("cannot handle signals: {error}")))
}

fn try_register(ending: &[c_int], others: &[c_int]) -> io::Result<Signals> {
    for &signal in ending {
        // The order matters: the first signal must find the flag still down.
        flag::register_conditional_shutdown(signal, i32::from(EXIT_CODE), Arc::clone(&HAPPENED))?;
        flag::register(signal, Arc::clone(&HAPPENED))?;
    }
    Signals::new([ending, others].concat())
}

/// Whether we were started by `nohup`, whose wish a handler of ours would undo. Told by Linux only; elsewhere no.
fn ignores_hang_up() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (SIGHUP - 1)) != 0)
}
