//! Traffic between two SPOT nodes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use spot_core::frame::{Alias, ByeReason, Data, Frame as SpotFrame, Last, Past, kind};
use spot_core::past::Token;
use spot_core::unoffered::Unoffered;
use spot_core::{LinkId, NodeId, Payload, limits};
use zmtp::{Body, Decoder, Frame};

use super::fault::Fault;
use super::run::{Run, Told};
use super::upstream::Upstream;
use crate::data::{Aftermath, Farewell, Heard, SharedOutbox, Topic};
use crate::engine::{Control, NodeInner};

/// Aliases below this are looked up by index; a peer that skips numbers cannot make the table larger.
const DENSE_ALIASES: u32 = 1 << 16;
/// Messages from this size on are heard one by one: what that costs does not show beside the copy.
const ALONE_MIN_BYTES: usize = 16 * 1024;

/// A SPOT link's incoming side.
pub(super) struct Spot {
    link: LinkId,
    /// The node at the other end.
    peer: NodeId,
    aliases: Aliases,
    /// What comes of streams whose topics the other side does not offer, as far as we know.
    unoffered: Unoffered,
    /// Aliases of streams published to us that wait for room.
    held_up: Vec<u32>,
    /// Aliases of streams that are passed on to owners elsewhere, and maybe of some that were.
    passed_on: BTreeSet<u32>,
    /// The count of changes of ways when those last looked for theirs.
    ways_seen: u64,
    /// Streams published to us that have ended and still wait for room.
    ending: Vec<Ending>,
    /// CEASED frames, which are true once these have ended.
    ceased: Vec<Box<[u8]>>,
    /// USE was said: until then nothing but BYE may come.
    in_use: bool,
    farewell: Option<ByeReason>,
    /// Messages that have come so far.
    messages: u64,
}

/// What an announced stream leads to.
enum Announced {
    /// To the subscribers here.
    Heard { topic: Arc<Topic>, heard: Heard },
    /// Published to us as the topic's owner.
    Upstream(Box<Upstream>),
    /// To nobody: the topic is not offered, or not wanted from here any more, and the other side does not know yet. What
    /// comes on the credit of subscribers gives it back.
    Ignored(Option<Arc<Topic>>),
}

/// A stream published to us that has ended.
struct Ending {
    upstream: Upstream,
    /// How.
    last: Last,
}

#[derive(Default)]
struct Aliases {
    dense: Vec<Option<Announced>>,
    sparse: HashMap<u32, Announced>,
}

impl Spot {
    pub(super) fn new(link: LinkId, peer: NodeId) -> Self {
        Self {
            link,
            peer,
            aliases: Aliases::default(),
            unoffered: Unoffered::default(),
            held_up: Vec::new(),
            passed_on: BTreeSet::new(),
            ways_seen: 0,
            ending: Vec::new(),
            ceased: Vec::new(),
            in_use: false,
            farewell: None,
            messages: 0,
        }
    }

