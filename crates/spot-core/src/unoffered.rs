//! Streams that a neighbour announces although it does not offer their topics, as far as we know: the TOPICS that did was
//! missed. What comes of them is kept until that is found out and repaired.

use std::collections::HashMap;

use crate::frame::{Alias, Frame, TopicChange, kind};
use crate::limits::MAX_UNOFFERED_BYTES;

/// What a frame takes beside its bytes.
const FRAME_BYTES: usize = 64;

/// The frames of such streams on one link.
#[derive(Debug, Default)]
pub struct Unoffered {
    /// Topics by alias.
    topics: HashMap<u32, Box<str>>,
    /// By topic, in the order they came, each with its alias.
    frames: HashMap<Box<str>, Vec<Kept>>,
    bytes: usize,
    /// A list that began anew is being read.
    in_list: bool,
}

type Kept = (u32, Box<[u8]>);

impl Unoffered {
    /// A stream is announced: one of the neighbour's own whose topic it does not offer, or any other. What had its alias
    /// before has ended, and is forgotten.
    pub fn announced(&mut self, alias: &Alias<'_>, is_unoffered: bool) {
        if let Some(topic) = self.topics.get(&alias.alias)
            && **topic != *alias.topic
        {
            self.forget(alias.alias);
        }
        if !is_unoffered {
            return;
        }
        let frame = Frame::Alias(*alias).to_vec();
        if self.bytes + cost(&frame) > MAX_UNOFFERED_BYTES {
            return;
        }
        self.bytes += cost(&frame);
        self.topics.insert(alias.alias, alias.topic.into());
        let frames = self.frames.entry(alias.topic.into()).or_default();
        frames.push((alias.alias, frame.into()));
    }

    /// Keeps a frame of an alias, if that is of such a stream. Without room for a message the numbers of further ones tell
    /// that it is missing. Half of the room is for announcements. Credit for it is given back at once: it may stay for ever.
    pub fn keep(&mut self, alias: u32, frame: &[u8]) {
        let Some(topic) = self.topics.get(&alias) else {
            return;
        };
        if self.bytes + cost(frame) <= MAX_UNOFFERED_BYTES / 2 {
            self.bytes += cost(frame);
            let frames = self.frames.get_mut(topic).expect("its topic has frames");
            frames.push((alias, frame.into()));
        }
    }

    /// The neighbour told its offers by this TOPICS frame, or what they amount to by this DIGEST: the frames to be read
    /// again, in order, of streams whose topics turn out to be offered. Only a list that began anew brings what was missed. A
    /// change that adds a topic begins another life of it: what came before is what was on its way when it was removed.
    #[must_use]
    pub fn take_offered(&mut self, told: &[u8]) -> Vec<Box<[u8]>> {
        match told.first() {
            Some(&kind::TOPICS) => {}
            Some(&kind::DIGEST) => {
                self.in_list = false;
                return Vec::new();
            }
            _ => return Vec::new(),
        }
        let Ok(Frame::Topics { changes, reset, .. }) = Frame::decode(told) else {
            return Vec::new();
        };
        self.in_list |= reset;
        let mut offered = Vec::new();
        for change in changes {
            match change {
                TopicChange::Add(topic) if !self.in_list => drop(self.take(topic)),
                TopicChange::Add(topic) => offered.extend(self.take(topic)),
                TopicChange::Remove(topic) => drop(self.take(topic)),
                TopicChange::Relay { .. } | TopicChange::Unrelay { .. } => {}
            }
        }
        offered.into_iter().map(|(_, frame)| frame).collect()
    }

    fn take(&mut self, topic: &str) -> Vec<Kept> {
        let frames = self.frames.remove(topic).unwrap_or_default();
        for (alias, frame) in &frames {
            self.bytes -= cost(frame);
            self.topics.remove(alias);
        }
        frames
    }

