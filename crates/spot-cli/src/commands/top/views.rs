//! What there is to see: members, peers, topics, events; each as rows.

use std::collections::HashMap;

use serde_json::Value;

use super::grid::{Cell, Grid, Mark};
use super::snapshot::Snapshot;
use crate::text::grouped;

/// One of the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum View {
    #[default]
    Members,
    Peers,
    Topics,
    Events,
}

impl View {
    pub(super) const ALL: [Self; 4] = [Self::Members, Self::Peers, Self::Topics, Self::Events];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Members => "Members",
            Self::Peers => "Peers",
            Self::Topics => "Topics",
            Self::Events => "Events",
        }
    }

    /// The one that is `steps` further; after the last comes the first.
    pub(super) fn step(self, steps: usize) -> Self {
        Self::ALL[(self as usize + steps) % Self::ALL.len()]
    }

    pub(super) fn grid(self, snapshot: &Snapshot) -> Grid {
        match self {
            Self::Members => members(snapshot),
            Self::Peers => peers(snapshot),
            Self::Topics => topics(snapshot),
            Self::Events => events(snapshot),
        }
    }
}

fn members(snapshot: &Snapshot) -> Grid {
    let names = Names::of(snapshot);
    let rows = list(&snapshot.cluster["members"]).iter().map(|member| {
        let (mark, state) = match text(member, "state") {
            "down" => (Mark::Bad, "DOWN"),
            "suspect" => (Mark::Doubtful, "suspect"),
            state => (Mark::Fine, state),
        };
        let id = text(member, "node");
        let cells = [
            Cell::text(names.name(id)),
            Cell::text(state),
            Cell::text(&way(snapshot, &names, id)),
            Cell::text(&joined(&member["endpoints"], |endpoint| endpoint)),
            Cell::text(id),
        ];
        (mark, cells)
    });
    Grid::new(["MEMBER", "STATE", "LINK", "ENDPOINTS", "NODE"], rows)
}

/// How messages get to a member: by a link, through a hub, or not at all.
fn way(snapshot: &Snapshot, names: &Names<'_>, id: &str) -> String {
    if id == text(&snapshot.node, "node") {
        return "this node".into();
    }
    let mut linked = snapshot.peers.iter().filter(|peer| is_connected(peer));
    if linked.clone().any(|peer| text(peer, "node") == id) {
        return "direct".into();
    }
    let relays = |peer: &&Value| list(&peer["relays_for"]).iter().any(|node| node == id);
    match linked.find(relays) {
        Some(hub) => format!("through {}", names.name(text(hub, "node"))),
        None => "none".into(),
    }
}

fn peers(snapshot: &Snapshot) -> Grid {
    let rows = snapshot.peers.iter().map(|peer| {
        let endpoint = text(peer, "endpoint");
        let (mark, state) = match text(peer, "state") {
            "connecting" => (Mark::Doubtful, "connecting"),
            "waiting to try again" => (Mark::Bad, "DOWN"),
            "this program itself" => (Mark::Fine, "itself"),
            state => (Mark::Fine, state),
        };
        let up = is_connected(peer).then(|| peer["connected_seconds"].as_f64());
        let rates = snapshot.rates.peers.get(endpoint);
        let cells = [
            Cell::text(peer["name"].as_str().unwrap_or(endpoint)),
            Cell::text(state),
            Cell::number(peer["round_trip_seconds"].as_f64(), short_span),
            Cell::count(peer["queued_messages"].as_u64()),
            Cell::number(rates.map(|rates| rates.sent), per_second),
            Cell::number(rates.map(|rates| rates.received), per_second),
            Cell::count(peer["dropped_messages"].as_u64()),
            Cell::count(peer["reconnects"].as_u64()),
            Cell::number(up.flatten(), span),
            Cell::count(peer["topics"].as_u64()),
            Cell::text(endpoint),
        ];
        (mark, cells)
    });
    Grid::new(
        [
            "PEER",
            "STATE",
            "ROUND TRIP",
            "QUEUED",
            "OUT",
            "IN",
            "DROPS",
            "RECONNECTS",
            "UP",
            "TOPICS",
            "ENDPOINT",
        ],
        rows,
    )
}

