//! Many seeds, and what they came to.

use std::ops::Range;
use std::panic::catch_unwind;
use std::process::Command;
use std::{fmt, thread};

use crate::workload::{Summary, run};

/// What many worlds came to.
#[derive(Debug, Default)]
pub struct Report {
    /// Worlds that were run.
    pub seeds: u64,
    /// Time they existed, in milliseconds.
    pub lived_ms: u64,
    /// Messages taken by subscribers.
    pub delivered: u64,
    /// Messages reported to them as lost.
    pub lost: u64,
    /// Seeds that failed, each with what went wrong.
    pub violations: Vec<(u64, String)>,
}

/// Runs the worlds of all these seeds, divided among `threads`.
#[must_use]
pub fn campaign(seeds: Range<u64>, threads: u64) -> Report {
    let mut report = Report::default();
    thread::scope(|scope| {
        let shares = (0..threads).map(|thread| {
            let mine = seeds.clone().filter(move |seed| seed % threads == thread);
            scope.spawn(move || mine.fold(Report::default(), Report::with))
        });
        for share in shares.collect::<Vec<_>>() {
            report.add(share.join().expect("worlds are run behind a fence"));
        }
    });
    report.violations.sort();
    report
}

/// A world that panics fails, too.
fn run_fenced(seed: u64) -> Result<Summary, String> {
    catch_unwind(|| run(seed, false)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("panic: {}", text.unwrap_or("without a text")))
    })
}

impl Report {
    fn with(mut self, seed: u64) -> Self {
        self.seeds += 1;
        match run_fenced(seed) {
            Ok(summary) => {
                self.lived_ms += summary.lived_ms;
                self.delivered += summary.delivered;
                self.lost += summary.lost;
            }
            Err(fault) => self.violations.push((seed, fault)),
        }
        self
    }

    fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.lived_ms += other.lived_ms;
        self.delivered += other.delivered;
        self.lost += other.lost;
        self.violations.extend(other.violations);
    }
}

/// A line for each violation with how to replay it, then one for all.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (seed, fault) in &self.violations {
            writeln!(f, "seed {seed} fails: {fault}")?;
            writeln!(
                f,
                "    at commit {}; replay it: cargo run -p sim --release -- --seed {seed}",
                commit()
            )?;
        }
        write!(
            f,
            "{} seeds, {:.1} simulated hours, {} messages delivered, {} reported lost, {} violations",
            self.seeds,
            self.lived_ms as f64 / 3_600_000.0,
            self.delivered,
            self.lost,
            self.violations.len()
        )
    }
}

/// The commit that is checked out, if git knows.
fn commit() -> String {
    let git = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output();
    let text = git.ok().filter(|output| output.status.success());
    let text = text.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|| String::from("unknown"))
}
