//! What is published on topics that other nodes own: sent to an owner, received as one, or passed on to one as a hub.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use spot_core::frame::{Alias, Data, Frame, Last, put_data_header};
use spot_core::inbox::Offer;
use spot_core::limits::MAX_ENDING_UPSTREAMS;
use spot_core::node::{PASSAGE_ALIASES, WayToOwner};
use spot_core::upstream::{Due, Onward, Receiver, Turn};
use spot_core::{LinkId, Missed, NodeId, Payload, TopicId};

use super::Driver;
use crate::mutation::Mutation;

/// The turns of streams by topic, owner and publisher.
pub(crate) type Turns = BTreeMap<(Arc<str>, NodeId, NodeId), Weak<RefCell<Turn>>>;

/// A stream of messages to the owner of a topic.
#[derive(Debug)]
pub(crate) struct Upstream {
    name: Arc<str>,
    /// The further way, where we are not the owner.
    onward: Option<Onward<LinkId>>,
    receiver: Receiver,
    turn: Rc<RefCell<Turn>>,
}

/// A stream that has ended on its link while something of it waits.
#[derive(Debug)]
pub(crate) struct Ending {
    link: LinkId,
    upstream: Upstream,
    last: Last,
}

/// What became of a message that was due.
enum Taken {
    Yes,
    NoRoom,
}

impl Driver {
    /// Publishes on a topic hosted elsewhere; false if no owner is linked, or it holds the publisher up.
    pub fn publish_upstream(&mut self, name: &str, payload: &Payload) -> bool {
        let Some(id) = self.node.topic(name).map(|topic| topic.id) else {
            return false;
        };
        let topic = self.topics.get_mut(&id).expect("known");
        let Some(way) = topic.place.upstream else {
            return false;
        };
        if !topic
            .senders
            .entry(way.owner)
            .or_default()
            .is_announced_on(&way)
        {
            self.announce_upstream(id, &way);
        }
        let topic = self.topics.get_mut(&id).expect("known");
        let sender = topic.senders.entry(way.owner).or_default();
        let link = self.links.get_mut(&way.link).expect("in use");
        let mut header = Vec::new();
        put_data_header(&mut header, id.0, sender.next_sequence());
        let queued = link.outbox.offer(sender.policy(), &header, payload) == Offer::Queued;
        if queued {
            sender.sent();
        }
        queued
    }

    /// What is published on a topic goes by this link no more.
    pub(super) fn leave_upstream(&mut self, topic: TopicId, way: &WayToOwner) {
        let Some(state) = self.topics.get_mut(&topic) else {
            return;
        };
        let link = self.links.get_mut(&way.link).filter(|link| link.active);
        if let Some(link) = link
            && let Some(sender) = state.senders.get_mut(&way.owner)
            && let Some(tail) = sender.leave(way.link, topic.0)
        {
            link.outbox.control(&tail.to_vec());
        }
    }

    /// What is published on a topic goes this way from now on: what was lost by another shows at once.
    pub(super) fn enter_upstream(&mut self, topic: TopicId, way: &WayToOwner) {
        let senders = &self.topics[&topic].senders;
        let sender = senders.get(&way.owner);
        if sender.is_some_and(|sender| sender.is_to_show_on(way)) {
            self.announce_upstream(topic, way);
        }
    }

    fn announce_upstream(&mut self, id: TopicId, way: &WayToOwner) {
        let topic = self.topics.get_mut(&id).expect("placed");
        let stream = Alias {
            alias: id.0,
            upstream: true,
            resumed: false,
            since: 0,
            passage: None,
            next_sequence: 0,
            incarnation: self.node.incarnation(),
            publisher: self.node.id(),
            topic: &topic.name,
        };
        let sender = topic.senders.entry(way.owner).or_default();
        let link = self.links.get_mut(&way.link).expect("in use");
        sender.announce(way, stream, &mut link.outbox);
    }