    #[inline]
    pub(super) fn frame<'a>(
        &mut self,
        node: &Arc<NodeInner>,
        outbox: &Arc<SharedOutbox>,
        frame: Frame<'a>,
        run: &mut Run<'a>,
        after: &mut Aftermath,
    ) -> Result<(), Fault> {
        if frame.more {
            return Err(Fault::protocol(
                "a SPOT frame is never part of a longer message",
            ));
        }
        if let Body::Borrowed(body) = frame.body
            && let Some(data) = Data::decode(body)
        {
            let data = data.map_err(Fault::protocol)?;
            return self.data_in_place(node, outbox, (data, body), run, after);
        }
        if let Body::Borrowed(body) = frame.body
            && let Some(told) = self.told_by(body)?
        {
            self.end_messages(run, after);
            run.tell(told);
            return match run.is_told_enough() {
                true => self.tell(node, outbox, run, after),
                false => Ok(()),
            };
        }
        self.end_run(node, outbox, run, after)?;
        if let Some(data) = Data::decode(&frame.body) {
            let data = data.map_err(Fault::protocol)?;
            return self.data(node, outbox, data, &frame.body, after);
        }
        match Past::decode(&frame.body) {
            Some(past) => self.past(node, past.map_err(Fault::protocol)?, &frame.body, after),
            None => self.control_frame(node, outbox, &frame.body, after),
        }
    }

    /// A message that lies where it was read.
    #[inline]
    fn data_in_place<'a>(
        &mut self,
        node: &Arc<NodeInner>,
        outbox: &Arc<SharedOutbox>,
        (data, body): (Data<'a>, &'a [u8]),
        run: &mut Run<'a>,
        after: &mut Aftermath,
    ) -> Result<(), Fault> {
        if data.payload.len() >= ALONE_MIN_BYTES {
            self.end_run(node, outbox, run, after)?;
            return self.data(node, outbox, data, &Body::Borrowed(body), after);
        }
        if !self.collect(node, outbox, &data, run, after)? {
            return self.data(node, outbox, data, &Body::Borrowed(body), after);
        }
        Ok(())
    }

    /// Takes short messages of streams that are heard here, as long as such come; what comes then is for
    /// [`frame`](Self::frame).
    pub(super) fn take_messages<'a>(
        &mut self,
        node: &Arc<NodeInner>,
        outbox: &Arc<SharedOutbox>,
        decoder: &Decoder,
        input: &mut &'a [u8],
        run: &mut Run<'a>,
        after: &mut Aftermath,
    ) -> Result<(), Fault> {
        while let Some((body, rest)) = decoder.short_message(input) {
            if !run.take_next(body) {
                let Some(Ok(data)) = Data::decode(body) else {
                    return Ok(());
                };
                if !self.collect(node, outbox, &data, run, after)? {
                    return Ok(());
                }
            }
            *input = rest;
        }
        Ok(())
    }

    /// Puts a message to others of its stream; false if nobody here hears it, or not in this way.
    #[inline(always)]
    fn collect<'a>(
        &mut self,
        node: &Arc<NodeInner>,
        outbox: &Arc<SharedOutbox>,
        data: &Data<'a>,
        run: &mut Run<'a>,
        after: &mut Aftermath,
    ) -> Result<bool, Fault> {
        if run.is_continued_by(data) {
            run.add(data);
            return Ok(true);
        }
        self.end_run(node, outbox, run, after)?;
        let is_heard = matches!(
            self.aliases.get_mut(data.alias),
            Some(Announced::Heard { .. })
        );
        if is_heard {
            outbox.note_heard();
            run.begin(data);
        }
        Ok(is_heard)
    }

    /// Does what has been gathered. To be called before anything is done that comes after it.
    pub(super) fn end_run(
        &mut self,
        node: &Arc<NodeInner>,
        outbox: &Arc<SharedOutbox>,
        run: &mut Run<'_>,
        after: &mut Aftermath,
    ) -> Result<(), Fault> {
        self.end_messages(run, after);
        self.tell(node, outbox, run, after)
    }

    /// Has the topic hear the messages of a run.
    fn end_messages(&mut self, run: &mut Run<'_>, after: &mut Aftermath) {
        run.end(|alias, run| match self.aliases.get_mut(alias) {
            Some(Announced::Heard { topic, heard }) => {
                self.messages += run.messages.len() as u64;
                topic.hear(*heard, run, after)
            }
            _ => unreachable!("a run is of a stream that is heard, and ends before that changes"),
        });
    }

    fn data(
        &mut self,
        node: &NodeInner,
        outbox: &SharedOutbox,
        data: Data<'_>,
        body: &Body<'_>,
        after: &mut Aftermath,
    ) -> Result<(), Fault> {
        outbox.note_heard();
        self.messages += 1;
        let (alias, sequence) = (data.alias, data.sequence);
        let payload = payload_of(node, body, data.payload);
        match self.aliases.get_mut(alias) {
            Some(Announced::Heard { topic, heard }) => {
                topic.hear_one(*heard, sequence, &payload, after)
            }
            Some(Announced::Upstream(upstream)) => {
                let before = upstream.is_held_up();
                upstream.data(node, outbox, sequence, payload, after)?;
                if upstream.is_held_up() && !before {
                    self.held_up.push(alias);
                }
            }
            Some(Announced::Ignored(topic)) => {
                if let Some(topic) = topic {
                    topic.ignore(self.link, payload.len());
                }
                self.unoffered.keep(alias, body);
            }
            None => return Err(unknown_alias("DATA", alias)),
        }
        Ok(())
    }

    /// A message from before the time of one of our subscribers.
    fn past(
        &mut self,
        node: &NodeInner,
        past: Past<'_>,
        body: &Body<'_>,
        after: &mut Aftermath,
    ) -> Result<(), Fault> {
        self.messages += 1;
        match self.aliases.get_mut(past.alias) {
            Some(Announced::Heard { topic, heard }) => {
                let payload = payload_of(node, body, past.payload);
                topic.hear_past(*heard, Token(past.token), past.sequence, &payload, after);
                Ok(())
            }
            Some(Announced::Ignored(topic)) => {
                if let Some(topic) = topic {
                    topic.ignore_past(self.link, Token(past.token), past.payload.len());
                }
                self.unoffered.keep(past.alias, body);
                Ok(())
            }
            Some(Announced::Upstream(_)) | None => Err(unknown_alias("PAST", past.alias)),
        }
    }

    fn live(
        &mut self,
        (alias, token, next_sequence): (u32, u64, u64),
        body: &[u8],
        after: &mut Aftermath,
    ) -> Result<(), Fault> {
        match self.aliases.get_mut(alias) {
            Some(Announced::Heard { topic, heard }) => {
                topic.hear_live(*heard, Token(token), next_sequence, after);
                Ok(())
            }
            Some(Announced::Ignored(_)) => {
                self.unoffered.keep(alias, body);
                Ok(())
            }
            Some(Announced::Upstream(_)) | None => Err(unknown_alias("LIVE", alias)),
        }
    }

    /// What a frame has to tell the control plane, if it may be told together with others: many come in a row where
    /// somebody subscribes to many topics.
    fn told_by<'a>(&mut self, body: &'a [u8]) -> Result<Option<Told<'a>>, Fault> {
        match body.first() {
            Some(&kind::INTEREST) => Ok(Some(Told::Interest(body))),
            Some(&kind::ALIAS) => {
                let decoded = SpotFrame::decode(body).map_err(Fault::protocol)?;
                let SpotFrame::Alias(alias) = decoded else {
                    unreachable!("the kind was looked at");
                };
                let known = self.aliases.get_mut(alias.alias);
                let is_upstream = alias.upstream || matches!(known, Some(Announced::Upstream(_)));
                Ok((!is_upstream).then_some(Told::Alias(alias)))
            }
            _ => Ok(None),
        }
    }

    /// Tells the control plane what was gathered, under one lock.
    fn tell(
        &mut self,
        node: &Arc<NodeInner>,
        outbox: &SharedOutbox,
        run: &mut Run<'_>,
        after: &mut Aftermath,
    ) -> Result<(), Fault> {
        let told = run.take_told();
        if told.is_empty() {
            return Ok(());
        }
        let now_ms = node.now_ms();
        node.control(|control| {
            for told in &told {
                match told {
                    Told::Interest(body) => control
                        .core
                        .handle_frame(now_ms, self.link, body)
                        .map_err(Fault::protocol)?,
                    Told::Alias(alias) => self.announced_to_us(control, alias, after)?,
                }
            }
            Ok(())
        })?;
        match outbox.reads_answers() {
            true => Ok(()),
            false => Err(Fault::unread_answers()),
        }
    }

    /// A stream to subscribers here is announced.
    fn announced_to_us(
        &mut self,
        control: &Control,
        alias: &Alias<'_>,
        after: &mut Aftermath,
    ) -> Result<(), Fault> {
        self.in_use = self.in_use || !control.core.awaits_use(self.link);
        if !self.in_use {
            return Err(early());
        }
        let topic = control.core.open_stream(self.link, alias);
        let announced = match topic.and_then(|topic| control.topic(topic)) {
            Some(topic) => {
                let relayed = alias.publisher != self.peer;
                let heard = topic.open_stream(self.link, alias, relayed, after);
                let topic = topic.clone();
                Announced::Heard { topic, heard }
            }
            None => {
                let known = control.core.find_topic(alias.topic);
                Announced::Ignored(known.and_then(|topic| control.topic(topic)).cloned())
            }
        };
        let is_unoffered =
            matches!(announced, Announced::Ignored(_)) && alias.publisher == self.peer;
        self.unoffered.announced(alias, is_unoffered);
        self.aliases.insert(alias.alias, announced)
    }

    fn control_frame(
        &mut self,
        node: &Arc<NodeInner>,
        outbox: &Arc<SharedOutbox>,
        body: &[u8],
        after: &mut Aftermath,
    ) -> Result<(), Fault> {
        let kind = body.first().copied();
        let now_ms = node.now_ms();
        if !matches!(
            kind,
            Some(kind::ALIAS | kind::TAIL | kind::LIVE | kind::CREDIT | kind::BYE)
        ) {
            if kind == Some(kind::CEASED) && self.puts_off(body) {
                return Ok(());
            }
            node.control(|control| {
                let handled = control.core.handle_frame(now_ms, self.link, body);
                if kind == Some(kind::INTEREST_ACK) {
                    control.interest_acknowledged(self.link);
                }
                handled
            })
            .map_err(Fault::protocol)?;
            if !outbox.reads_answers() {
                return Err(Fault::unread_answers());
            }
            return match kind {
                Some(kind::TOPICS | kind::DIGEST) => self.read_again(node, outbox, body, after),
                _ => Ok(()),
            };
        }
        if !self.in_use {
            self.in_use = node.inspect(|control| !control.core.awaits_use(self.link));
        }
        match SpotFrame::decode(body).map_err(Fault::protocol)? {
            SpotFrame::Alias(_) | SpotFrame::Credit { .. } if !self.in_use => {
                return Err(early());
            }
            SpotFrame::Alias(alias) => self.announced(node, outbox, &alias, after)?,
            SpotFrame::Tail {
                alias,
                next_sequence,
                last,
            } => self.tail(node, (alias, next_sequence, last), body, after)?,
            SpotFrame::Live {
                alias,
                token,
                next_sequence,
            } => self.live((alias, token, next_sequence), body, after)?,
            SpotFrame::Credit {
                class,
                messages,
                bytes,
            } => outbox.credit(class, messages, bytes),
            SpotFrame::Bye { reason, .. } => {
                self.farewell = Some(reason);
                return node
                    .control(|control| control.core.handle_frame(now_ms, self.link, body))
                    .map_err(Fault::protocol);
            }
            _ => unreachable!("the kind was looked at"),
        }
        Ok(())
    }

    /// What came of streams before their topics were offered, as this TOPICS or DIGEST frame tells.
    fn read_again(
        &mut self,
        node: &Arc<NodeInner>,
        outbox: &Arc<SharedOutbox>,
        told: &[u8],
        after: &mut Aftermath,
    ) -> Result<(), Fault> {
        for kept in self.unoffered.take_offered(told) {
            let frame = Frame {
                more: false,
                command: false,
                body: Body::Borrowed(&kept),
            };
            let mut run = Run::default();
            let handled = self.frame(node, outbox, frame, &mut run, after);
            let ended = self.end_run(node, outbox, &mut run, after);
            handled.and(ended)?;
        }
        Ok(())
    }

    fn announced(
        &mut self,
        node: &Arc<NodeInner>,
        outbox: &SharedOutbox,
        alias: &Alias<'_>,
        after: &mut Aftermath,
    ) -> Result<(), Fault> {
        if let Some(Announced::Upstream(mut upstream)) = self.aliases.remove(alias.alias) {
            upstream.cut(node, Last::Withdrawn, after);
        }
        let announced = if alias.upstream {
            let mut upstream = Upstream::announced(node, self.link, alias);
            upstream.drain(node, outbox, after);
            if upstream.is_held_up() {
                self.held_up.push(alias.alias);
            }
            if upstream.is_passed_on() {
                self.passed_on.insert(alias.alias);
            }
            Announced::Upstream(Box::new(upstream))
        } else {
            return node.inspect(|control| self.announced_to_us(control, alias, after));
        };
        self.unoffered.announced(alias, false);
        self.aliases.insert(alias.alias, announced)
    }

    fn tail(
        &mut self,
        node: &Arc<NodeInner>,
        (alias, next_sequence, last): (u32, u64, Last),
        body: &[u8],
        after: &mut Aftermath,
    ) -> Result<(), Fault> {
        match self.aliases.get_mut(alias) {
            Some(Announced::Heard { topic, heard }) => {
                topic.hear_tail(*heard, next_sequence, last, after)
            }
            Some(Announced::Upstream(upstream)) => {
                let before = upstream.is_held_up();
                upstream.tail(next_sequence);
                if upstream.is_held_up() && !before {
                    self.held_up.push(alias);
                }
            }
            Some(Announced::Ignored(_)) => self.unoffered.keep(alias, body),
            None => return Err(unknown_alias("TAIL", alias)),
        }
        if last.frees_alias()
            && let Some(Announced::Upstream(upstream)) = self.aliases.remove(alias)
        {
            self.upstream_ended(node, *upstream, last, after);
        }
        Ok(())
    }

    /// A stream published to us has ended here: what waits of it goes on waiting, unless there is too much of that.
    fn upstream_ended(
        &mut self,
        node: &Arc<NodeInner>,
        mut upstream: Upstream,
        last: Last,
        after: &mut Aftermath,
    ) {
        if upstream.waits_on() && self.ending.len() < limits::MAX_ENDING_UPSTREAMS {
            self.ending.push(Ending { upstream, last });
        } else {
            upstream.cut(node, last, after);
        }
    }

    /// There may be room for what waits, or another way.
    pub(super) fn retry(
        &mut self,
        node: &Arc<NodeInner>,
        outbox: &SharedOutbox,
        after: &mut Aftermath,
    ) {
        for (topic, origin) in outbox.take_waiting_relays() {
            if let Some(topic) = topic.upgrade() {
                topic.drain_relay(origin, after);
            }
        }
        self.follow_ways(node, outbox, after);
        let aliases = &mut self.aliases;
        self.held_up.retain(|alias| match aliases.get_mut(*alias) {
            Some(Announced::Upstream(upstream)) => {
                upstream.drain(node, outbox, after);
                upstream.is_held_up()
            }
            _ => false,
        });
        self.ending.retain_mut(|Ending { upstream, last }| {
            upstream.drain(node, outbox, after);
            let waits_on = upstream.waits_on();
            if !waits_on {
                upstream.cut(node, *last, after);
            }
            waits_on
        });
        self.tell_ceased(node);
    }

    /// Messages that have come so far.
    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    /// Streams that are passed on look for their ways anew if any have changed.
    fn follow_ways(&mut self, node: &NodeInner, outbox: &SharedOutbox, after: &mut Aftermath) {
        let ways = node.ways_changed.load(Relaxed);
        if std::mem::replace(&mut self.ways_seen, ways) == ways {
            return;
        }
        let aliases = &mut self.aliases;
        self.passed_on
            .retain(|alias| match aliases.get_mut(*alias) {
                Some(Announced::Upstream(upstream)) if upstream.is_passed_on() => {
                    upstream.drain(node, outbox, after);
                    true
                }
                _ => false,
            });
    }

    /// What was published before CEASED is to be handed on first, as far as it is waited for.
    fn puts_off(&mut self, ceased: &[u8]) -> bool {
        let puts_off = self.is_ending() && self.ceased.len() < limits::MAX_ENDING_UPSTREAMS;
        if puts_off {
            self.ceased.push(ceased.into());
        }
        puts_off
    }

    /// Hands on the CEASED frames that were put off, once nothing is waited for.
    fn tell_ceased(&mut self, node: &Arc<NodeInner>) {
        if self.is_ending() || self.ceased.is_empty() {
            return;
        }
        let now_ms = node.now_ms();
        node.control(|control| {
            for frame in self.ceased.drain(..) {
                // On a link that is not in use any more it has no place: that tells the same.
                let _ = control.core.handle_frame(now_ms, self.link, &frame);
            }
        });
    }

    /// Whether something that was published to us waits for room though its stream has ended.
    pub(super) fn is_ending(&self) -> bool {
        !self.ending.is_empty()
    }

    /// What waits is not waited for any longer.
    pub(super) fn give_up(&mut self, node: &Arc<NodeInner>, after: &mut Aftermath) {
        for Ending { mut upstream, last } in self.ending.drain(..) {
            upstream.cut(node, last, after);
        }
    }

    /// The link is gone: its streams are cut, or have ended if one of the two sides took its leave. What was published to
    /// us and waits for room goes on waiting, as long as [`retry`](Self::retry) is called.
    pub(super) fn cut(&mut self, node: &Arc<NodeInner>, left: bool, after: &mut Aftermath) {
        let farewell = match self.farewell {
            Some(ByeReason::Leaving) => Farewell::Theirs,
            _ if left => Farewell::Ours,
            _ => Farewell::None,
        };
        for announced in self.aliases.drain().collect::<Vec<_>>() {
            match announced {
                Announced::Heard { topic, heard } => topic.stream_cut(heard, farewell, after),
                Announced::Upstream(upstream) => {
                    let last = match farewell {
                        _ if !upstream.is_of(self.peer) => Last::Cut,
                        Farewell::None => Last::Cut,
                        // That we leave as a hub does not end it: its publisher lives on.
                        Farewell::Ours if upstream.is_passed_on() => Last::Withdrawn,
                        Farewell::Ours | Farewell::Theirs => Last::Ended,
                    };
                    self.upstream_ended(node, *upstream, last, after);
                }
                Announced::Ignored(_) => {}
            }
        }
    }
}

