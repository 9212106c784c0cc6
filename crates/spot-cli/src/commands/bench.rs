//! `spot bench`: a quick figure between two real hosts. One side counts and answers (`sub`), the other publishes (`pub`) or
//! waits for round trips (`rtt`).
//!
//! The measuring side hosts four topics of its own, below its node id. What it publishes is numbered, so that the other
//! side needs no trust in what it measures; the end is a message in the same stream, so that it comes last on any way.

mod count;
mod figures;
mod measure;
mod progress;
mod publish;
mod round_trips;

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::cli::bench::{BenchArgs, BenchSide};
use crate::failure::Failure;

pub(crate) fn run(args: &BenchArgs) -> Result<(), Failure> {
    match &args.side {
        BenchSide::Sub(args) => count::run(args),
        BenchSide::Pub(args) => publish::run(args),
        BenchSide::Rtt(args) => round_trips::run(args),
    }
}

/// What a topic of a measurement is for: the last part of its name.
mod kind {
    /// Messages to count.
    pub(super) const DATA: &str = "data";
    /// Messages to count and to send back.
    pub(super) const ASK: &str = "ask";
    /// Messages sent back.
    pub(super) const ANSWER: &str = "answer";
    /// What the other side counted, as JSON.
    pub(super) const COUNTED: &str = "counted";
}

fn topic(id: &str, kind: &str) -> String {
    format!("bench:{id}:{kind}")
}

/// In place of a number: that was all. How many there were follows.
const END: u64 = u64::MAX;

fn number(data: &[u8]) -> Option<u64> {
    data.first_chunk().copied().map(u64::from_le_bytes)
}

fn end_of(sent: u64) -> [u8; 16] {
    let mut end = [0xff; 16];
    end[8..].copy_from_slice(&sent.to_le_bytes());
    end
}

/// How many there were, if this is the end.
fn sent_of(data: &[u8]) -> Option<u64> {
    (number(data) == Some(END)).then(|| number(&data[8..]))?
}

/// Time as the clock on the wall has it, and as the processors spent it on this program.
#[derive(Clone, Copy)]
struct Stopwatch {
    started: Instant,
    processor: Duration,
}

impl Stopwatch {
    fn start() -> Self {
        Self {
            started: Instant::now(),
            processor: processor_time(),
        }
    }

    /// Both since the start, in seconds.
    fn read(&self) -> (f64, f64) {
        let processor = processor_time().saturating_sub(self.processor);
        (
            self.started.elapsed().as_secs_f64(),
            processor.as_secs_f64(),
        )
    }
}

fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        now.tv_sec.unsigned_abs(),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_says_how_many_there_were_and_no_message_is_one() {
        assert_eq!(sent_of(&end_of(7)), Some(7));
        assert_eq!(sent_of(&[0xff; 8]), None, "no count follows");
        assert_eq!(sent_of(&8_u64.to_le_bytes()), None);
        assert_eq!((sent_of(b""), number(b"short")), (None, None));
        assert_eq!(number(&3_u64.to_le_bytes()), Some(3));
    }
}
