//! Options of nodes and subscribers.

use std::time::Duration;

use spot_core::node::ClusterConfig;
use spot_core::{Overflow, limits};

use super::cluster::{Discovery, Minority};
use super::error::OptionsError;
use crate::net::TcpOptions;

/// How long a receiver may spin before it sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spin {
    /// As long as spinning has paid off lately; nothing when idle, and nothing while the receiver waits for the network
    /// itself.
    Adaptive,
    /// At most this many microseconds; 0 never spins.
    Micros(u32),
}

/// Options of a node. All take effect at once, except those named "of links", which apply to links made later.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Messages that may wait in a link's queue (SNDHWM); 0 is unlimited. Default 1000.
    pub send_hwm: usize,
    /// What subscribers made later start with.
    pub subscriber: SubscriberOptions,
    /// Payload bytes that may wait in a link's queue; 0 is unlimited. Default 64 MiB.
    pub send_hwm_bytes: usize,
    /// Messages that each topic hosted here keeps, for subscribers that come late and for those whose link was cut; and
    /// up to `send_hwm_bytes` of their payloads, if that is not 0. At most 1048576; less than before frees at once.
    /// Default 0: none.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use serverlink::Node;
    /// // A last-value cache: each topic keeps its last message, each subscription begins with it.
    /// let keeping = |options: &mut serverlink::Options| {
    ///     options.history = 1;
    ///     options.subscriber.history = 1;
    /// };
    /// let node = Node::builder().options(keeping).topic("door").start()?;
    /// node.publish("door", "open")?;
    /// let subscriber = node.subscribe(["door"])?;
    /// assert_eq!(subscriber.recv()?.into_message().unwrap().data(), b"open");
    /// # Ok(()) }
    /// ```
    pub history: usize,
    /// How long a publish waits for a blocking subscriber; `None` for ever. Default `None`.
    pub send_timeout: Option<Duration>,
    /// How long closing may take for queued outbound data; `None` as long as it takes. Default 1 s.
    pub linger: Option<Duration>,
    /// How long [`Node::route_topic`](crate::Node::route_topic) waits for its endpoint. Default 1 s.
    pub connect_timeout: Duration,
    /// First pause before a reconnect, doubled each time. Default 100 ms.
    pub reconnect_min: Duration,
    /// Longest pause before a reconnect. Default 5 s.
    pub reconnect_max: Duration,
    /// Largest payload in bytes, sent or received. Default 64 MiB.
    pub max_message_size: usize,
    /// Pause between heartbeats of links; zero sends none. Default 2 s.
    pub heartbeat_interval: Duration,
    /// Silence after which a peer is dead; `None` is three intervals. Default `None`.
    pub heartbeat_timeout: Option<Duration>,
    /// Silence after which the peer should take us for dead; `None` asks for nothing. Default `None`.
    pub heartbeat_ttl: Option<Duration>,
    /// Whether this node is a hub: it makes the topics of nodes that it is linked to known to the others, and passes
    /// messages on between them, on demand. Nodes of the same context are not among them. Takes effect at once. Default
    /// false.
    pub relay: bool,
    /// TCP options of links and binds.
    pub tcp: TcpOptions,
    /// Connections that the system may hold of a bind made later before they are accepted. Default 1024.
    pub backlog: u32,
    /// How long receivers spin before they sleep.
    pub spin: Spin,
    /// Members of the whole cluster, of which more than half make a majority: 1 to 4096, the same on every node. `None`
    /// takes the members that are known and have not left. Default `None`.
    pub cluster_size: Option<usize>,
    /// How the node learns whom to link to. Default [`Discovery::Listed`].
    pub discovery: Discovery,
    /// What the node does without a majority. Default [`Minority::GoOn`].
    pub minority: Minority,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            send_hwm: limits::DEFAULT_HWM,
            subscriber: SubscriberOptions::default(),
            send_hwm_bytes: limits::DEFAULT_HWM_BYTES,
            history: 0,
            send_timeout: None,
            linger: Some(Duration::from_millis(limits::LINGER_MS)),
            connect_timeout: Duration::from_millis(limits::CONNECT_TIMEOUT_MS),
            reconnect_min: Duration::from_millis(limits::RECONNECT_MIN_MS),
            reconnect_max: Duration::from_millis(limits::RECONNECT_MAX_MS),
            max_message_size: limits::DEFAULT_MAX_MESSAGE_BYTES,
            heartbeat_interval: Duration::from_millis(limits::HEARTBEAT_INTERVAL_MS),
            heartbeat_timeout: None,
            heartbeat_ttl: None,
            relay: false,
            tcp: TcpOptions::default(),
            backlog: 1024,
            spin: Spin::Adaptive,
            cluster_size: None,
            discovery: Discovery::default(),
            minority: Minority::default(),
        }
    }
}

