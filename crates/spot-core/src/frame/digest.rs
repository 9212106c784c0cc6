//! DIGEST: what all changes of the offered topics amount to, in a few bytes.

use super::reader::Reader;
use super::topics::put_change;
use super::{FrameError, TopicChange};
use crate::identity::fnv1a_128;

/// How many topics are offered, and a sum that tells one set of offers from another, whatever the order they came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Digest {
    /// Offers that hold.
    pub count: u64,
    /// The sum of their hashes modulo 2^128.
    pub sum: u128,
}

impl Digest {
    /// An offer holds from now on: an [`Add`](TopicChange::Add) or a [`Relay`](TopicChange::Relay).
    pub fn add(&mut self, offer: TopicChange<'_>) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(hash(offer));
    }

    /// An offer that was [added](Self::add) does not hold any more.
    pub fn remove(&mut self, offer: TopicChange<'_>) {
        self.count -= 1;
        self.sum = self.sum.wrapping_sub(hash(offer));
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, FrameError> {
        Ok(Self {
            count: reader.varint("count")?,
            sum: u128::from_be_bytes(reader.array("sum")?),
        })
    }
}

/// The hash of an offer as TOPICS tells it.
fn hash(offer: TopicChange<'_>) -> u128 {
    let mut entry = Vec::with_capacity(64);
    put_change(&mut entry, offer);
    fnv1a_128(&entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Incarnation, NodeId};

    fn relay(hops: u8) -> TopicChange<'static> {
        TopicChange::Relay {
            origin: NodeId([7; 16]),
            hops,
            reached: Some(Incarnation(1)),
            topic: "a",
        }
    }

    #[test]
    fn the_order_of_changes_does_not_matter() {
        let mut one = Digest::default();
        one.add(TopicChange::Add("a"));
        one.add(relay(1));
        let mut other = Digest::default();
        other.add(relay(1));
        other.add(TopicChange::Add("b"));
        other.remove(TopicChange::Add("b"));
        assert_ne!(one, other);
        other.add(TopicChange::Add("a"));
        assert_eq!(one, other);
    }

    #[test]
    fn another_way_to_the_same_topic_is_another_offer() {
        let mut one = Digest::default();
        one.add(relay(1));
        let mut other = Digest::default();
        other.add(relay(2));
        assert_ne!(one, other);
    }
}
