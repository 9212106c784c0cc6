//! Publishing: all blocking subscribers are reserved room at first, so that a message reaches all or none.

use std::sync::Arc;

use smallvec::SmallVec;
use spot_core::frame::{Alias, DATA_HEADER_MAX_BYTES, Frame, Last, encode_data_header};
use spot_core::history::History;
use spot_core::inbox::{Offer, Source};
use spot_core::outbox::SinkPolicy;
use spot_core::{Class, Incarnation, LinkId, Missed, NodeId, Payload, TopicId};

use super::outbox::Flush;
use super::topic::{
    LinkSink, Outside, PublishSide, SinkKind, SinkSide, Topic, Upstream, UpstreamState,
};
use super::{Deadline, SharedInbox, SharedOutbox, lock};
use crate::engine::NodeInner;
use crate::reactor::LinkPort;

/// Why a message was not published; nobody got it.
#[derive(Debug)]
pub(crate) enum PublishFailure {
    /// The topic object is not in use any more: look the topic up by name.
    Retired,
    /// The topic is known and no owner is reachable.
    Unreachable,
    /// A blocking subscriber has no room.
    Full(Blocker),
    /// A node of this context wants the topic and may not have read yet that it exists: have it read its mail, then
    /// publish with [`Mail::Read`].
    MailUnread(Arc<NodeInner>),
}

/// Why a message of another node was not published; nobody got it.
#[derive(Debug)]
pub(crate) enum PeerRefusal {
    /// The topic is not hosted here.
    NotHosted,
    /// A blocking subscriber has no room.
    Full(Blocker),
}

/// Whether nodes of this context that want a topic have been made to read their mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mail {
    Unread,
    Read,
}

/// Who has no room for a message.
#[derive(Debug)]
pub(crate) enum Blocker {
    Inbox {
        inbox: Arc<SharedInbox>,
        turns: u64,
    },
    Outbox {
        outbox: Arc<SharedOutbox>,
        policy: SinkPolicy,
        turns: u64,
    },
}

impl Blocker {
    /// Has a link that waits in a publisher's place try again when there is room; true if there may be room now.
    pub(crate) fn retry(&self, len: usize, port: &LinkPort) -> bool {
        match self {
            Self::Inbox { inbox, turns } => inbox.retry_when_room(len, *turns, port),
            Self::Outbox {
                outbox,
                policy,
                turns,
            } => outbox.retry_when_room(policy, len, *turns, port),
        }
    }

    /// To be made before the topic's locks are let go of, so that no change in between is overlooked.
    fn inbox(inbox: &Arc<SharedInbox>) -> Self {
        Self::Inbox {
            inbox: inbox.clone(),
            turns: inbox.turns(),
        }
    }

    /// As [`inbox`](Self::inbox).
    pub(crate) fn outbox(outbox: &Arc<SharedOutbox>, policy: &SinkPolicy) -> Self {
        Self::Outbox {
            outbox: outbox.clone(),
            policy: policy.clone(),
            turns: outbox.turns(),
        }
    }

    /// Waits until there may be room; false when the time is up.
    pub(crate) fn wait(&self, len: usize, deadline: Deadline) -> bool {
        match self {
            Self::Inbox { inbox, turns } => inbox.wait_for_room(len, *turns, deadline),
            Self::Outbox {
                outbox,
                policy,
                turns,
            } => outbox.wait_for_room(policy, len, *turns, deadline),
        }
    }
}

/// What is left to do after messages were moved, once all locks of the data plane are free.
#[derive(Debug, Default)]
pub(crate) struct Aftermath {
    /// Links to write to.
    pub(crate) flush: SmallVec<[Arc<SharedOutbox>; 2]>,
    /// Subscribers that are too slow and asked to be disconnected then.
    pub(crate) ended_inboxes: SmallVec<[Arc<SharedInbox>; 1]>,
    /// The same behind links.
    pub(crate) ended_classes: SmallVec<[(LinkId, Class); 1]>,
    /// Messages refused as duplicates.
    pub(crate) duplicates: u64,
    /// Losses that a link told, by topic.
    pub(crate) gaps: Vec<(Arc<str>, Missed)>,
    /// Messages passed on to other nodes, once for each link, and their payload bytes.
    pub(crate) relayed: (u64, u64),
    /// Streams that have changed their way, with the link they are followed to.
    pub(crate) followed: Vec<(TopicId, NodeId, LinkId)>,
}

