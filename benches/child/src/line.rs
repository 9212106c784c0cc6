//! Talking with the harness: lines on standard input and output, a word and what belongs to it.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};

/// Tells the harness.
///
/// # Panics
/// If it is gone.
pub fn say(word: &str, what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{word} {what}").expect("the harness listens");
    out.flush().expect("the harness listens");
}

/// The figures of this process.
///
/// # Panics
/// If the harness is gone.
pub fn report(figures: &[(&str, f64)]) {
    let figures: BTreeMap<_, _> = figures.iter().copied().collect();
    say(
        "report",
        &serde_json::to_string(&figures).expect("numbers can be written"),
    );
}

/// Waits for a line that begins with `word`; the rest of it. Ends the process if the harness is gone.
///
/// # Panics
/// If the harness says another word.
pub fn hear(word: &str) -> String {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    if !matches!(read, Ok(1..)) {
        std::process::exit(1);
    }
    let line = line.trim_end();
    let rest = line.strip_prefix(word);
    rest.unwrap_or_else(|| panic!("told {line:?} instead of {word:?}"))
        .trim_start()
        .to_owned()
}

/// Whether the harness has told something that is not read yet.
#[must_use]
pub fn is_told() -> bool {
    let mut poll = libc::pollfd {
        fd: 0,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one valid descriptor record, and no waiting.
    unsafe { libc::poll(&mut poll, 1, 0) > 0 }
}
