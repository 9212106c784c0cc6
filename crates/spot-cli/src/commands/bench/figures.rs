//! What was measured, for people and for scripts.

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::text::grouped;

/// What a side saw of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figures {
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
}

impl Figures {
    pub(super) fn text(&self) -> String {
        format!(
            "{} messages in {:.2} s: {}, {:.2} s of processor time",
            grouped(self.messages),
            self.seconds,
            rate(self.messages, self.bytes, self.seconds),
            self.cpu_seconds
        )
    }

    pub(super) fn object(&self) -> Value {
        json!({
            "messages": self.messages,
            "bytes": self.bytes,
            "seconds": self.seconds,
            "messages_per_second": per_second(self.messages, self.seconds),
            "bytes_per_second": per_second(self.bytes, self.seconds),
            "cpu_seconds": self.cpu_seconds,
        })
    }
}

/// `1,234,567 messages/s, 79.0 MB/s`
pub(super) fn rate(messages: u64, bytes: u64, seconds: f64) -> String {
    format!(
        "{} messages/s, {:.1} MB/s",
        grouped(per_second(messages, seconds) as u64),
        per_second(bytes, seconds) / 1e6
    )
}

pub(super) fn per_second(count: u64, seconds: f64) -> f64 {
    // A single message takes no time that could be measured.
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
}

/// Which parts of all round trips are told, with their names for scripts and for people.
const QUANTILES: [(&str, &str, f64); 5] = [
    ("min", "least", 0.0),
    ("p50", "p50", 0.5),
    ("p99", "p99", 0.99),
    ("p99_9", "p99.9", 0.999),
    ("max", "most", 1.0),
];

/// Times in nanoseconds as a line of microseconds.
pub(super) fn quantiles_text(times: &Histogram<u64>) -> String {
    let parts =
        QUANTILES.map(|(_, name, quantile)| format!("{name} {:.1} us", us(times, quantile)));
    parts.join(", ")
}

pub(super) fn quantiles_object(times: &Histogram<u64>) -> Value {
    let parts = QUANTILES.map(|(name, _, quantile)| (name.to_owned(), json!(us(times, quantile))));
    Value::Object(parts.into_iter().collect())
}

fn us(times: &Histogram<u64>, quantile: f64) -> f64 {
    times.value_at_quantile(quantile) as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_without_time_is_none() {
        assert_eq!(rate(1, 64, 0.0), "0 messages/s, 0.0 MB/s");
        assert_eq!(rate(2_000, 1_000_000, 0.5), "4,000 messages/s, 2.0 MB/s");
    }

    #[test]
    fn quantiles_are_told_in_microseconds() {
        let mut times = Histogram::<u64>::new(3).unwrap();
        for us in 1..=1000_u64 {
            times.record(us * 1000).unwrap();
        }
        let told = quantiles_object(&times);
        let close = |name: &str, us: f64| {
            let value = told[name].as_f64().unwrap();
            assert!((value - us).abs() <= us * 0.002, "{name}: {value}");
        };
        [
            ("min", 1.0),
            ("p50", 500.0),
            ("p99", 990.0),
            ("p99_9", 999.0),
            ("max", 1000.0),
        ]
        .into_iter()
        .for_each(|(name, us)| close(name, us));
        assert!(
            quantiles_text(&times).contains("p99.9 999."),
            "{}",
            quantiles_text(&times)
        );
    }
}
