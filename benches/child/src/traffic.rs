//! The loops that are measured.

use std::time::{Duration, Instant};

use crate::order::{LAST, Order};
use crate::{is_told, numbered};

/// Publishes for so many seconds, without the last message; how many were sent. `send` gets the topic's place among
/// `topics` and the number to carry.
pub fn publish_for(
    seconds: f64,
    size: usize,
    publisher: usize,
    topics: usize,
    mut send: impl FnMut(usize, u64),
) -> u64 {
    let every = (16 * 1024 / size as u64).clamp(1, 64);
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut count = 0;
    let mut topic = 0;
    loop {
        send(topic, numbered(publisher, count));
        count += 1;
        topic += 1;
        if topic == topics {
            topic = 0;
        }
        if count % every == 0 && Instant::now() >= end {
            return count;
        }
    }
}

/// Sends the last message: once, or where it may be lost until the harness says that all have it.
pub fn tell_last(publisher: usize, sent: u64, may_lose: bool, mut send: impl FnMut(usize, u64)) {
    send(0, numbered(publisher, sent) | LAST);
    let mut repeated = sent;
    while may_lose && !is_told() {
        std::thread::sleep(Duration::from_millis(10));
        repeated += 1;
        send(0, numbered(publisher, repeated) | LAST);
    }
}

/// Receives until the last message of each publisher; `receive` gives the number of a message.
pub fn subscribe_until_last(publishers: usize, mut receive: impl FnMut() -> u64) -> Order {
    let mut order = Order::of(publishers);
    while !order.take(receive()) {}
    order
}

/// Round trips for so many seconds after a tenth of that to get warm; each in nanoseconds.
pub fn round_trips_for(seconds: f64, mut round_trip: impl FnMut(u64)) -> Vec<f64> {
    let mut number = 0;
    let mut run = |seconds: f64| {
        let begun = Instant::now();
        let mut taken = Vec::new();
        let mut before = begun;
        while (before - begun).as_secs_f64() < seconds {
            round_trip(number);
            number += 1;
            let now = Instant::now();
            taken.push((now - before).as_nanos() as f64);
            before = now;
        }
        taken
    };
    run(seconds / 10.0);
    run(seconds)
}

/// The percentiles that are reported, in the unit of the values.
#[must_use]
pub fn percentiles(mut values: Vec<f64>) -> Vec<(&'static str, f64)> {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share) as usize];
    let names = [
        ("p1", 0.01),
        ("p10", 0.1),
        ("p25", 0.25),
        ("p50", 0.5),
        ("p75", 0.75),
        ("p90", 0.9),
        ("p99", 0.99),
        ("p99.9", 0.999),
    ];
    names.map(|(name, share)| (name, at(share))).to_vec()
}
