//! What a measured process is to do.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Whose code is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contender {
    /// Ours through the Rust API, with a resolved `Publisher`.
    Rust,
    /// Ours through the Rust API, publishing by name.
    RustNamed,
    /// Ours through the C API, `slk_spot_publish` by name.
    C,
    /// Ours through the C API, with an `slk_spot_publisher_t`.
    CResolved,
    /// As `C`, with another build of the library, to compare before and after.
    Baseline,
    /// libzmq, XPUB and SUB.
    Zmq,
    /// Plain TCP, written in pieces of 64 KiB.
    #[serde(rename = "tcp64")]
    Tcp64,
    /// Plain TCP, written in pieces of 256 KiB.
    #[serde(rename = "tcp256")]
    Tcp256,
    /// The ring of the crate `rtrb`.
    Ring,
    /// A word in memory and a futex.
    Futex,
    /// Zenoh, peer to peer.
    Zenoh,
    /// NATS, by way of its server.
    Nats,
}

impl Contender {
    /// As in tables.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Rust => "ours, Rust",
            Self::RustNamed => "ours, Rust by name",
            Self::C => "ours, C",
            Self::CResolved => "ours, C resolved",
            Self::Baseline => "baseline, C",
            Self::Zmq => "libzmq",
            Self::Tcp64 => "TCP, 64 KiB writes",
            Self::Tcp256 => "TCP, 256 KiB writes",
            Self::Ring => "rtrb",
            Self::Futex => "futex",
            Self::Zenoh => "zenoh",
            Self::Nats => "NATS",
        }
    }
}

/// The part a process plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Publishes for a time, then marks the last message.
    Publish,
    /// Receives up to the last message.
    Subscribe,
    /// Passes on between a publisher and a subscriber.
    Hub,
    /// Sends, and measures how long the answer takes.
    Ping,
    /// Answers.
    Pong,
    /// Publishes in one thread and receives in another.
    Threads,
    /// Publishes and receives in one thread, message by message.
    SameThread,
    /// Ping and pong in two threads.
    ThreadRoundTrip,
    /// Hosts topics, and tells what each subscription and each connection takes.
    Host,
    /// Connects and subscribes, and tells what that takes.
    Hold,
    /// Publishes one message a millisecond; marks all of them in its second life, which is bound where the first was.
    Beat,
    /// Receives from a publisher that is restarted.
    Outlive,
    /// Publishes and receives a number of messages, for those who count instructions.
    Count,
    /// Encodes and decodes a number of messages, for those who count instructions.
    Codec,
}

/// What happens when a subscriber is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overflow {
    /// The publisher waits.
    Block,
    /// The newest message is lost, and counted.
    DropNewest,
}

/// How a subscriber asks for the topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filters {
    /// Each by its name.
    Exact,
    /// All by one pattern, or prefix.
    Pattern,
}

/// What a measured process is to do, as the one argument it is started with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Spec {
    pub role: Role,
    pub contender: Contender,
    /// Bytes of payload, at least 8.
    pub size: usize,
    /// Topics published in turn.
    pub topics: usize,
    /// The number of the first of them.
    pub first_topic: usize,
    /// How many publishers there are, each with topics of its own.
    pub publishers: usize,
    /// How many subscribers the publisher waits for; how many a process holds.
    pub subscribers: usize,
    /// How many messages to handle where their number is what matters.
    pub messages: u64,
    /// How long to publish.
    pub seconds: f64,
    pub overflow: Overflow,
    pub filters: Filters,
    /// Subscriptions beside those that match, which nothing is published for.
    pub idle_filters: usize,
    /// Whom to connect to.
    pub endpoints: Vec<String>,
    /// Whether publisher and subscriber meet at a hub.
    pub relayed: bool,
    /// Where to bind; empty for any port.
    pub bind: String,
    /// The C library to load.
    pub library: PathBuf,
}

impl Spec {
    /// One publisher, one subscriber, one topic.
    #[must_use]
    pub fn new(role: Role, contender: Contender, size: usize) -> Self {
        Self {
            role,
            contender,
            size,
            topics: 1,
            first_topic: 0,
            publishers: 1,
            subscribers: 1,
            messages: 0,
            seconds: 1.0,
            overflow: Overflow::Block,
            filters: Filters::Exact,
            idle_filters: 0,
            endpoints: Vec::new(),
            relayed: false,
            bind: String::new(),
            library: PathBuf::new(),
        }
    }

    /// The filters by which all topics of all publishers are subscribed to, after those that match none. A pattern is
    /// told without the `*` at its end.
    #[must_use]
    pub fn filter_names(&self) -> Vec<String> {
        let mut names: Vec<String> = (0..self.idle_filters)
            .map(|index| format!("u:{index:07}"))
            .collect();
        match self.filters {
            Filters::Exact => names.extend((0..self.topics * self.publishers).map(topic_name)),
            Filters::Pattern => names.push(String::from("t:")),
        }
        names
    }
}

/// Nine bytes.
#[must_use]
pub fn topic_name(index: usize) -> String {
    format!("t:{index:07}")
}