fn topics(snapshot: &Snapshot) -> Grid {
    let names = Names::of(snapshot);
    let rows = snapshot.topics.iter().map(|topic| {
        let name = text(topic, "topic");
        let mark = if topic["reachable"] == false {
            Mark::Bad
        } else {
            Mark::Fine
        };
        let others = joined(&topic["owners"], |owner| names.name(owner));
        let owner = match (text(topic, "place"), others.as_str()) {
            ("local", "") => "this node".to_owned(),
            ("local", others) => format!("this node, {others}"),
            (_, others) => others.to_owned(),
        };
        let owner = if mark == Mark::Bad {
            format!("OUT OF REACH {owner}")
        } else {
            owner
        };
        let rate = snapshot.rates.topics.get(name).copied();
        let cells = [
            Cell::text(name),
            Cell::text(owner.trim_end()),
            Cell::count(topic["subscribers"].as_u64()),
            Cell::number(rate, per_second),
            Cell::count(topic["dropped_messages"].as_u64()),
            Cell::count(topic["missed_messages"].as_u64()),
            Cell::count(topic["gaps"].as_u64()),
        ];
        (mark, cells)
    });
    Grid::new(
        ["TOPIC", "OWNER", "SUBS", "RATE", "DROPS", "MISSED", "GAPS"],
        rows,
    )
}

/// The latest first.
fn events(snapshot: &Snapshot) -> Grid {
    let rows = snapshot.events.iter().rev().map(|event| {
        let kind = text(event, "event");
        let was_expected = event["graceful"] == true || event["left"] == true;
        let mark = match kind {
            "peer-down" | "member-down" if was_expected => Mark::Fine,
            "partition" | "peer-down" | "member-down" | "gap" => Mark::Bad,
            "member-suspect" | "slow-subscriber" | "rejected" | "connect-failed" => Mark::Doubtful,
            _ => Mark::Fine,
        };
        let at_ms = event["at_ms"].as_u64().unwrap_or(0);
        let cells = [
            Cell::text(&time_of_day(at_ms)),
            Cell::text(kind),
            Cell::text(&details(event)),
        ];
        (mark, cells)
    });
    Grid::new(["UTC", "EVENT", "WHAT"], rows)
}

fn details(event: &Value) -> String {
    let fields = event.as_object().into_iter().flatten();
    let told = fields.filter(|(name, value)| {
        !matches!(name.as_str(), "id" | "at_ms" | "event") && !value.is_null() && *value != ""
    });
    let told = told.map(|(name, value)| match value.as_str() {
        Some(text) => format!("{name}={text}"),
        None => format!("{name}={value}"),
    });
    told.collect::<Vec<_>>().join(" ")
}

/// Members by their ids, as people call them.
struct Names<'s>(HashMap<&'s str, &'s str>);

impl<'s> Names<'s> {
    fn of(snapshot: &'s Snapshot) -> Self {
        let members = list(&snapshot.cluster["members"]).iter();
        let named =
            members.filter_map(|member| Some((member["node"].as_str()?, member["name"].as_str()?)));
        Self(named.collect())
    }

    fn name<'i>(&self, id: &'i str) -> &'i str
    where
        's: 'i,
    {
        self.0.get(id).copied().unwrap_or(id)
    }
}

fn is_connected(peer: &Value) -> bool {
    peer["state"] == "connected"
}

pub(super) fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn joined<'v>(values: &'v Value, show: impl Fn(&'v str) -> &'v str) -> String {
    let shown: Vec<_> = list(values)
        .iter()
        .filter_map(Value::as_str)
        .map(show)
        .collect();
    shown.join(", ")
}

/// A number of things a second.
pub(super) fn per_second(rate: f64) -> String {
    // Below one a second digits matter.
    if rate > 0.0 && rate < 10.0 {
        format!("{rate:.1}/s")
    } else {
        format!("{}/s", grouped(rate as u64))
    }
}

/// A length of time far below a second.
fn short_span(seconds: f64) -> String {
    match seconds * 1e6 {
        us @ ..1000.0 => format!("{us:.0} us"),
        us => format!("{:.1} ms", us / 1e3),
    }
}

/// A length of time in its two largest units.
pub(super) fn span(seconds: f64) -> String {
    let seconds = seconds as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min {} s", seconds % 60),
        3600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

fn time_of_day(at_ms: u64) -> String {
    let seconds = at_ms / 1000;
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
}
