//! What is heard from other nodes: streams by their aliases, judged by number.

use spot_core::frame::{Alias, Data, Last, Past};
use spot_core::inbox::{Offer, Source};
use spot_core::past::Token;
use spot_core::splice::Judged;
use spot_core::stream::Verdict;
use spot_core::{LinkId, Missed, NodeId, Payload, SubscriberId, TopicId};

use super::Driver;
use crate::mutation::Mutation;

impl Driver {
    pub(super) fn announced(&mut self, id: LinkId, alias: &Alias<'_>) {
        if alias.upstream {
            let link = self.links.get_mut(&id).expect("it has a frame");
            link.unoffered.announced(alias, false);
            return self.upstream_announced(id, alias);
        }
        let topic_id = self.with(|node, _| node.open_stream(id, alias));
        let known = self.node.topic(alias.topic).map(|topic| topic.id);
        let link = self.links.get_mut(&id).expect("it has a frame");
        link.heard.remove(&alias.alias);
        link.ignored.remove(&alias.alias);
        let is_unoffered = topic_id.is_none() && link.node == Some(alias.publisher);
        link.unoffered.announced(alias, is_unoffered);
        if let (None, Some(topic_id)) = (topic_id, known) {
            let ignored = (topic_id, alias.publisher);
            link.ignored.insert(alias.alias, ignored);
        }
        if let Some(topic_id) = topic_id {
            link.heard.insert(alias.alias, (topic_id, alias.publisher));
            let topic = self.topics.get_mut(&topic_id).expect("just found");
            let missed = match self.mutation {
                Some(Mutation::HideRestarts) => topic.open_stream_anew(id, alias),
                _ => topic.open_stream(id, alias),
            };
            topic.tell_missed_on(id, alias.publisher, &mut self.subscribers, missed);
            self.announce_relayed(topic_id, alias.publisher, id);
            self.release(topic_id, alias.publisher);
        }
    }

    pub(super) fn data(&mut self, id: LinkId, data: &Data<'_>) {
        if self.links[&id].upstreams.contains_key(&data.alias) {
            return self.upstream_data(id, data);
        }
        let Some((topic, publisher)) = self.stream_of(id, data.alias) else {
            return self.ignore(id, data);
        };
        let streams = &mut self.topics.get_mut(&topic).expect("just found").streams;
        let stream = streams.get_mut(&publisher).expect("just found");
        let payload = Payload::copy_from(data.payload);
        let other_way = stream.link() != Some(id);
        let relayed = self.links[&id].node != Some(publisher);
        let judged = match (stream.receive(id, data.sequence, &payload), self.mutation) {
            (Judged::Discard, Some(Mutation::AcceptDuplicates)) => Judged::Deliver(Missed::NONE),
            (_, Some(Mutation::RelayWithoutOrigin)) if other_way => Judged::Deliver(Missed::NONE),
            (Judged::Discard, Some(Mutation::RelayWithoutOrigin)) if relayed => {
                Judged::Deliver(Missed::NONE)
            }
            (judged, _) => judged,
        };
        match judged {
            Judged::Deliver(missed) => {
                if other_way && self.mutation == Some(Mutation::RelayWithoutOrigin) {
                    self.forget_passed(topic, publisher, data.sequence);
                }
                self.heard(topic, publisher, id, missed, Some((data.sequence, payload)));
            }
            Judged::Wait => {}
            Judged::Discard => self.discard(topic, publisher, id, payload.len()),
        }
        self.release(topic, publisher);
    }

    /// A message of a stream that we wanted until a moment ago. It came on credit.
    fn ignore(&mut self, id: LinkId, data: &Data<'_>) {
        let ignored = self.links[&id].ignored.get(&data.alias);
        if let Some((topic, publisher)) = ignored.copied()
            && self.topics.contains_key(&topic)
        {
            let charged = self.charged(id, topic, publisher);
            self.give_back(id, charged, data.payload.len());
        }
    }

    /// What a link's alias stands for, as long as the topic and the stream are known.
    pub(super) fn stream_of(&self, link: LinkId, alias: u32) -> Option<(TopicId, NodeId)> {
        let (topic, publisher) = *self.links.get(&link)?.heard.get(&alias)?;
        let streams = &self.topics.get(&topic)?.streams;
        streams
            .contains_key(&publisher)
            .then_some((topic, publisher))
    }

