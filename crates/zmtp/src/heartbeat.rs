//! Finding dead peers (RFC 37, section "Connection Heartbeating").

use crate::Version;

/// How to heartbeat; all in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeartbeatConfig {
    /// Time between two PINGs; 0 sends none.
    pub interval_ms: u64,
    /// Silence after a PING that means the peer is dead; 0 means as long as `interval_ms`.
    pub timeout_ms: u64,
    /// Silence after which the peer should take us for dead, sent with each PING in tenths of a second, at
    /// most 6553.5 s; 0 asks nothing of the peer.
    pub ttl_ms: u64,
}

/// What [`Heartbeat::poll`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeartbeatAction {
    /// Nothing until [`Heartbeat::deadline`].
    None,
    /// Send a PING with [`Heartbeat::ttl_deciseconds`].
    SendPing,
    /// Close the connection: the peer has been silent for too long.
    PeerDead,
}

/// Decides when to send PING and when to give the peer up. Time is the caller's: milliseconds of any clock
/// that never goes back.
///
/// ```
/// use zmtp::{Heartbeat, HeartbeatAction, HeartbeatConfig, Version};
/// let config = HeartbeatConfig { interval_ms: 1000, timeout_ms: 3000, ttl_ms: 5000 };
/// let mut heartbeat = Heartbeat::new(config, Version::V3_1, 0);
/// assert_eq!(heartbeat.deadline(), Some(1000));
/// assert_eq!(heartbeat.poll(1000), HeartbeatAction::SendPing);
/// heartbeat.on_received();
/// assert_eq!(heartbeat.poll(1010), HeartbeatAction::None);
/// assert_eq!(heartbeat.deadline(), Some(2000));
/// ```
#[derive(Debug, Clone)]
pub struct Heartbeat {
    config: HeartbeatConfig,
    /// When to send the next PING; `None` if none are sent.
    next_ping_ms: Option<u64>,
    /// When the peer is dead unless it breaks the silence after our PING.
    reply_due_ms: Option<u64>,
    /// When the peer is dead by the TTL of its own PING.
    peer_ttl_ends_ms: Option<u64>,
}

impl Heartbeat {
    /// Starts at `now_ms`, with the first PING an interval later. No PING is sent to peers before ZMTP 3.1,
    /// which do not know it.
    pub fn new(config: HeartbeatConfig, peer: Version, now_ms: u64) -> Self {
        let pings = config.interval_ms > 0 && peer >= Version::V3_1;
        Self {
            config,
            next_ping_ms: pings.then(|| now_ms.saturating_add(config.interval_ms)),
            reply_due_ms: None,
            peer_ttl_ends_ms: None,
        }
    }

    /// Notes that bytes arrived, of whatever kind: any traffic is a sign of life. To be called before the
    /// frames among them are handled.
    #[inline]
    pub fn on_received(&mut self) {
        self.reply_due_ms = None;
        self.peer_ttl_ends_ms = None;
    }

    /// Notes that the peer's PING asked to be taken for dead after `ttl_deciseconds` tenths of a second of
    /// silence; 0 asks nothing. Counts also where this side sends no PINGs.
    pub fn on_ping(&mut self, ttl_deciseconds: u16, now_ms: u64) {
        let ttl_ms = u64::from(ttl_deciseconds) * 100;
        self.peer_ttl_ends_ms = (ttl_ms > 0).then(|| now_ms.saturating_add(ttl_ms));
    }

    /// What to do at `now_ms`. To be asked again at [`deadline`](Self::deadline), or earlier.
    pub fn poll(&mut self, now_ms: u64) -> HeartbeatAction {
        let passed = |deadline_ms: Option<u64>| deadline_ms.is_some_and(|at_ms| at_ms <= now_ms);
        if passed(self.reply_due_ms) || passed(self.peer_ttl_ends_ms) {
            return HeartbeatAction::PeerDead;
        }
        if !passed(self.next_ping_ms) {
            return HeartbeatAction::None;
        }
        // Sent also while the peer is talking: it may hold us to the TTL of our last PING.
        self.next_ping_ms = Some(now_ms.saturating_add(self.config.interval_ms));
        self.reply_due_ms
            .get_or_insert(now_ms.saturating_add(self.timeout_ms()));
        HeartbeatAction::SendPing
    }

    /// When [`poll`](Self::poll) has something to say next; `None` if never.
    pub fn deadline(&self) -> Option<u64> {
        [self.next_ping_ms, self.reply_due_ms, self.peer_ttl_ends_ms]
            .into_iter()
            .flatten()
            .min()
    }

