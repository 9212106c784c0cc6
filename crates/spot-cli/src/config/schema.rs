//! The schema: every key of the configuration of `spot node`.

use std::net::SocketAddr;
use std::str::FromStr;

use serverlink::limits;
use tracing_subscriber::filter::LevelFilter;

use super::value::{Kind, Value};
use crate::cli::value as read;

/// Where the admin server listens if nothing else is said.
pub(crate) const DEFAULT_ADMIN: &str = "127.0.0.1:8222";

/// A key of the configuration.
#[derive(Debug)]
pub(crate) struct Key {
    /// As it is written in a file; a dot leads into a table.
    pub(crate) name: &'static str,
    /// What may be written.
    pub(crate) kind: Kind,
    /// What holds where nothing is said, as text; `None` where that is nothing.
    default: Option<&'static str>,
    /// When a change is heard of by a running node.
    pub(crate) live: Live,
    /// What it is.
    pub(crate) about: &'static str,
}

/// When a change of a file takes effect in a running node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Live {
    /// At once.
    AtOnce,
    /// For connections made later.
    NewLinks,
    /// When the node is started anew.
    Restart,
}

use Kind::{List, Routes, Switch, Text, Whole};
use Live::{AtOnce, NewLinks, Restart};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
const GIB: u64 = 1 << 30;
/// The largest number that TOML has for everybody.
const MOST: u64 = i64::MAX as u64;

/// All keys, tables last: this is also the order in which they are printed.
#[rustfmt::skip]
pub(crate) static KEYS: &[Key] = &[
    key("name", Text(read::name), None, Restart, "the node's name, unique in the cluster"),
    key("bind", List(read::bind), None, Restart, "where to listen"),
    key("peers", List(read::peer), Some(""), AtOnce, "nodes to link to"),
    key("topics", List(read::hosted), Some(""), AtOnce, "topics hosted here"),
    key("relay", Switch, Some("false"), AtOnce, "pass messages on between the nodes linked to this one"),
    key("history", Whole(0, limits::MAX_HISTORY_MESSAGES as u64), Some("0"), AtOnce, "messages kept of each topic hosted here"),
    key("cluster_size", Whole(1, limits::MAX_CLUSTER_SIZE as u64), None, AtOnce, "members of the whole cluster; not set: those known that have not left"),
    key("discovery", Text(discovery), Some("listed"), AtOnce, "listed or gossip"),
    key("minority", Text(minority), Some("go-on"), AtOnce, "go-on or refuse"),
    key("linger_ms", Whole(0, DAY_MS), Some("1000"), AtOnce, "how long closing may take to send what is queued"),
    key("route_timeout_ms", Whole(1, DAY_MS), Some("1000"), AtOnce, "how long an attempt to route a topic waits for its endpoints"),
    key("limits.hwm", Whole(0, MOST), Some("1000"), AtOnce, "messages that may wait in a link's queue; 0: unlimited"),
    key("limits.hwm_bytes", Whole(0, MOST), Some("67108864"), AtOnce, "payload bytes of the same; 0: unlimited"),
    key("limits.max_message_bytes", Whole(1, GIB), Some("67108864"), AtOnce, "largest message; one of another node is refused from 64 KiB more on"),
    key("limits.backlog", Whole(1, 65_535), Some("1024"), Restart, "connections that the system may hold before they are accepted"),
    key("reconnect.min_ms", Whole(1, DAY_MS), Some("100"), NewLinks, "first pause before a reconnect, doubled each time"),
    key("reconnect.max_ms", Whole(1, DAY_MS), Some("5000"), NewLinks, "longest pause"),
    key("heartbeat.interval_ms", Whole(0, DAY_MS), Some("2000"), NewLinks, "pause between heartbeats; 0: none"),
    key("heartbeat.misses", Whole(1, 100), Some("3"), NewLinks, "intervals of silence after which a peer is dead"),
    key("tcp.nodelay", Switch, Some("true"), NewLinks, "send small writes at once"),
    key("tcp.keepalive", Switch, Some("true"), NewLinks, "probe idle connections"),
    key("tcp.keepalive_idle_s", Whole(1, 32_767), Some("15"), NewLinks, "silence before the first probe"),
    key("tcp.keepalive_interval_s", Whole(1, 32_767), Some("5"), NewLinks, "pause between probes"),
    key("tcp.keepalive_count", Whole(1, 127), Some("3"), NewLinks, "unanswered probes after which a connection is dead"),
    key("tcp.send_buffer_bytes", Whole(1, i32::MAX as u64), None, NewLinks, "the kernel's send buffer; not set: the kernel tunes it"),
    key("tcp.receive_buffer_bytes", Whole(1, i32::MAX as u64), None, NewLinks, "the kernel's receive buffer; not set: the kernel tunes it"),
    key("tcp.user_timeout_ms", Whole(1, i32::MAX as u64), None, NewLinks, "how long sent data may stay unacknowledged; not set: as long as the probes or heartbeats take"),
    key("log.level", Text(level), Some("info"), AtOnce, "error, warn, info, debug, trace or off"),
    key("log.format", Text(format), Some("auto"), Restart, "text, or json: one object a line; auto: text on a terminal and in syslog, else json"),
    key("log.output", Text(read::name), Some("stderr"), Restart, "stderr, journald, syslog, or a file that is appended to"),
    key("admin.address", Text(admin), Some(DEFAULT_ADMIN), Restart, "where the admin server listens, as IP:PORT, or off"),
    key("admin.minimum_peers", Whole(0, limits::MAX_CLUSTER_SIZE as u64), Some("0"), AtOnce, "linked members without which the node is not ready"),
    key("admin.metrics_topics", Whole(0, 10_000), Some("0"), AtOnce, "how many of the busiest topics have metrics of their own"),
    key("routes", Routes, None, AtOnce, "topics hosted elsewhere, and where: the preferred endpoint first"),
];

