//! What a full queue does, and the subscriber class that carries the choice over a link.

use std::fmt;

/// What happens to a message when a subscriber's queue is full. The subscriber chooses; its
/// publishers honour it.
///
/// The numbers are those of `SLK_SPOT_OVERFLOW` and of the link protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(u8)]
pub enum Overflow {
    /// The new message is dropped.
    #[default]
    DropNewest = 0,
    /// The oldest queued message is dropped for the new one.
    DropOldest = 1,
    /// The publisher waits, up to its SNDTIMEO.
    Block = 2,
    /// The slow subscription is ended.
    Disconnect = 3,
}

impl Overflow {
    /// The policy with this number, or `None` above 3.
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::DropNewest),
            1 => Some(Self::DropOldest),
            2 => Some(Self::Block),
            3 => Some(Self::Disconnect),
            _ => None,
        }
    }

    /// The number of this policy, 0 to 3.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DropNewest => "drop-newest",
            Self::DropOldest => "drop-oldest",
            Self::Block => "block",
            Self::Disconnect => "disconnect",
        })
    }
}

/// A group of one node's subscribers that a publisher treats alike: the low two bits are the
/// [`Overflow`] policy, the rest is a number the subscribing node chose. Every `u64` is a class.
///
/// Subscribers that drop may share one class; one that blocks or disconnects has its own, because
/// its window and its end concern it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Class(pub u64);

impl Class {
    /// The largest subscriber number: 62 bits.
    pub const MAX_SUBSCRIBER: u64 = u64::MAX >> 2;

    /// The class of `subscriber` under `policy`.
    ///
    /// # Panics
    /// If `subscriber` is above [`Class::MAX_SUBSCRIBER`].
    pub const fn new(policy: Overflow, subscriber: u64) -> Self {
        assert!(subscriber <= Self::MAX_SUBSCRIBER);
        Self(subscriber << 2 | policy as u64)
    }

    /// The class of the stream that a node publishes to a topic's owner under `alias`: its window is the owner's.
    pub const fn upstream(alias: u32) -> Self {
        Self::new(Overflow::Block, UPSTREAM | alias as u64)
    }

    /// The class in which a node asks for a stream that it passes on to subscribers that block. `number` tells those of
    /// one link apart.
    pub const fn relay(number: u32) -> Self {
        Self::new(Overflow::Block, RELAY | number as u64)
    }

    /// The policy in the low two bits.
    pub const fn policy(self) -> Overflow {
        match self.0 & 3 {
            0 => Overflow::DropNewest,
            1 => Overflow::DropOldest,
            2 => Overflow::Block,
            _ => Overflow::Disconnect,
        }
    }

    /// The subscriber number, as the subscribing node chose it.
    pub const fn subscriber(self) -> u64 {
        self.0 >> 2
    }
}

/// Subscriber numbers with this bit stand for streams to a topic's owner.
const UPSTREAM: u64 = 1 << 61;
/// Subscriber numbers with this bit stand for the subscribers behind a node that relays.
const RELAY: u64 = 1 << 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_policy_and_number() {
        for number in 0..4 {
            let policy = Overflow::from_number(number).unwrap();
            assert_eq!(u64::from(policy.number()), number);
            let class = Class::new(policy, 9);
            assert_eq!(
                (class.0, class.policy(), class.subscriber()),
                (36 + number, policy, 9)
            );
        }
        assert_eq!(Overflow::from_number(4), None);
        assert_eq!(Class(u64::MAX).subscriber(), Class::MAX_SUBSCRIBER);
    }
}