impl Aftermath {
    pub(crate) fn is_empty(&self) -> bool {
        self.flush.is_empty()
            && self.ended_inboxes.is_empty()
            && self.ended_classes.is_empty()
            && self.duplicates == 0
            && self.gaps.is_empty()
            && self.relayed.0 == 0
            && self.followed.is_empty()
    }

    pub(crate) fn missed(&mut self, topic: &Arc<str>, missed: Missed) {
        self.gaps.push((topic.clone(), missed));
    }

    /// A message was passed on over a link.
    pub(crate) fn relayed(&mut self, len: usize) {
        self.relayed.0 += 1;
        self.relayed.1 += len as u64;
    }

    pub(crate) fn queued(&mut self, outbox: &Arc<SharedOutbox>, flush: Flush) {
        if flush == Flush::Now {
            self.flush.push(outbox.clone());
        }
    }
}

/// Who publishes: the numbers on its streams are told apart by this.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) node: NodeId,
    pub(crate) incarnation: Incarnation,
}

/// Room set aside for one message.
enum Reserved {
    Inbox(Arc<SharedInbox>),
    Outbox(Arc<SharedOutbox>, SinkPolicy),
}

impl Topic {
    /// Publishes a message without waiting.
    pub(crate) fn publish(
        &self,
        identity: Identity,
        payload: &Payload,
        mail: Mail,
        after: &mut Aftermath,
    ) -> Result<(), PublishFailure> {
        loop {
            let mut side = lock(&self.publish);
            if side.hosted {
                return self.publish_hosted(&mut side, payload, mail, after);
            }
            let outside = side.outside.as_ref();
            let upstream = outside.and_then(|outside| outside.upstream.clone());
            let known = side.known;
            drop(side);
            let Some(upstream) = upstream else {
                return Err(if known {
                    PublishFailure::Unreachable
                } else {
                    PublishFailure::Retired
                });
            };
            match self.publish_upstream(&upstream, identity, payload, mail, after) {
                Some(published) => return published,
                // Another thread is about to put the new way in force.
                None => std::thread::yield_now(),
            }
        }
    }

    /// A message that another node published to us as the owner.
    pub(crate) fn publish_for_peer(
        &self,
        payload: &Payload,
        after: &mut Aftermath,
    ) -> Result<(), PeerRefusal> {
        let mut mail = Mail::Unread;
        loop {
            let mut side = lock(&self.publish);
            if !side.hosted {
                return Err(PeerRefusal::NotHosted);
            }
            match self.publish_hosted(&mut side, payload, mail, after) {
                Err(PublishFailure::Full(blocker)) => return Err(PeerRefusal::Full(blocker)),
                Err(PublishFailure::MailUnread(node)) => {
                    drop(side);
                    node.read_mail();
                    mail = Mail::Read;
                }
                _ => return Ok(()),
            }
        }
    }

    /// As [`publish_for_peer`](Self::publish_for_peer), holding nobody up: a blocking subscriber without room misses the
    /// message, and is told so.
    pub(crate) fn publish_unheld(&self, payload: &Payload, after: &mut Aftermath) {
        let mut side = lock(&self.publish);
        if side.hosted {
            self.deliver_hosted(&mut side, payload, &mut SmallVec::new(), after);
        }
    }

    /// Messages that another node published to us as the owner were lost on the way: everybody misses them. Those that
    /// nobody can count take one number.
    pub(crate) fn skip_for_peer(&self, missed: Missed) {
        let mut side = lock(&self.publish);
        side.next_sequence = side.next_sequence.saturating_add(missed.numbers());
        self.tell_missed(missed);
        let next_sequence = side.next_sequence;
        let Some(outside) = &side.outside else { return };
        for LinkSink { kind, .. } in &outside.links {
            match kind {
                // Now, because nothing more may be published.
                SinkKind::Wire { outbox, .. } => {
                    let tail = Frame::Tail {
                        alias: self.id.0,
                        next_sequence,
                        last: Last::behind(missed),
                    };
                    outbox.control(&tail.to_vec());
                    outbox.flush_soon();
                }
                SinkKind::Direct {
                    topic: Some(topic), ..
                } => topic.tell_missed(missed),
                _ => {}
            }
        }
    }