    /// What was heard of a stream: a loss, and a message.
    pub(super) fn heard(
        &mut self,
        topic: TopicId,
        publisher: NodeId,
        link: LinkId,
        missed: Missed,
        message: Option<(u64, Payload)>,
    ) {
        if let Some((sequence, payload)) = &message {
            self.pass_on(topic, publisher, link, *sequence, payload);
        }
        let hidden = self.mutation == Some(Mutation::HideGaps) && message.is_some();
        let state = &self.topics[&topic];
        let listened = state.listens_to(link) || self.mutation == Some(Mutation::IgnoreRoute);
        if listened && !hidden {
            state.tell_missed_on(link, publisher, &mut self.subscribers, missed);
        }
        let Some((_, payload)) = message else { return };
        let mut charged = self.charged(link, topic, publisher);
        if listened {
            let queued = self.deliver(topic, &payload, Some((link, publisher)), &charged);
            charged.retain(|subscriber| !queued.contains(subscriber));
        }
        self.give_back(link, charged, payload.len());
    }

    /// What a subscriber was charged for and does not get takes no room of its.
    pub(super) fn give_back(&mut self, link: LinkId, charged: Vec<SubscriberId>, len: usize) {
        for subscriber in charged {
            self.grant(subscriber, link, (1, len as u64));
        }
    }

    pub(super) fn tail(&mut self, id: LinkId, alias: u32, next_sequence: u64, last: Last) {
        if self.links[&id].upstreams.contains_key(&alias) {
            return self.upstream_tail(id, alias, next_sequence, last);
        }
        let heard = self.stream_of(id, alias);
        if last.frees_alias() {
            let link = self.links.get_mut(&id).expect("it has a frame");
            link.heard.remove(&alias);
        }
        let Some((topic, publisher)) = heard else {
            return;
        };
        let streams = &mut self.topics.get_mut(&topic).expect("just found").streams;
        let stream = streams.get_mut(&publisher).expect("just found");
        let was_its = stream.link() == Some(id);
        let missed = stream.tail(id, next_sequence, last);
        let (ended, link) = (stream.stream().has_ended(), stream.link());
        let is_cut = was_its && link.is_none() && !stream.is_spliced();
        self.heard(topic, publisher, id, missed, None);
        if was_its && last == Last::Ended && ended {
            self.cut_relayed(topic, publisher, true);
        } else if is_cut {
            self.cut_relayed(topic, publisher, false);
        } else if link == Some(id) {
            self.relay_tail(topic, publisher, missed);
        }
        self.release(topic, publisher);
    }

    /// A message from before the time of one subscriber, on the credit of that one.
    pub(super) fn past(&mut self, id: LinkId, past: &Past<'_>) {
        let token = Token(past.token);
        if !self.late(id, past, token) {
            let len = past.payload.len() as u64;
            self.grant(token.subscriber(), id, (1, len));
        }
    }

    /// Whether a late message found its subscriber.
    pub(super) fn late(&mut self, id: LinkId, past: &Past<'_>, token: Token) -> bool {
        let Some((topic_id, _)) = self.stream_of(id, past.alias) else {
            return false;
        };
        let topic = self.topics.get_mut(&topic_id).expect("just found");
        if !topic.listens_to(id) {
            return false;
        }
        let missed = match topic.awaiting.past(id, token, past.sequence) {
            Some(Verdict::Deliver) => 0,
            Some(Verdict::DeliverAfterGap(missed)) => missed,
            Some(Verdict::Duplicate) | None => return false,
        };
        let subscriber = token.subscriber();
        let slot = topic.inboxes[&subscriber];
        let inbox = self.subscribers.get_mut(&subscriber).expect("attached");
        if missed > 0 {
            inbox.missed(slot, Missed::exactly(missed));
        }
        let payload = Payload::copy_from(past.payload);
        let offer = self.offer(subscriber, slot, Source(id.0), Some(id), &payload);
        if offer == Offer::Ended {
            self.with(|node, _| node.end_subscriptions(subscriber));
        }
        offer == Offer::Queued
    }

    /// A subscriber has what it asked for.
    pub(super) fn live(&mut self, id: LinkId, alias: u32, token: Token, next_sequence: u64) {
        self.tail(id, alias, next_sequence, Last::No);
        let Some((topic_id, _)) = self.stream_of(id, alias) else {
            return;
        };
        let topic = self.topics.get_mut(&topic_id).expect("just found");
        let missed = topic.awaiting.live(id, token, next_sequence);
        if let Some(missed) = missed.filter(|missed| !missed.is_none()) {
            let subscriber = token.subscriber();
            let inbox = self.subscribers.get_mut(&subscriber).expect("attached");
            inbox.missed(topic.inboxes[&subscriber], missed);
        }
    }
}
