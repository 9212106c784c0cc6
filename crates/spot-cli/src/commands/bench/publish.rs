//! `spot bench pub`: how much gets across.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use serverlink::PublishError;

use super::figures::Figures;
use super::measure::{Measurement, judged};
use super::progress::Progress;
use super::{Stopwatch, kind};
use crate::cli::bench::BenchPubArgs;
use crate::failure::Failure;
use crate::output::Output;
use crate::text::duration;

/// Messages between two looks at the clock.
const BATCH: u64 = 32;

pub(crate) fn run(args: &BenchPubArgs) -> Result<(), Failure> {
    let measurement = Measurement::start(&args.load, kind::DATA)?;
    let figures = publish(&measurement, args)?;
    let counted = measurement.finish(figures.messages)?;
    print(args, &figures, &counted)?;
    judged(&counted)
}

fn publish(measurement: &Measurement, args: &BenchPubArgs) -> Result<Figures, Failure> {
    let progress = Progress::start();
    let mut data = vec![0; args.load.size];
    let mut sent: u64 = 0;
    let watch = Stopwatch::start();
    let deadline = watch.started + args.load.seconds;
    while !(is_looked_at(sent, args.rate) && Instant::now() >= deadline) {
        if let Some(rate) = args.rate {
            let due = watch.started + Duration::from_secs_f64(sent as f64 / rate);
            thread::sleep(due.min(deadline).saturating_duration_since(Instant::now()));
        }
        data[..8].copy_from_slice(&sent.to_le_bytes());
        let published = measurement.publisher.publish(&data);
        published.map_err(|error| refused(&error, sent, args.load.timeout))?;
        progress.add(data.len());
        sent += 1;
    }
    let (seconds, cpu_seconds) = watch.read();
    Ok(Figures {
        messages: sent,
        bytes: sent * data.len() as u64,
        seconds,
        cpu_seconds,
    })
}

fn is_looked_at(sent: u64, rate: Option<f64>) -> bool {
    rate.is_some() || sent.is_multiple_of(BATCH)
}

fn refused(error: &PublishError, sent: u64, timeout: Duration) -> Failure {
    match error {
        PublishError::Full { .. } => Failure::Timeout(format!(
            "after {sent} messages the receiver took nothing for {}: is it stopped? (--timeout gives it more)",
            duration(timeout)
        )),
        error => Failure::Failed(format!("after {sent} messages: {error}")),
    }
}

fn print(args: &BenchPubArgs, figures: &Figures, counted: &[Value]) -> Result<(), Failure> {
    let mut output = Output::new();
    if args.load.place.json {
        let mut object = figures.object();
        object["size"] = json!(args.load.size);
        object["receivers"] = json!(counted);
        output.line(&object.to_string())?;
    } else {
        output.line(&format!("published  {}", figures.text()))?;
        for one in counted {
            output.line(&format!("received   {}", super::count::text(one)))?;
        }
    }
    output.flush()
}