    fn publish_hosted(
        &self,
        side: &mut PublishSide,
        payload: &Payload,
        mail: Mail,
        after: &mut Aftermath,
    ) -> Result<(), PublishFailure> {
        self.resolve_direct(side, mail)?;
        let mut reserved = SmallVec::new();
        if let Err(blocker) = self.reserve_everywhere(side, payload.len(), &mut reserved) {
            reserved
                .into_iter()
                .for_each(|room| room.give_back(payload.len()));
            return Err(PublishFailure::Full(blocker));
        }
        self.deliver_hosted(side, payload, &mut reserved, after);
        reserved
            .into_iter()
            .for_each(|room| room.give_back(payload.len()));
        Ok(())
    }

    /// Finds the topic in the nodes of this context that want it.
    fn resolve_direct(&self, side: &mut PublishSide, mail: Mail) -> Result<(), PublishFailure> {
        let links = side
            .outside
            .iter_mut()
            .flat_map(|outside| &mut outside.links);
        for sink in links {
            if let SinkKind::Direct { node, topic, .. } = &mut sink.kind
                && topic.is_none()
                && let Some(node) = node.upgrade()
            {
                // Also a topic that is there already may still be without its subscribers, until its node is done.
                if mail == Mail::Unread {
                    return Err(PublishFailure::MailUnread(node));
                }
                *topic = node.find_topic(&self.name);
            }
        }
        Ok(())
    }