    /// The TTL for our PINGs, in tenths of a second: rounded up, so that the peer never waits less than asked.
    pub fn ttl_deciseconds(&self) -> u16 {
        u16::try_from(self.config.ttl_ms.div_ceil(100)).unwrap_or(u16::MAX)
    }

    fn timeout_ms(&self) -> u64 {
        match self.config.timeout_ms {
            0 => self.config.interval_ms,
            timeout_ms => timeout_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: HeartbeatConfig = HeartbeatConfig {
        interval_ms: 1000,
        timeout_ms: 2500,
        ttl_ms: 4001,
    };

    #[test]
    fn a_silent_peer_dies_a_timeout_after_the_first_unanswered_ping() {
        let mut heartbeat = Heartbeat::new(CONFIG, Version::V3_1, 0);
        assert_eq!(heartbeat.poll(999), HeartbeatAction::None);
        assert_eq!(heartbeat.poll(1000), HeartbeatAction::SendPing);
        assert_eq!(heartbeat.poll(1000), HeartbeatAction::None);
        assert_eq!(heartbeat.poll(2000), HeartbeatAction::SendPing);
        assert_eq!(heartbeat.poll(3000), HeartbeatAction::SendPing);
        assert_eq!(heartbeat.deadline(), Some(3500));
        assert_eq!(heartbeat.poll(3500), HeartbeatAction::PeerDead);
    }

    #[test]
    fn any_traffic_is_a_sign_of_life() {
        let mut heartbeat = Heartbeat::new(CONFIG, Version::V3_1, 0);
        for second in 1..100 {
            assert_eq!(heartbeat.poll(second * 1000), HeartbeatAction::SendPing);
            heartbeat.on_received();
        }
    }

    #[test]
    fn a_late_poll_neither_kills_nor_bursts() {
        let mut heartbeat = Heartbeat::new(CONFIG, Version::V3_1, 0);
        assert_eq!(heartbeat.poll(60_000), HeartbeatAction::SendPing);
        assert_eq!(heartbeat.poll(60_000), HeartbeatAction::None);
        assert_eq!(heartbeat.deadline(), Some(61_000));
    }

    #[test]
    fn no_timeout_means_the_interval() {
        let config = HeartbeatConfig {
            timeout_ms: 0,
            ..CONFIG
        };
        let mut heartbeat = Heartbeat::new(config, Version::V3_1, 0);
        assert_eq!(heartbeat.poll(1000), HeartbeatAction::SendPing);
        assert_eq!(heartbeat.poll(2000), HeartbeatAction::PeerDead);
    }

    #[test]
    fn the_peers_ttl_is_honoured_once_and_only_for_silence() {
        let off = HeartbeatConfig {
            interval_ms: 0,
            ..CONFIG
        };
        let mut heartbeat = Heartbeat::new(off, Version::V3_1, 0);
        heartbeat.on_ping(20, 100);
        assert_eq!(heartbeat.deadline(), Some(2100));
        assert_eq!(heartbeat.poll(2099), HeartbeatAction::None);
        assert_eq!(heartbeat.clone().poll(2100), HeartbeatAction::PeerDead);
        heartbeat.on_received();
        assert_eq!(heartbeat.poll(1_000_000), HeartbeatAction::None);
        heartbeat.on_ping(0, 1_000_000);
        assert_eq!(heartbeat.deadline(), None);
    }

    #[test]
    fn disabled_for_3_0_peers_and_without_interval() {
        let off = HeartbeatConfig {
            interval_ms: 0,
            ..CONFIG
        };
        for mut heartbeat in [
            Heartbeat::new(CONFIG, Version::V3_0, 0),
            Heartbeat::new(off, Version::V3_1, 0),
        ] {
            assert_eq!(heartbeat.deadline(), None);
            assert_eq!(heartbeat.poll(u64::MAX), HeartbeatAction::None);
        }
    }

    #[test]
    fn the_ttl_is_rounded_up_and_bounded() {
        let ttl_of = |ttl_ms| {
            let config = HeartbeatConfig { ttl_ms, ..CONFIG };
            Heartbeat::new(config, Version::V3_1, 0).ttl_deciseconds()
        };
        assert_eq!([ttl_of(0), ttl_of(1), ttl_of(4001)], [0, 1, 41]);
        assert_eq!(ttl_of(u64::MAX), u16::MAX);
    }
}
