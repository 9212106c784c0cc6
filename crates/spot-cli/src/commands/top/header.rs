//! What stands above the lists: who the node is, how its cluster is, what it does.

use serde_json::Value;

use super::grid::Mark;
use super::snapshot::Snapshot;
use super::views::{per_second, span, text};
use crate::text::printable;

/// Counters whose rates are told, as people call them. The first that a node has is taken: traffic of links, or what its
/// own callers received and published.
const RATES: [(&str, &[&str]); 5] = [
    ("in", &["link_received_messages", "received_messages"]),
    ("out", &["link_sent_messages", "published_messages"]),
    ("relayed", &["relayed_messages"]),
    ("missed", &["missed_messages"]),
    ("dropped", &["dropped_at_sender"]),
];

/// Who it is.
pub(super) fn node(snapshot: &Snapshot) -> String {
    let node = &snapshot.node;
    let id: String = text(node, "node").chars().take(8).collect();
    let name = node["name"].as_str().unwrap_or("without a name");
    let up = span(node["uptime_seconds"].as_f64().unwrap_or(0.0));
    let told = format!("{name} ({id}), version {}, up {up}", text(node, "version"));
    printable(told.as_bytes())
}

/// How the cluster is, and whether the node is ready; the worst of it.
pub(super) fn state(snapshot: &Snapshot) -> (Mark, String) {
    let cluster = &snapshot.cluster;
    let is_partitioned = cluster["partitioned"] == true;
    let mut parts = Vec::new();
    if is_partitioned {
        parts.push(format!(
            "PARTITIONED, out of reach: {}",
            names(cluster, "down")
        ));
    }
    let suspects = names(cluster, "suspect");
    if !suspects.is_empty() {
        parts.push(format!("suspect: {suspects}"));
    }
    let majority = if cluster["has_quorum"] == true {
        "a majority"
    } else {
        "NO MAJORITY"
    };
    parts.push(format!(
        "{} of {} members reachable, {majority}",
        cluster["reachable"], cluster["size"]
    ));
    let is_ready = snapshot.ready["ready"] == true;
    parts.push(if is_ready {
        "ready".into()
    } else {
        reasons(&snapshot.ready)
    });
    let mark = if is_partitioned || !is_ready {
        Mark::Bad
    } else if !suspects.is_empty() {
        Mark::Doubtful
    } else {
        Mark::Fine
    };
    (mark, printable(parts.join("; ").as_bytes()))
}

/// What it does.
pub(super) fn rates(snapshot: &Snapshot) -> String {
    let rate = |(name, counters): (&str, &[&str])| {
        let mut rates = counters
            .iter()
            .map(|counter| snapshot.rates.node.get(*counter));
        match rates.find_map(|rate| rate) {
            Some(rate) => format!("{name} {}", per_second(*rate)),
            None => format!("{name} -"),
        }
    };
    let stats = &snapshot.node["stats"];
    let count = |name: &str| stats[name].as_u64().unwrap_or(0);
    let mut parts = RATES.map(rate).to_vec();
    parts.extend(["links", "reconnects"].map(|name| format!("{name} {}", count(name))));
    parts.join("  ")
}

/// The members in a state.
fn names(cluster: &Value, state: &str) -> String {
    let members = cluster["members"].as_array().into_iter().flatten();
    let named = members
        .filter(|member| member["state"] == state)
        .map(|member| {
            member["name"]
                .as_str()
                .unwrap_or_else(|| text(member, "node"))
        });
    named.collect::<Vec<_>>().join(", ")
}

fn reasons(ready: &Value) -> String {
    let reasons = ready["reasons"].as_array().into_iter().flatten();
    let reasons: Vec<_> = reasons.map(|one| text(one, "reason")).collect();
    format!("NOT READY: {}", reasons.join(", "))
}