    fn forget(&mut self, alias: u32) {
        let topic = self.topics.remove(&alias).expect("the caller found it");
        let frames = self.frames.get_mut(&topic).expect("its topic has frames");
        let bytes = &mut self.bytes;
        frames.retain(|(of, frame)| {
            let stays = *of != alias;
            *bytes -= if stays { 0 } else { cost(frame) };
            stays
        });
        if frames.is_empty() {
            self.frames.remove(&topic);
        }
    }
}

fn cost(frame: &[u8]) -> usize {
    FRAME_BYTES + frame.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Data, topics_frames};
    use crate::identity::{Incarnation, NodeId};

    fn alias(alias: u32, topic: &str) -> Alias<'_> {
        Alias {
            alias,
            upstream: false,
            passage: None,
            resumed: false,
            since: 0,
            next_sequence: 0,
            incarnation: Incarnation(1),
            publisher: NodeId([1; 16]),
            topic,
        }
    }

    fn data(alias: u32, sequence: u64, payload: &[u8]) -> Vec<u8> {
        let data = Data {
            alias,
            sequence,
            payload,
        };
        Frame::Data(data).to_vec()
    }

    fn offers(changes: &[TopicChange<'_>]) -> Vec<u8> {
        topics_frames(1, true, changes.iter().copied()).remove(0)
    }

    #[test]
    fn what_comes_before_its_topic_is_offered_is_read_again_in_order() {
        let mut kept = Unoffered::default();
        kept.announced(&alias(1, "a"), true);
        kept.announced(&alias(2, "b"), true);
        kept.keep(1, &data(1, 0, b"x"));
        kept.keep(3, &data(3, 0, b"of another stream"));
        assert!(
            kept.take_offered(&offers(&[TopicChange::Add("c")]))
                .is_empty()
        );
        let again = kept.take_offered(&offers(&[TopicChange::Add("a"), TopicChange::Remove("b")]));
        let expected = [Frame::Alias(alias(1, "a")).to_vec(), data(1, 0, b"x")];
        assert_eq!(again, expected.map(Vec::into_boxed_slice));
        kept.keep(1, b"");
        kept.keep(2, b"");
        assert_eq!(kept.bytes, 0);
    }

    #[test]
    fn what_has_lost_its_alias_to_another_stream_does_not_take_it_back() {
        let mut kept = Unoffered::default();
        kept.announced(&alias(1, "a"), true);
        kept.announced(&alias(2, "a"), true);
        kept.keep(1, &data(1, 0, b"of the first life of a"));
        kept.announced(&alias(1, "b"), false);
        kept.keep(1, &data(1, 0, b"of b"));
        let again = kept.take_offered(&offers(&[TopicChange::Add("a")]));
        assert_eq!(*again, [Frame::Alias(alias(2, "a")).to_vec().into()]);
        assert_eq!(kept.bytes, 0);
    }

    #[test]
    fn what_was_on_its_way_when_its_topic_was_removed_came_back_with_the_topic() {
        let mut kept = Unoffered::default();
        assert!(kept.take_offered(&offers(&[])).is_empty());
        let digest = Frame::Digest {
            version: 1,
            offers: crate::frame::Digest::default(),
        };
        assert!(kept.take_offered(&digest.to_vec()).is_empty());
        kept.announced(&alias(1, "a"), true);
        kept.keep(1, &data(1, 0, b"late"));
        let again = topics_frames(2, false, [TopicChange::Add("a")]).remove(0);
        assert!(kept.take_offered(&again).is_empty());
        assert_eq!(kept.bytes, 0);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut kept = Unoffered::default();
        kept.announced(&alias(0, "a"), true);
        for sequence in 0..100 {
            kept.keep(0, &data(0, sequence, &[0; 100_000]));
        }
        assert!(kept.bytes <= MAX_UNOFFERED_BYTES / 2);
        let names: Vec<String> = (1..100_000).map(|number| number.to_string()).collect();
        for (number, name) in names.iter().enumerate() {
            kept.announced(&alias(number as u32 + 1, name), true);
        }
        assert!(kept.bytes <= MAX_UNOFFERED_BYTES);
        let again = kept.take_offered(&offers(&[TopicChange::Add("a")]));
        assert!((10..100).contains(&again.len()), "{}", again.len());
    }
}
