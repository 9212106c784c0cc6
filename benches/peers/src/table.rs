//! The results as text.

use std::fmt::Write;

use crate::measure::{Group, Results};

/// What was just measured, in a few lines.
pub fn progress(results: &Results, group: &Group) -> String {
    let mut text = String::new();
    for case in &group.cases {
        let _ = write!(text, "{:20} {:20}", case.workload, case.contender.label());
        for it in &results.0 {
            if it.workload != case.workload || it.contender != case.contender {
                continue;
            }
            if let Some(spread) = results.spread(&it.workload, it.contender, &it.metric) {
                let _ = write!(text, "  {} {}", it.metric, short(spread.median));
            }
        }
        text.push('\n');
    }
    text
}

pub fn markdown(_results: &Results) -> String {
    String::new()
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
