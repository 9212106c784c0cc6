//! Publishing: all blocking subscribers are reserved room at first, so that a message reaches all or none.

use std::sync::Arc;

use spot_core::frame::{DATA_HEADER_MAX_BYTES, Frame, Last, encode_data_header};
use spot_core::history::History;
use spot_core::inbox::{Offer, Source};
use spot_core::outbox::SinkPolicy;
use spot_core::{Incarnation, LinkId, Missed, NodeId, Payload, View};

use super::aftermath::Aftermath;
use super::outbox::Writer;
use super::reservation::Reservation;
use super::topic::{InboxSink, LinkSink, Outside, PublishSide, SinkKind, Topic};
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
    pub(super) fn inbox(inbox: &Arc<SharedInbox>) -> Self {
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
            } => {
                outbox.flush_as_publisher();
                outbox.port.hurry();
                outbox.wait_for_room(policy, len, *turns, deadline)
            }
        }
    }
}

/// Who publishes: the numbers on its streams are told apart by this.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) node: NodeId,
    pub(crate) incarnation: Incarnation,
}

impl Topic {
    /// Publishes a message without waiting.
    #[inline]
    pub(crate) fn publish(
        &self,
        identity: &Identity,
        data: View<'_>,
        mail: Mail,
        after: &mut Aftermath,
    ) -> Result<(), PublishFailure> {
        let mut side = lock(&self.publish);
        if side.hosted {
            self.publish_hosted(&mut side, data, mail, after)?;
            side.published.add(data.len());
            return Ok(());
        }
        drop(side);
        self.publish_elsewhere(identity, data, mail, after)
    }