const fn key(
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    live: Live,
    about: &'static str,
) -> Key {
    Key {
        name,
        kind,
        default,
        live,
        about,
    }
}

impl Key {
    /// The variable of the environment that stands for it.
    pub(crate) fn variable(&self) -> String {
        match self.name {
            "peers" => "SPOT_CLUSTER".into(),
            "log.level" => "SPOT_LOG".into(),
            "admin.address" => "SPOT_ADMIN".into(),
            name => format!("SPOT_{}", name.to_uppercase().replace('.', "_")),
        }
    }

    /// What holds where nothing is said.
    pub(crate) fn default(&self) -> Option<Value> {
        match (self.kind, self.default?) {
            (List(_), "") => Some(Value::List(Vec::new())),
            (kind, text) => Some(kind.read_text(text).expect("the table is right")),
        }
    }
}

/// The key of this name.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// What to do about a name that is no key.
pub(crate) fn unknown(name: &str) -> String {
    if matches!(name.rsplit('.').next(), Some("overflow" | "rcvhwm")) {
        return "each subscriber chooses its queue and what a full one does (`spot sub --hwm --overflow`); a node has none \
                of its own: remove the line"
            .into();
    }
    let tables = KEYS.iter().filter_map(|key| key.name.split_once('.'));
    let names = KEYS
        .iter()
        .map(|key| key.name)
        .chain(tables.map(|(table, _)| table));
    match nearest(name, names) {
        Some(nearest) => format!("unknown key: did you mean {nearest:?}?"),
        None => "unknown key: `spot node --print-config` shows all there are".into(),
    }
}

/// The one of these names that was meant, if any is near enough: a slip of the keys in every four letters, a table that was
/// forgotten, or an end that was.
pub(super) fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let wrong = name.to_lowercase();
    let distance = |known: &&str| {
        let known = known.to_lowercase();
        let last = known.split_once(['.', '_']).map(|(_, last)| last);
        let slips = |known: &str| {
            let slips = strsim::damerau_levenshtein(&wrong, known);
            (slips <= (known.len() / 4).max(1)).then_some(slips)
        };
        let is_begun = wrong.len() >= MIN_BEGINNING && known.starts_with(&wrong);
        slips(&known)
            .or_else(|| {
                last.filter(|last| last.len() >= MIN_BEGINNING)
                    .and_then(slips)
            })
            .or_else(|| is_begun.then(|| known.len() - wrong.len()))
    };
    names
        .filter_map(|known| Some((distance(&known)?, known)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Of fewer letters nothing can be told.
const MIN_BEGINNING: usize = 4;

fn discovery(text: &str) -> Result<String, String> {
    read::discovery(text).map(|_| text.to_owned())
}

fn minority(text: &str) -> Result<String, String> {
    read::minority(text).map(|_| text.to_owned())
}

/// Reads what to log.
pub(crate) fn level(text: &str) -> Result<String, String> {
    LevelFilter::from_str(text)
        .map(|level| level.to_string())
        .map_err(|_| "write error, warn, info, debug, trace or off".into())
}

fn format(text: &str) -> Result<String, String> {
    match text {
        "auto" | "text" | "json" => Ok(text.to_owned()),
        _ => Err("write auto, text or json".into()),
    }
}

/// Reads where the admin server listens.
pub(crate) fn admin(text: &str) -> Result<String, String> {
    if text == "off" || text.parse::<SocketAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    Err(format!("write IP:PORT, such as {DEFAULT_ADMIN}, or off"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_default_is_a_value() {
        for key in KEYS {
            let _ = key.default();
        }
    }

    #[test]
    fn names_and_variables_are_unique() {
        let names: HashSet<_> = KEYS.iter().map(|key| key.name).collect();
        let variables: HashSet<_> = KEYS.iter().map(Key::variable).collect();
        assert_eq!((names.len(), variables.len()), (KEYS.len(), KEYS.len()));
    }

    #[test]
    fn a_key_that_was_like_no_other_was_taken_for_one() {
        for wrong in [
            "user",
            "port",
            "host",
            "colour",
            "persistence",
            "password",
            "ssl.enabled",
            "a.b",
            "x",
        ] {
            let told = unknown(wrong);
            assert!(!told.contains("did you mean"), "{wrong}: {told}");
        }
    }

    #[test]
    fn an_unknown_key_is_told_with_the_nearest() {
        for (wrong, meant) in [
            ("topcis", "\"topics\""),
            ("log.levle", "\"log.level\""),
            ("level", "\"log.level\""),
            ("tpc", "\"tcp\""),
            ("heartbeat.intervall_ms", "\"heartbeat.interval_ms\""),
            ("limits.overflow", "spot sub"),
            ("xyz", "--print-config"),
            ("hearbeat.misses", "\"heartbeat.misses\""),
            ("max_message_bytes", "\"limits.max_message_bytes\""),
            ("limits.max_message", "\"limits.max_message_bytes\""),
        ] {
            let told = unknown(wrong);
            assert!(told.contains(meant), "{wrong}: {told}");
        }
    }
}