impl Options {
    /// Checks what the types leave open: that every value is in its range. Called by whatever takes options.
    ///
    /// # Errors
    /// [`OptionsError::OutOfRange`] names the first option that is not.
    pub fn check(&self) -> Result<(), OptionsError> {
        let tcp = &self.tcp;
        in_range(
            "reconnect_min",
            self.reconnect_min.as_millis(),
            1,
            DAY_MS,
            "1 ms to 24 hours",
        )?;
        let min_ms = self.reconnect_min.as_millis();
        in_range(
            "reconnect_max",
            self.reconnect_max.as_millis(),
            min_ms,
            DAY_MS,
            "reconnect_min to 24 hours",
        )?;
        in_range(
            "heartbeat_interval",
            self.heartbeat_interval.as_millis(),
            0,
            DAY_MS,
            "0 to 24 hours",
        )?;
        in_range(
            "heartbeat_timeout",
            millis(self.heartbeat_timeout),
            1,
            DAY_MS,
            "1 ms to 24 hours",
        )?;
        in_range(
            "heartbeat_ttl",
            millis(self.heartbeat_ttl),
            1,
            6_553_500,
            "1 ms to 6553.5 s",
        )?;
        in_range(
            "max_message_size",
            self.max_message_size as u128,
            1,
            MAX_MESSAGE_SIZE,
            "1 byte to 1 GiB",
        )?;
        in_range(
            "history",
            self.history as u128,
            0,
            limits::MAX_HISTORY_MESSAGES as u128,
            "0 to 1048576 messages",
        )?;
        in_range(
            "cluster_size",
            self.cluster_size.unwrap_or(1) as u128,
            1,
            limits::MAX_CLUSTER_SIZE as u128,
            "1 to 4096",
        )?;
        in_range("backlog", u128::from(self.backlog), 1, 65_535, "1 to 65535")?;
        in_range(
            "keepalive_idle_s",
            u128::from(tcp.keepalive_idle_s),
            1,
            32_767,
            "1 to 32767 seconds",
        )?;
        in_range(
            "keepalive_interval_s",
            u128::from(tcp.keepalive_interval_s),
            1,
            32_767,
            "1 to 32767 seconds",
        )?;
        in_range(
            "keepalive_count",
            u128::from(tcp.keepalive_count),
            1,
            127,
            "1 to 127",
        )
    }
}

impl Options {
    pub(crate) fn cluster(&self) -> ClusterConfig {
        ClusterConfig {
            size: self.cluster_size,
            discovery: self.discovery == Discovery::Gossip,
            refuse_minority: self.minority == Minority::Refuse,
        }
    }
}

const DAY_MS: u128 = 24 * 60 * 60 * 1000;
const MAX_MESSAGE_SIZE: u128 = 1 << 30;

/// A time that is not set is in every range.
fn millis(duration: Option<Duration>) -> u128 {
    duration.map_or(1, |duration| duration.as_millis())
}

fn in_range(
    option: &'static str,
    value: u128,
    least: u128,
    most: u128,
    expected: &'static str,
) -> Result<(), OptionsError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(OptionsError::OutOfRange {
        option,
        value: value.to_string(),
        expected,
    })
}

/// Options of one subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriberOptions {
    /// Messages that may wait to be received (RCVHWM); 0 is unlimited. Default 1000.
    pub hwm: usize,
    /// Payload bytes that may wait to be received; 0 is unlimited. Default 64 MiB.
    pub hwm_bytes: usize,
    /// What happens to a message that finds the queue full. Default [`Overflow::DropNewest`].
    pub overflow: Overflow,
    /// Messages from before its time that each subscription made from now on begins with: of each matching topic up to
    /// so many of the last that its owner keeps (see [`Options::history`]), and no more than find room in the queue.
    /// Default 0: none.
    pub history: usize,
    /// How long [`Subscriber::recv`](crate::Subscriber::recv) waits; `None` for ever. Default `None`.
    pub recv_timeout: Option<Duration>,
    /// Whether losses are received as [`Delivery::Gap`](crate::Delivery::Gap); otherwise they are counted, and told as
    /// [`Event::Gap`](crate::Event::Gap): those of this queue when it is next received from. Default true.
    pub tell_gaps: bool,
}

impl SubscriberOptions {
    /// What to ask of an owner: no more than the queue may hold.
    pub(crate) fn history_asked(&self) -> usize {
        match self.hwm {
            0 => self.history,
            hwm => self.history.min(hwm),
        }
    }
}

impl Default for SubscriberOptions {
    fn default() -> Self {
        Self {
            hwm: limits::DEFAULT_HWM,
            hwm_bytes: limits::DEFAULT_HWM_BYTES,
            overflow: Overflow::DropNewest,
            history: 0,
            recv_timeout: None,
            tell_gaps: true,
        }
    }
}
