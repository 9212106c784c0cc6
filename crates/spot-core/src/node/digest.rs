//! Whether both sides of a link agree on what is offered.
//!
//! TOPICS are numbered, and once changes have settled a DIGEST says what they amount to. Who finds that it has missed one
//! asks for the whole list. While nothing changes nothing is sent.

use super::Node;
use super::link::{FrameError, Link};
use super::output::{LinkId, Output};
use crate::frame::{Digest, Frame, TopicChange, topics_frames};
use crate::identity::NodeId;
use crate::limits::{DIGEST_AFTER_MS, RELIST_MAX_MS, RELIST_MIN_MS};

/// What this side of a link has told of its offers.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// What it all amounts to.
    offers: Digest,
    /// Of the last TOPICS.
    version: u64,
    /// Of the last one that began the list anew.
    list_version: u64,
    /// Of the last one that a DIGEST covers.
    digest_version: u64,
    /// No list is asked for again before that.
    answers_at_ms: u64,
}

/// What it has heard of the offers of the other side.
#[derive(Debug)]
pub(super) struct Heard {
    /// The highest version.
    version: u64,
    /// Something was missed, and no DIGEST agrees yet.
    missed: bool,
    /// The list is not asked for again before that.
    asks_at_ms: u64,
    /// The pause after the next time.
    pause_ms: u64,
}

impl Default for Heard {
    fn default() -> Self {
        Self {
            version: 0,
            missed: false,
            asks_at_ms: 0,
            pause_ms: RELIST_MIN_MS,
        }
    }
}

impl Link {
    /// Whether what we know of the offers of the other side lacks something.
    pub(super) fn misses_offers(&self) -> bool {
        self.heard.missed
    }
}

impl Node {
    // Telling.

    /// Tells a link all that is offered there, as a list that begins anew.
    pub(super) fn tell_list<'a>(
        &mut self,
        link: LinkId,
        offers: impl Iterator<Item = TopicChange<'a>>,
    ) {
        let told = &mut self.link_mut(link).told;
        told.offers = Digest::default();
        told.list_version = told.version + 1;
        let sum = &mut told.offers;
        let frames = topics_frames(
            told.list_version,
            true,
            offers.inspect(|offer| sum.add(*offer)),
        );
        told.version += frames.len() as u64;
        for frame in frames {
            self.push(Output::Frame { link, frame });
        }
        self.tell_digest(link);
    }

    /// Tells a link that an offer has changed: what was told of it before, if anything, and what is to be told now.
    pub(super) fn tell_change(
        &mut self,
        link: LinkId,
        before: Option<TopicChange<'_>>,
        now: TopicChange<'_>,
    ) {
        let told = &mut self.link_mut(link).told;
        if let Some(before) = before {
            told.offers.remove(before);
        }
        if matches!(now, TopicChange::Add(_) | TopicChange::Relay { .. }) {
            told.offers.add(now);
        }
        told.version += 1;
        let topics = Frame::Topics {
            version: told.version,
            reset: false,
            changes: vec![now],
        };
        self.send(link, &topics);
        self.look_at_offers_at(self.clock_ms + DIGEST_AFTER_MS);
    }

    /// Tells a link what all changes amount to, unless it knows.
    pub(super) fn tell_digest(&mut self, link: LinkId) {
        let told = &mut self.link_mut(link).told;
        if told.digest_version == told.version {
            return;
        }
        told.digest_version = told.version;
        let digest = Frame::Digest {
            version: told.version,
            offers: told.offers,
        };
        self.send(link, &digest);
    }

    /// The other side has missed something. What it asks for may be on its way already.
    pub(super) fn list_asked(&mut self, link: LinkId, version: u64) {
        let now_ms = self.clock_ms;
        let told = &mut self.link_mut(link).told;
        let has_read_all = (told.list_version..=told.version).contains(&version);
        if has_read_all && told.answers_at_ms <= now_ms {
            told.answers_at_ms = now_ms + RELIST_MIN_MS / 2;
            self.offer_all_topics(link);
        }
    }

    // Hearing.

    /// TOPICS arrived.
    pub(super) fn topics_told(
        &mut self,
        link: LinkId,
        version: u64,
        reset: bool,
        changes: &[TopicChange<'_>],
    ) -> Result<(), FrameError> {
        let heard = &mut self.link_mut(link).heard;
        let before = std::mem::replace(&mut heard.version, version);
        let node = self.node_at(link);
        if reset {
            self.doubt_topics_of(node);
        }
        self.offers_changed(node, changes)?;
        if !reset && before.checked_add(1) != Some(version) {
            self.offers_missed(link);
        }
        Ok(())
    }

    /// DIGEST arrived.
    pub(super) fn digest_told(&mut self, link: LinkId, version: u64, offers: Digest) {
        let node = self.node_at(link);
        let confirmed = self.remotes[&node].confirmed;
        let heard = &mut self.link_mut(link).heard;
        let agrees = heard.version == version && confirmed == offers;
        heard.version = heard.version.max(version);
        if !agrees {
            return self.offers_missed(link);
        }
        heard.pause_ms = RELIST_MIN_MS;
        let was_missed = std::mem::take(&mut heard.missed);
        self.settle_topics_of(node);
        if was_missed {
            self.ask_in_running_syncs(link, node);
        }
    }

    /// Asks for the whole list, as soon as it may be asked for.
    fn offers_missed(&mut self, link: LinkId) {
        let now_ms = self.clock_ms;
        let heard = &mut self.link_mut(link).heard;
        heard.missed = true;
        let version = heard.version;
        let due = heard.asks_at_ms <= now_ms;
        if due {
            heard.asks_at_ms = now_ms + heard.pause_ms;
            heard.pause_ms = (heard.pause_ms * 2).min(RELIST_MAX_MS);
        }
        let again_at_ms = heard.asks_at_ms;
        if due {
            self.send(link, &Frame::Relist { version });
        }
        self.look_at_offers_at(again_at_ms);
    }

    // Both.

    /// Tells the links whose offers have settled, and asks again where something is still missed.
    pub(super) fn offers_due(&mut self) {
        let now_ms = self.clock_ms;
        if self.offers_at_ms.is_none_or(|at_ms| at_ms > now_ms) {
            return;
        }
        self.offers_at_ms = None;
        let links = self.links.iter().filter(|(_, link)| link.is_active_spot());
        let links: Vec<(LinkId, bool)> = links.map(|(id, link)| (*id, link.heard.missed)).collect();
        for (link, missed) in links {
            self.tell_digest(link);
            if missed {
                self.offers_missed(link);
            }
        }
    }

    fn look_at_offers_at(&mut self, at_ms: u64) {
        let known = self.offers_at_ms.unwrap_or(u64::MAX);
        self.offers_at_ms = Some(known.min(at_ms));
    }

    fn node_at(&self, link: LinkId) -> NodeId {
        self.links[&link].spot().expect("checked to be SPOT").node
    }
}
