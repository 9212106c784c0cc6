//! The results as text.

use std::fmt::Write;

use bench_child::Contender;

use crate::measure::{Figure, Group, Measurement, Results, Spread};
use crate::targets::{self, Judged, Wanted};

/// What of a workload is the figure that others are compared by, in this order.
const MAIN_METRICS: [&str; 7] = [
    "rate_per_s",
    "each_ns",
    "p50_ns",
    "time_ms",
    "publisher_bytes_each",
    "subscriber_bytes_each",
    "topic_bytes_each",
];

/// What is shown beside.
const OTHER_METRICS: [&str; 4] = ["p99_ns", "p99.9_ns", "offered_per_s", "lost_share"];

/// What was just measured, in a line for each case.
pub fn progress(results: &Results, group: &Group) -> String {
    let mut text = String::new();
    for case in &group.cases {
        let _ = write!(text, "{:22} {:20}", case.workload, case.contender.label());
        let of_case =
            |it: &&Measurement| it.workload == case.workload && it.contender == case.contender;
        for it in results.0.iter().filter(of_case) {
            if let Some(spread) = Spread::of(&it.values) {
                let _ = write!(text, "  {} {}", it.metric, short(spread.median));
            }
            if MAIN_METRICS.contains(&it.metric.as_str())
                && let Some(ratio) = against_libzmq(results, it)
            {
                let _ = write!(text, " = {} libzmq", spread(ratio));
            }
        }
        text.push('\n');
    }
    text
}

/// Two tables: what was wanted, and everything.
pub fn markdown(results: &Results) -> String {
    let mut text = String::from(
        "| Wanted | Against | Ratio wanted | Measured (least..most of the rounds) | Reached |\n\
         |---|---|---|---|---|\n",
    );
    for judged in targets::judge(results) {
        text.push_str(&judgement(&judged));
    }
    text.push_str(
        "\n| Workload | Contender | Figure | Median (least..most of the rounds) | Against libzmq \
         | Processor, s per million | System calls per thousand |\n|---|---|---|---|---|---|---|\n",
    );
    let is_main = |it: &&Measurement| {
        MAIN_METRICS.contains(&it.metric.as_str()) || OTHER_METRICS.contains(&it.metric.as_str())
    };
    for it in results.0.iter().filter(is_main) {
        text.push_str(&row(results, it));
    }
    text
}

fn judgement(judged: &Judged) -> String {
    let target = &judged.target;
    let against = if target.against.workload == target.figure.workload {
        target.against.contender.label()
    } else {
        target.against.workload
    };
    let wanted = match target.wanted {
        Wanted::AtLeast(bound) => format!("at least {bound}"),
        Wanted::AtMost(bound) => format!("at most {bound}"),
    };
    let measured = judged.ratio.map_or(String::from("not measured"), spread);
    let reached = match judged.is_reached() {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "-",
    };
    format!(
        "| {} | {against} | {wanted} | {measured} | {reached} |\n",
        target.what
    )
}

fn row(results: &Results, it: &Measurement) -> String {
    let value = Spread::of(&it.values).map_or(String::from("-"), spread);
    let ratio = against_libzmq(results, it).map_or(String::from("-"), spread);
    let cost = |metric| {
        let is_of_run = MAIN_METRICS.contains(&it.metric.as_str());
        let found = results.spread(&it.workload, it.contender, metric);
        match found.filter(|_| is_of_run) {
            Some(found) => short(found.median),
            None => String::from("not measured"),
        }
    };
    format!(
        "| {} | {} | {} | {value} | {ratio} | {} | {} |\n",
        it.workload,
        it.contender.label(),
        it.metric,
        cost("cpu_s_per_million"),
        cost("syscalls_per_thousand"),
    )
}

/// Nothing for libzmq itself.
fn against_libzmq(results: &Results, it: &Measurement) -> Option<Spread> {
    let figure = |contender| Figure {
        workload: &it.workload,
        contender,
        metric: &it.metric,
    };
    let is_other = it.contender != Contender::Zmq;
    let ratio = is_other.then(|| results.ratio(figure(it.contender), figure(Contender::Zmq)));
    ratio.flatten()
}

fn spread(spread: Spread) -> String {
    let [median, min, max] = [spread.median, spread.min, spread.max].map(short);
    format!("{median} ({min}..{max})")
}

/// Three digits and a letter.
pub fn short(value: f64) -> String {
    match value {
        _ if value >= 1e9 => format!("{:.2}G", value / 1e9),
        _ if value >= 1e6 => format!("{:.2}M", value / 1e6),
        _ if value >= 1e4 => format!("{:.1}k", value / 1e3),
        _ if value >= 100.0 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}
