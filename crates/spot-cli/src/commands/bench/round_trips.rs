//! `spot bench rtt`: how long it takes until a message is back.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::json;
use serverlink::{RecvError, Subscriber};

use super::figures::{per_second, quantiles_object, quantiles_text};
use super::measure::{Measurement, judged};
use super::progress::Progress;
use super::{Stopwatch, kind, number};
use crate::cli::bench::BenchRttArgs;
use crate::failure::Failure;
use crate::output::Output;
use crate::text::{duration, grouped};

pub(crate) fn run(args: &BenchRttArgs) -> Result<(), Failure> {
    let measurement = Measurement::start(&args.load, kind::ASK)?;
    let answers = measurement.answers()?;
    let trips = Trips::measure(&measurement, &answers, args)?;
    let counted = measurement.finish(trips.times.len())?;
    trips.print(args)?;
    judged(&counted)
}

/// What was measured.
struct Trips {
    /// In nanoseconds.
    times: Histogram<u64>,
    seconds: f64,
    cpu_seconds: f64,
}

impl Trips {
    fn measure(
        measurement: &Measurement,
        answers: &Subscriber,
        args: &BenchRttArgs,
    ) -> Result<Self, Failure> {
        let progress = Progress::start();
        let mut times = Histogram::new(3).expect("three digits are possible");
        let mut data = vec![0; args.load.size];
        let watch = Stopwatch::start();
        let deadline = watch.started + args.load.seconds;
        let mut asked = watch.started;
        while asked < deadline {
            let trip = times.len();
            data[..8].copy_from_slice(&trip.to_le_bytes());
            let lost = |reason| Failure::Failed(format!("round trip {}: {reason}", trip + 1));
            let published = measurement.publisher.publish(&data);
            published.map_err(|error| lost(error.to_string()))?;
            await_answer(answers, trip, args.load.timeout).map_err(lost)?;
            let now = Instant::now();
            let ns = (now - asked).as_nanos();
            times += u64::try_from(ns).unwrap_or(u64::MAX);
            progress.add(data.len());
            asked = now;
        }
        let (seconds, cpu_seconds) = watch.read();
        Ok(Self {
            times,
            seconds,
            cpu_seconds,
        })
    }

    fn print(&self, args: &BenchRttArgs) -> Result<(), Failure> {
        let (trips, a_second) = (self.times.len(), per_second(self.times.len(), self.seconds));
        let mut output = Output::new();
        if args.load.place.json {
            let object = json!({
                "round_trips": trips,
                "size": args.load.size,
                "seconds": self.seconds,
                "round_trips_per_second": a_second,
                "cpu_seconds": self.cpu_seconds,
                "microseconds": quantiles_object(&self.times),
            });
            output.line(&object.to_string())?;
        } else {
            output.line(&format!(
                "{} round trips of {} bytes in {:.2} s: {} a second, {:.2} s of processor time",
                grouped(trips),
                args.load.size,
                self.seconds,
                grouped(a_second as u64),
                self.cpu_seconds
            ))?;
            output.line(&quantiles_text(&self.times))?;
        }
        output.flush()
    }
}

/// Waits for the answer of this number. Another one is that of a second receiver.
fn await_answer(answers: &Subscriber, trip: u64, timeout: Duration) -> Result<(), String> {
    let deadline = Instant::now() + timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let delivery = answers.recv_timeout(left).map_err(|error| match error {
            RecvError::Empty => format!("no answer within {}", duration(timeout)),
            error => error.to_string(),
        })?;
        if let Some(message) = delivery.into_message()
            && number(message.data()) == Some(trip)
        {
            return Ok(());
        }
    }
}