    #[inline(never)]
    fn publish_elsewhere(
        &self,
        identity: &Identity,
        data: View<'_>,
        mail: Mail,
        after: &mut Aftermath,
    ) -> Result<(), PublishFailure> {
        let payload = data.to_payload();
        loop {
            let side = lock(&self.publish);
            if side.hosted {
                drop(side);
                return self.publish(identity, data, mail, after);
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
            match self.publish_upstream(&upstream, *identity, &payload, mail, after) {
                Some(Ok(())) => {
                    self.published_upstream.add(payload.len());
                    return Ok(());
                }
                Some(Err(failure)) => return Err(failure),
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
            let Err(failure) = self.publish_hosted(&mut side, payload.into(), mail, after) else {
                side.count_from_peer(payload.len());
                return Ok(());
            };
            match failure {
                PublishFailure::Full(blocker) => return Err(PeerRefusal::Full(blocker)),
                PublishFailure::MailUnread(node) => {
                    drop(side);
                    node.read_mail();
                    mail = Mail::Read;
                }
                PublishFailure::Retired | PublishFailure::Unreachable => return Ok(()),
            }
        }
    }

    /// As [`publish_for_peer`](Self::publish_for_peer), holding nobody up: a blocking subscriber without room misses the
    /// message, and is told so.
    pub(crate) fn publish_unheld(&self, payload: &Payload, after: &mut Aftermath) {
        let mut side = lock(&self.publish);
        if side.hosted {
            side.count_from_peer(payload.len());
            let unheld = Reservation::default();
            self.deliver_hosted(&mut side, payload, unheld, after);
        }
    }

    /// Messages that another node published to us as the owner were lost on the way: everybody misses them. Those that
    /// nobody can count take one number.
    pub(crate) fn skip_for_peer(&self, missed: Missed) {
        let mut side = lock(&self.publish);
        side.next_sequence = side.next_sequence.saturating_add(missed.numbers());
        side.count_skipped(missed);
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

    #[inline]
    pub(super) fn publish_hosted(
        &self,
        side: &mut PublishSide,
        data: View<'_>,
        mail: Mail,
        after: &mut Aftermath,
    ) -> Result<(), PublishFailure> {
        // Where there is one to deliver to, nothing needs to be set aside.
        match (side.local.as_slice(), &side.outside) {
            ([only], None) => only.publish(data, after)?,
            ([], None) => {}
            _ => return self.publish_outside(side, data, mail, after),
        }
        side.next_sequence = side.next_sequence.wrapping_add(1);
        Ok(())
    }

    fn publish_outside(
        &self,
        side: &mut PublishSide,
        data: View<'_>,
        mail: Mail,
        after: &mut Aftermath,
    ) -> Result<(), PublishFailure> {
        let outside = side.outside.as_deref();
        match (
            side.local.as_slice(),
            outside.filter(|outside| outside.is_used()),
        ) {
            ([], None) => {}
            ([only], None) => only.publish(data, after)?,
            ([], Some(outside)) if let Some((outbox, policy)) = outside.only_wire() => {
                let mut header = [0; DATA_HEADER_MAX_BYTES];
                let len = encode_data_header(&mut header, self.id.0, side.next_sequence);
                if !publish_wire(outbox, policy, &header[..len], data, after) {
                    return Err(full(Blocker::outbox(outbox, policy)));
                }
            }
            _ => return self.publish_to_all(side, &data.to_payload(), mail, after),
        }
        side.next_sequence = side.next_sequence.wrapping_add(1);
        Ok(())
    }

    fn publish_to_all(
        &self,
        side: &mut PublishSide,
        payload: &Payload,
        mail: Mail,
        after: &mut Aftermath,
    ) -> Result<(), PublishFailure> {
        self.resolve_direct(side, mail)?;
        let held = Reservation::make(side, payload.len()).map_err(full)?;
        self.deliver_hosted(side, payload, held, after);
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

    fn deliver_hosted(
        &self,
        side: &mut PublishSide,
        payload: &Payload,
        mut held: Reservation,
        after: &mut Aftermath,
    ) {
        let sequence = side.next_sequence;
        // A publisher elsewhere may claim to have lost almost as many as there are numbers.
        side.next_sequence = sequence.wrapping_add(1);
        for (index, sink) in side.local.iter().enumerate() {
            if held.local.get(index) == Some(&true) {
                sink.inbox.offer_reserved(sink.slot, payload);
            } else {
                sink.deliver(Source::LOCAL, payload, after);
            }
        }
        let Some(outside) = &mut side.outside else {
            return;
        };
        let mut header = [0; DATA_HEADER_MAX_BYTES];
        let header_len = encode_data_header(&mut header, self.id.0, sequence);
        self.deliver_links(outside, &header[..header_len], payload, &mut held, after);
        if let Some(history) = outside.history_mut() {
            history.keep(sequence, payload);
        }
        held.give_back_direct(payload.len());
    }

    /// Delivers a message of an owner of this context, over a link that has this number here.
    fn deliver_direct(
        &self,
        link: LinkId,
        history: Option<&History>,
        payload: &Payload,
        held: &mut Vec<Arc<SharedInbox>>,
        after: &mut Aftermath,
    ) {
        let mut sinks = lock(&self.sinks);
        if sinks.count_received(payload.len()).is_awaited() {
            sinks.take_past(link, history);
        }
        for sink in &sinks.inboxes {
            match held
                .iter()
                .position(|inbox| Arc::ptr_eq(inbox, &sink.inbox))
            {
                Some(index) => {
                    held.swap_remove(index);
                    sink.inbox.offer_reserved(sink.slot, payload);
                }
                None => sink.deliver(Source::LOCAL, payload, after),
            }
        }
    }

    fn deliver_links(
        &self,
        outside: &Outside,
        header: &[u8],
        payload: &Payload,
        held: &mut Reservation,
        after: &mut Aftermath,
    ) {
        let history = outside.history();
        let writer = Writer::of(outside.links.len());
        for (index, LinkSink { link, kind }) in outside.links.iter().enumerate() {
            match kind {
                SinkKind::Wire { outbox, .. } if held.links.get(index) == Some(&true) => {
                    let flush = outbox.offer_reserved(header, payload, writer);
                    after.queued(outbox, flush);
                }
                SinkKind::Wire { outbox, policy } => {
                    let (offer, flush) = outbox.offer_among(policy, header, payload.into(), writer);
                    after.queued(outbox, flush);
                    match offer {
                        Offer::Queued | Offer::Dropped => {}
                        // No room was set aside: the publisher is not held up from here.
                        Offer::Full => after.queued(outbox, outbox.lose(header)),
                        Offer::Ended => {
                            let ended = policy.disconnect.iter().map(|class| (*link, *class));
                            after.work().ended_classes.extend(ended);
                        }
                    }
                }
                SinkKind::Plain { outbox } => {
                    let frames = [self.name.as_bytes(), payload.as_ref()];
                    let (_, flush) = outbox.offer_plain(&frames, writer);
                    after.queued(outbox, flush);
                }
                SinkKind::Commander { outbox } => {
                    let frames = [
                        &[],
                        &[crate::reactor::command::PUBLISH][..],
                        self.name.as_bytes(),
                        payload.as_ref(),
                    ];
                    let (_, flush) = outbox.offer_plain(&frames, writer);
                    after.queued(outbox, flush);
                }
                SinkKind::Direct {
                    link,
                    topic: Some(topic),
                    ..
                } => topic.deliver_direct(*link, history, payload, &mut held.direct, after),
                SinkKind::Direct { topic: None, .. } => {}
            }
        }
    }
}

impl InboxSink {
    /// Delivers to the one subscriber there is.
    #[inline]
    fn publish(&self, data: View<'_>, after: &mut Aftermath) -> Result<(), PublishFailure> {
        match self.inbox.offer(self.slot, data) {
            Offer::Queued | Offer::Dropped => Ok(()),
            Offer::Full => Err(full(Blocker::inbox(&self.inbox))),
            Offer::Ended => {
                after.work().ended_inboxes.push(self.inbox.clone());
                Ok(())
            }
        }
    }
}

#[cold]
fn full(blocker: Blocker) -> PublishFailure {
    PublishFailure::Full(blocker)
}

/// Offers a message to the one link that wants it; false if its publisher is to wait for that.
fn publish_wire(
    outbox: &Arc<SharedOutbox>,
    policy: &SinkPolicy,
    header: &[u8],
    data: View<'_>,
    after: &mut Aftermath,
) -> bool {
    let (offer, flush) = outbox.offer(policy, header, data);
    after.queued(outbox, flush);
    if offer == Offer::Full {
        if policy.blocks() && !outbox.is_closed() {
            return false;
        }
        after.queued(outbox, outbox.lose(header));
    }
    true
}
