//! Sending what is published on a topic that is hosted elsewhere to its owner.

use std::sync::{Arc, Mutex};

use spot_core::frame::{Alias, DATA_HEADER_MAX_BYTES, encode_data_header};
use spot_core::inbox::Offer;
use spot_core::node::WayToOwner;
use spot_core::{Payload, upstream};

use super::aftermath::Aftermath;
use super::publish::{Blocker, Identity, Mail, PublishFailure};
use super::topic::{Life, SinkKind, Topic};
use super::{SharedOutbox, lock};

/// How far the messages to each owner are numbered.
pub(crate) type Sent = upstream::SentTo<Arc<Mutex<UpstreamState>>>;

/// The way to the owner of a topic that is hosted elsewhere.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(super) way: WayToOwner,
    kind: SinkKind,
    pub(super) state: Arc<Mutex<UpstreamState>>,
}

/// The publishing side of a stream to one owner, whichever ways it takes.
#[derive(Debug, Default)]
pub(crate) struct UpstreamState {
    /// The way that messages go now; a publisher that has found another is to look again.
    way: Option<WayToOwner>,
    /// Which of the publisher's lives its numbers began in.
    life: Life,
    pub(super) sender: upstream::Sender,
}

impl Upstream {
    pub(crate) fn new(way: WayToOwner, kind: SinkKind, life: u32) -> Self {
        let state = UpstreamState {
            life: Life(life),
            ..UpstreamState::default()
        };
        Self {
            way,
            kind,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Goes on with the numbers of an owner that messages went to before. True beside it if those of another are forgotten.
    pub(super) fn going_on(mut self, sent: &mut Sent) -> (Self, bool) {
        let made = || self.state.clone();
        let (state, forgets) = sent.of(self.way.owner, made);
        self.state = state.clone();
        (self, forgets)
    }

    /// It is in use from now on. What was lost of messages that were sent another way is to show at once.
    pub(super) fn enter(&self, topic: &Topic, identity: Identity) {
        let mut state = lock(&self.state);
        state.way = Some(self.way);
        if let SinkKind::Wire { outbox, .. } = &self.kind
            && state.sender.is_to_show_on(&self.way)
        {
            state.announce(&self.way, topic, identity, outbox);
            outbox.flush_soon();
        }
    }

    /// It is not in use any more: the stream ends there, and publishers that wait on it are to look again.
    pub(super) fn leave(&self, alias: u32) {
        if let SinkKind::Wire { outbox, .. } = &self.kind {
            let mut state = lock(&self.state);
            state.way = None;
            if outbox.is_in_use()
                && let Some(tail) = state.sender.leave(self.way.link, alias)
            {
                outbox.control(&tail.to_vec());
                outbox.flush_soon();
            }
            drop(state);
            outbox.wake_blocked();
        }
    }
}

impl UpstreamState {
    /// Announces the stream on a way; messages go into `outbox` from now on.
    fn announce(
        &mut self,
        way: &WayToOwner,
        topic: &Topic,
        identity: Identity,
        outbox: &SharedOutbox,
    ) {
        let stream = Alias {
            alias: topic.id.0,
            upstream: true,
            resumed: false,
            since: 0,
            passage: None,
            next_sequence: 0,
            incarnation: self.life.of(identity),
            publisher: identity.node,
            topic: &topic.name,
        };
        outbox.with(|queue| self.sender.announce(way, stream, queue));
    }
}

impl Topic {
    /// Sends a message to the topic's owner; `None` if that is not the way to it any more.
    pub(super) fn publish_upstream(
        &self,
        upstream: &Upstream,
        identity: Identity,
        payload: &Payload,
        mail: Mail,
        after: &mut Aftermath,
    ) -> Option<Result<(), PublishFailure>> {
        let mut state = lock(&upstream.state);
        if state.way != Some(upstream.way) {
            return None;
        }
        Some(self.send_upstream(upstream, &mut state, identity, payload, mail, after))
    }

    fn send_upstream(
        &self,
        upstream: &Upstream,
        state: &mut UpstreamState,
        identity: Identity,
        payload: &Payload,
        mail: Mail,
        after: &mut Aftermath,
    ) -> Result<(), PublishFailure> {
        match &upstream.kind {
            SinkKind::Wire { outbox, .. } => {
                if outbox.is_closed() {
                    return Err(PublishFailure::Unreachable);
                }
                if !state.sender.is_announced_on(&upstream.way) {
                    state.announce(&upstream.way, self, identity, outbox);
                }
                let sender = &mut state.sender;
                let policy = sender.policy();
                let mut header = [0; DATA_HEADER_MAX_BYTES];
                let header_len = encode_data_header(&mut header, self.id.0, sender.next_sequence());
                let (offer, flush) = outbox.offer(policy, &header[..header_len], payload);
                if offer == Offer::Full {
                    return Err(PublishFailure::Full(Blocker::outbox(outbox, policy)));
                }
                sender.sent();
                after.queued(outbox, flush);
                Ok(())
            }
            SinkKind::Direct { node, .. } => {
                let topic = node.upgrade().and_then(|node| node.find_topic(&self.name));
                let topic = topic.ok_or(PublishFailure::Unreachable)?;
                let mut side = lock(&topic.publish);
                if !side.hosted {
                    return Err(PublishFailure::Unreachable);
                }
                topic.publish_hosted(&mut side, payload.into(), mail, after)?;
                side.count_from_peer(payload.len());
                Ok(())
            }
            SinkKind::Plain { .. } | SinkKind::Commander { .. } => Err(PublishFailure::Unreachable),
        }
    }
}