/// The payload at the end of a frame, by reference where the frame owns its bytes.
#[inline]
fn payload_of(node: &NodeInner, body: &Body<'_>, payload: &[u8]) -> Payload {
    match body {
        Body::Borrowed(_) => node.context.buffers.payload(payload),
        Body::Owned(body) => Payload::from_bytes(body.slice(body.len() - payload.len()..)),
    }
}

fn early() -> Fault {
    Fault::protocol("nothing but BYE may come before USE")
}

fn unknown_alias(kind: &str, alias: u32) -> Fault {
    Fault::protocol(format!("{kind} for alias {alias}, which was not announced"))
}

impl Aliases {
    #[inline]
    fn get_mut(&mut self, alias: u32) -> Option<&mut Announced> {
        match self.dense.get_mut(alias as usize) {
            Some(announced) => announced.as_mut(),
            None => self.sparse.get_mut(&alias),
        }
    }

    fn insert(&mut self, alias: u32, announced: Announced) -> Result<(), Fault> {
        if alias >= DENSE_ALIASES {
            if self.sparse.len() >= limits::MAX_ALIASES {
                let reason = format!("more than {} aliases", limits::MAX_ALIASES);
                return Err(Fault::protocol(reason));
            }
            self.sparse.insert(alias, announced);
            return Ok(());
        }
        let index = alias as usize;
        if self.dense.len() <= index {
            self.dense.resize_with(index + 1, || None);
        }
        self.dense[index] = Some(announced);
        Ok(())
    }

    fn remove(&mut self, alias: u32) -> Option<Announced> {
        match self.dense.get_mut(alias as usize) {
            Some(announced) => announced.take(),
            None => self.sparse.remove(&alias),
        }
    }

    fn drain(&mut self) -> impl Iterator<Item = Announced> {
        let dense = std::mem::take(&mut self.dense).into_iter().flatten();
        dense.chain(std::mem::take(&mut self.sparse).into_values())
    }
}