    pub(super) fn upstream_announced(&mut self, id: LinkId, alias: &Alias<'_>) {
        let link = self.links.get_mut(&id).expect("it has a frame");
        if let Some(mut upstream) = link.upstreams.remove(&alias.alias) {
            self.cut_upstream(id, &mut upstream, Last::Withdrawn);
        }
        let passage = alias.passage;
        let passage = passage.filter(|passage| passage.owner != self.node.id());
        let onward = passage.map(|passage| {
            self.passages += 1;
            Onward::new(id, alias, passage, PASSAGE_ALIASES | self.passages)
        });
        let owner = passage.map_or(self.node.id(), |passage| passage.owner);
        let turn = self.turn_of(alias, owner);
        let receiver = Receiver::announced(alias, &mut turn.borrow_mut());
        let upstream = Upstream {
            name: alias.topic.into(),
            onward,
            receiver,
            turn,
        };
        let link = self.links.get_mut(&id).expect("it has a frame");
        link.upstreams.insert(alias.alias, upstream);
        self.drain_upstream(id, alias.alias);
    }

    fn turn_of(&mut self, alias: &Alias<'_>, owner: NodeId) -> Rc<RefCell<Turn>> {
        if self.mutation == Some(Mutation::ForgetTurns) {
            return Rc::default();
        }
        self.turns.retain(|_, turn| turn.strong_count() > 0);
        let key = (Arc::from(alias.topic), owner, alias.publisher);
        let known = self.turns.get(&key).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let turn = Rc::default();
            self.turns.insert(key, Rc::downgrade(&turn));
            turn
        })
    }

    pub(super) fn upstream_data(&mut self, id: LinkId, data: &Data<'_>) {
        let link = self.links.get_mut(&id).expect("it has a frame");
        let upstream = link.upstreams.get_mut(&data.alias).expect("announced");
        let payload = Payload::copy_from(data.payload);
        match upstream.receiver.arrived(data.sequence, payload) {
            Ok(true) => self.drain_upstream(id, data.alias),
            Ok(false) => {}
            Err(overrun) => self.faults.push(format!("{id:?}: {overrun}")),
        }
    }

    pub(super) fn upstream_tail(&mut self, id: LinkId, alias: u32, next_sequence: u64, last: Last) {
        let link = self.links.get_mut(&id).expect("it has a frame");
        let upstream = link.upstreams.get_mut(&alias).expect("announced");
        upstream.receiver.told(next_sequence);
        self.drain_upstream(id, alias);
        if last.frees_alias() {
            let link = self.links.get_mut(&id).expect("it has a frame");
            let upstream = link.upstreams.remove(&alias).expect("announced");
            self.upstream_ended(id, upstream, last);
        }
    }

    /// A publisher elsewhere that was cut off then is taken for dead.
    pub(super) fn give_up_publisher(&mut self, id: TopicId, publisher: NodeId, cut_at_ms: u64) {
        let topic = self.topics.get_mut(&id).expect("live");
        let missed = topic.cut.give_up(publisher, cut_at_ms);
        if !missed.is_none() {
            self.skip(id, missed);
        }
    }

    /// There may be room for what waits, or another way.
    pub fn retry_upstreams(&mut self) {
        self.follow_ways();
        for (link, alias) in self.held_up.clone() {
            self.drain_upstream(link, alias);
        }
        for mut ending in std::mem::take(&mut self.ending) {
            self.hand_on(&mut ending.upstream);
            if ending.upstream.waits_on() {
                self.ending.push(ending);
            } else {
                self.cut_upstream(ending.link, &mut ending.upstream, ending.last);
            }
        }
        for (link, frame) in std::mem::take(&mut self.ceased) {
            match self.is_ending(link) {
                true => self.ceased.push((link, frame)),
                // On a link that is not in use any more it has no place: that tells the same.
                false => _ = self.with(|node, now| node.handle_frame(now, link, &frame)),
            }
        }
    }

    /// Whether something that was published to us over a link waits although its stream has ended.
    pub(super) fn is_ending(&self, link: LinkId) -> bool {
        self.ending.iter().any(|ending| ending.link == link)
    }

    /// Streams that are passed on look for their ways anew if any have changed.
    fn follow_ways(&mut self) {
        let ways = self.node.ways_changed();
        if std::mem::replace(&mut self.ways_seen, ways) == ways {
            return;
        }
        let upstreams = self.links.iter().flat_map(|(id, link)| {
            let passed_on = link.upstreams.iter();
            let passed_on = passed_on.filter(|(_, upstream)| upstream.onward.is_some());
            passed_on.map(|(alias, _)| (*id, *alias))
        });
        for (link, alias) in upstreams.collect::<Vec<_>>() {
            self.drain_upstream(link, alias);
        }
    }

    /// A link is not in use any more, and with it the streams published over it; `graceful` if one of its sides left.
    pub(super) fn cut_upstreams(&mut self, id: LinkId, graceful: bool, left: bool) {
        let link = self.links.get_mut(&id).expect("it was in use");
        let peer = link.node;
        for (_, upstream) in std::mem::take(&mut link.upstreams) {
            let is_of_peer = peer == Some(upstream.receiver.publisher());
            let last = match (graceful && is_of_peer, left) {
                (false, _) => Last::Cut,
                // That we leave as a hub does not end it: its publisher lives on.
                (true, false) if upstream.onward.is_some() => Last::Withdrawn,
                (true, _) => Last::Ended,
            };
            self.upstream_ended(id, upstream, last);
        }
    }

    /// A stream published to us has ended here: what waits of it goes on waiting, unless there is too much of that.
    fn upstream_ended(&mut self, link: LinkId, mut upstream: Upstream, last: Last) {
        let endings = self.ending.iter().filter(|ending| ending.link == link);
        if upstream.waits_on() && endings.count() < MAX_ENDING_UPSTREAMS {
            self.ending.push(Ending {
                link,
                upstream,
                last,
            });
        } else {
            self.cut_upstream(link, &mut upstream, last);
        }
    }

    /// The stream ends. Its publisher was told that what waits is on its way: it goes to all who have room.
    fn cut_upstream(&mut self, id: LinkId, upstream: &mut Upstream, last: Last) {
        if self.take_turn(upstream) {
            while let Some(Due { missed, sequence }) = upstream.due() {
                self.missed_upstream(upstream, missed);
                if let Some(sequence) = sequence {
                    self.take_unheld(upstream, sequence);
                    upstream.handed_on();
                }
            }
        }
        self.settle_upstream(id, upstream);
        let stands_at = upstream.receiver.stands_at();
        if let Some(onward) = &mut upstream.onward {
            onward.end(stands_at, last, &mut |link, change| {
                self.change(*link, change)
            });
        }
        let heard = upstream
            .receiver
            .leave(&mut upstream.turn.borrow_mut(), last == Last::Ended);
        let forgotten = self.mutation == Some(Mutation::ForgetCutUpstreams);
        if let Some(stream) = heard.filter(|_| upstream.onward.is_none() && !forgotten)
            && let Some(id) = self.node.topic(&upstream.name).map(|topic| topic.id)
            && self.node.hosts(&upstream.name)
        {
            let topic = self.topics.get_mut(&id).expect("hosted");
            let now_ms = self.now_ms;
            topic.cut.keep(stream, now_ms);
            if last == Last::Cut {
                self.with(|node, now| node.publisher_cut(now, id, stream.publisher()));
            }
        }
    }

    /// Hands on what waits on a link, as far as there is room, and gives the credit back.
    fn drain_upstream(&mut self, id: LinkId, alias: u32) {
        let link = self.links.get_mut(&id);
        let Some(mut upstream) = link.and_then(|link| link.upstreams.remove(&alias)) else {
            self.held_up.remove(&(id, alias));
            return;
        };
        self.hand_on(&mut upstream);
        self.settle_upstream(id, &mut upstream);
        match upstream.receiver.is_held_up() {
            true => self.held_up.insert((id, alias)),
            false => self.held_up.remove(&(id, alias)),
        };
        let link = self.links.get_mut(&id).expect("just found");
        link.upstreams.insert(alias, upstream);
    }

    fn hand_on(&mut self, upstream: &mut Upstream) {
        if !self.take_turn(upstream) {
            return;
        }
        self.enter_way(upstream);
        while let Some(Due { missed, sequence }) = upstream.due() {
            self.missed_upstream(upstream, missed);
            let Some(sequence) = sequence else { continue };
            match self.take_due(upstream, sequence) {
                Taken::Yes => upstream.handed_on(),
                Taken::NoRoom => return,
            }
        }
    }

    /// A stream that began before is announced onward also where it brings nothing.
    fn enter_way(&mut self, upstream: &mut Upstream) {
        let stands_at = upstream.receiver.stands_at();
        if let Some(onward) = &mut upstream.onward
            && self.mutation != Some(Mutation::AnnounceOnwardLate)
            && stands_at > 0
            && self.is_to_look(onward)
            && upstream.receiver.has_turn(&upstream.turn.borrow())
        {
            self.look_onward(onward, stands_at);
        }
    }

    fn settle_upstream(&mut self, id: LinkId, upstream: &mut Upstream) {
        let credit = upstream.receiver.settle().credit();
        if let Some(credit) = credit
            && let Some(link) = self.links.get_mut(&id)
        {
            link.outbox.control(&credit.to_vec());
        }
    }

    /// Takes over from the way that the stream came by before, if that has handed on what precedes.
    fn take_turn(&mut self, upstream: &mut Upstream) -> bool {
        if !upstream.receiver.waits_for_turn() {
            return true;
        }
        let topic = self.node.topic(&upstream.name).map(|topic| topic.id);
        let topic = topic.filter(|_| upstream.onward.is_none());
        let topic = topic.and_then(|id| self.topics.get_mut(&id));
        let (next, unheard) = (upstream.receiver.begins(), upstream.receiver.unheard());
        let cut = || topic.and_then(|topic| topic.take_cut(next, unheard));
        let mut turn = upstream.turn.borrow_mut();
        let taken = upstream.receiver.take_turn(&mut turn, cut);
        drop(turn);
        if let Some(missed) = taken {
            self.missed_upstream(upstream, missed);
        }
        taken.is_some()
    }

    fn take_due(&mut self, upstream: &mut Upstream, sequence: u64) -> Taken {
        let Upstream {
            name,
            onward,
            receiver,
            ..
        } = upstream;
        let payload = receiver.first().expect("it is due");
        let taken = match onward {
            None => !self.node.hosts(name) || self.publish(name, payload),
            Some(onward) => {
                let offer = self.pass_onward(onward, sequence, payload, true);
                offer.is_some_and(|offer| offer != Offer::Full)
            }
        };
        match taken {
            true => Taken::Yes,
            false => Taken::NoRoom,
        }
    }

    fn take_unheld(&mut self, upstream: &mut Upstream, sequence: u64) {
        let Upstream {
            name,
            onward,
            receiver,
            ..
        } = upstream;
        let payload = receiver.first().expect("it is due");
        match onward {
            None if self.node.hosts(name) => {
                let topic = self.node.topic(name).expect("hosted").id;
                self.publish_unheld(topic, payload);
            }
            None => {}
            Some(onward) => {
                self.pass_onward(onward, sequence, payload, false);
            }
        }
    }

    /// Messages of another publisher were lost on the way: everybody misses them. A further node sees for itself.
    fn missed_upstream(&mut self, upstream: &Upstream, missed: Missed) {
        let id = self.node.topic(&upstream.name).map(|topic| topic.id);
        if missed.is_none() || upstream.onward.is_some() {
            return;
        }
        if let Some(id) = id {
            self.skip(id, missed);
        }
    }

    /// Numbers are left out for what is missing of a publisher elsewhere.
    fn skip(&mut self, id: TopicId, missed: Missed) {
        let Some(topic) = self.topics.get_mut(&id) else {
            return;
        };
        let hidden = self.mutation == Some(Mutation::HideCrashes);
        topic.tell_missed(&mut self.subscribers, missed);
        topic.next_sequence += match hidden {
            true => missed.counted(),
            false => missed.numbers(),
        };
        let tail = Frame::Tail {
            alias: id.0,
            next_sequence: topic.next_sequence,
            last: match hidden {
                true => Last::No,
                false => Last::behind(missed),
            },
        };
        for link in topic.sinks.keys() {
            let link = self.links.get_mut(link).expect("attached");
            link.outbox.control(&tail.to_vec());
        }
    }
}

impl Upstream {
    fn due(&mut self) -> Option<Due> {
        self.receiver.due(&mut self.turn.borrow_mut())
    }

    fn handed_on(&mut self) {
        self.receiver.handed_on(&mut self.turn.borrow_mut());
    }

    /// Whether something waits, and for something that may come.
    fn waits_on(&self) -> bool {
        let onward = self.onward.as_ref();
        self.receiver.brings_more() && !onward.is_some_and(Onward::has_no_way)
    }
}