    /// Sets room aside at every blocking subscriber, or says who has none.
    fn reserve_everywhere(
        &self,
        side: &mut PublishSide,
        len: usize,
        reserved: &mut SmallVec<[Reserved; 2]>,
    ) -> Result<(), Blocker> {
        self.reserve_inboxes(len, reserved)?;
        let Some(outside) = &mut side.outside else {
            return Ok(());
        };
        for sink in &mut outside.links {
            match &sink.kind {
                SinkKind::Wire { outbox, policy } if policy.blocks() && !outbox.is_closed() => {
                    if !outbox.reserve(policy, len) {
                        return Err(Blocker::outbox(outbox, policy));
                    }
                    reserved.push(Reserved::Outbox(outbox.clone(), policy.clone()));
                }
                SinkKind::Direct {
                    topic: Some(topic), ..
                } => topic.reserve_inboxes(len, reserved)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn reserve_inboxes(
        &self,
        len: usize,
        reserved: &mut SmallVec<[Reserved; 2]>,
    ) -> Result<(), Blocker> {
        let sinks = lock(&self.sinks);
        for sink in sinks.inboxes.iter().filter(|sink| sink.inbox.blocks()) {
            if !sink.inbox.reserve(len) {
                return Err(Blocker::inbox(&sink.inbox));
            }
            reserved.push(Reserved::Inbox(sink.inbox.clone()));
        }
        Ok(())
    }

    fn deliver_hosted(
        &self,
        side: &mut PublishSide,
        payload: &Payload,
        reserved: &mut SmallVec<[Reserved; 2]>,
        after: &mut Aftermath,
    ) {
        let sequence = side.next_sequence;
        // A publisher elsewhere may claim to have lost almost as many as there are numbers.
        side.next_sequence = sequence.wrapping_add(1);
        self.deliver_inboxes(payload, reserved, after);
        let Some(outside) = &mut side.outside else {
            return;
        };
        let mut header = [0; DATA_HEADER_MAX_BYTES];
        let header_len = encode_data_header(&mut header, self.id.0, sequence);
        self.deliver_links(outside, &header[..header_len], payload, reserved, after);
        if let Some(history) = &mut outside.history {
            history.keep(sequence, payload);
        }
    }

    fn deliver_inboxes(
        &self,
        payload: &Payload,
        reserved: &mut SmallVec<[Reserved; 2]>,
        after: &mut Aftermath,
    ) {
        deliver_sinks(&lock(&self.sinks), payload, reserved, after);
    }

    /// Delivers a message of an owner of this context, over a link that has this number here.
    fn deliver_direct(
        &self,
        link: LinkId,
        history: Option<&History>,
        payload: &Payload,
        reserved: &mut SmallVec<[Reserved; 2]>,
        after: &mut Aftermath,
    ) {
        let mut sinks = lock(&self.sinks);
        sinks.take_past(link, history);
        deliver_sinks(&sinks, payload, reserved, after);
    }

    fn deliver_links(
        &self,
        outside: &mut Outside,
        header: &[u8],
        payload: &Payload,
        reserved: &mut SmallVec<[Reserved; 2]>,
        after: &mut Aftermath,
    ) {
        let history = outside.history.as_deref();
        for LinkSink { link, kind } in &mut outside.links {
            match kind {
                SinkKind::Wire { outbox, policy } => {
                    if let Some(index) = reserved.iter().position(|room| room.is_for(outbox)) {
                        reserved.swap_remove(index);
                        let flush = outbox.offer_reserved(header, payload);
                        after.queued(outbox, flush);
                        continue;
                    }
                    let (offer, flush) = outbox.offer(policy, header, payload);
                    after.queued(outbox, flush);
                    match offer {
                        Offer::Queued | Offer::Dropped => {}
                        // No room was set aside: the publisher is not held up from here.
                        Offer::Full => after.queued(outbox, outbox.lose(header)),
                        Offer::Ended => {
                            let ended = policy.disconnect.iter().map(|class| (*link, *class));
                            after.ended_classes.extend(ended);
                        }
                    }
                }
                SinkKind::Plain { outbox } => {
                    let (_, flush) = outbox.offer_plain(&[self.name.as_bytes(), payload.as_ref()]);
                    after.queued(outbox, flush);
                }
                SinkKind::Commander { outbox } => {
                    let frames = [
                        &[],
                        &[crate::reactor::command::PUBLISH][..],
                        self.name.as_bytes(),
                        payload.as_ref(),
                    ];
                    let (_, flush) = outbox.offer_plain(&frames);
                    after.queued(outbox, flush);
                }
                SinkKind::Direct {
                    link,
                    topic: Some(topic),
                    ..
                } => topic.deliver_direct(*link, history, payload, reserved, after),
                SinkKind::Direct { topic: None, .. } => {}
            }
        }
    }

    /// Sends a message to the topic's owner; `None` if that is not the way to it any more.
    fn publish_upstream(
        &self,
        upstream: &Upstream,
        identity: Identity,
        payload: &Payload,
        mail: Mail,
        after: &mut Aftermath,
    ) -> Option<Result<(), PublishFailure>> {
        let mut state = lock(&upstream.state);
        if state.link != Some(upstream.link) {
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
                if !state.sender.is_announced_on(upstream.link) {
                    let stream = self.upstream_alias(upstream, state, identity);
                    outbox.with(|queue| state.sender.announce(upstream.link, stream, queue));
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
                topic.publish_hosted(&mut side, payload, mail, after)
            }
            SinkKind::Plain { .. } | SinkKind::Commander { .. } => Err(PublishFailure::Unreachable),
        }
    }

    fn upstream_alias(
        &self,
        upstream: &Upstream,
        state: &UpstreamState,
        identity: Identity,
    ) -> Alias<'_> {
        Alias {
            alias: self.id.0,
            upstream: true,
            resumed: false,
            passage: upstream.passage,
            next_sequence: 0,
            incarnation: state.life.of(identity),
            publisher: identity.node,
            topic: &self.name,
        }
    }
}

/// Delivers to each inbox, into the room that is set aside for it where there is some.
fn deliver_sinks(
    sinks: &SinkSide,
    payload: &Payload,
    reserved: &mut SmallVec<[Reserved; 2]>,
    after: &mut Aftermath,
) {
    if reserved.is_empty() {
        return sinks.deliver(Source::LOCAL, payload, after);
    }
    for sink in &sinks.inboxes {
        let held = reserved.iter().position(|room| room.is_of(&sink.inbox));
        match held {
            Some(index) => {
                reserved.swap_remove(index);
                sink.inbox.offer_reserved(sink.slot, payload);
            }
            None => sink.deliver(Source::LOCAL, payload, after),
        }
    }
}

impl Reserved {
    fn is_of(&self, inbox: &Arc<SharedInbox>) -> bool {
        matches!(self, Self::Inbox(held) if Arc::ptr_eq(held, inbox))
    }

    fn is_for(&self, outbox: &Arc<SharedOutbox>) -> bool {
        matches!(self, Self::Outbox(held, _) if Arc::ptr_eq(held, outbox))
    }

    fn give_back(self, len: usize) {
        match self {
            Self::Inbox(inbox) => inbox.unreserve(len),
            Self::Outbox(outbox, policy) => outbox.unreserve(&policy, len),
        }
    }
}
