//! Traffic between two SPOT nodes.

use std::collections::HashMap;
use std::sync::Arc;

use spot_core::frame::{Alias, ByeReason, Data, Frame as SpotFrame, kind};
use spot_core::stream::{Stream, Verdict};
use spot_core::{LinkId, Missed, Payload};
use zmtp::{Body, Frame};

use super::connection::Fault;
use crate::data::{Aftermath, Heard, SharedOutbox, Topic};
use crate::engine::NodeInner;

/// Aliases below this are looked up by index; a peer that skips numbers cannot make the table larger.
const DENSE_ALIASES: u32 = 1 << 16;

/// A SPOT link's incoming side.
pub(super) struct Spot {
    link: LinkId,
    aliases: Aliases,
    /// USE was said: until then nothing but BYE may come.
    in_use: bool,
    farewell: Option<ByeReason>,
}

/// What an announced stream leads to.
enum Announced {
    /// To the subscribers here.
    Heard { topic: Arc<Topic>, heard: Heard },
    /// Published to us as the topic's owner.
    Upstream { topic: Arc<Topic>, stream: Stream },
    /// To nobody: the topic is not hosted here any more, or not offered, and the other side does not know yet.
    Ignored,
}

#[derive(Default)]
struct Aliases {
    dense: Vec<Option<Announced>>,
    sparse: HashMap<u32, Announced>,
}

impl Spot {
    pub(super) fn new(link: LinkId) -> Self {
        Self {
            link,
            aliases: Aliases::default(),
            in_use: false,
            farewell: None,
        }
    }

    #[inline]
    pub(super) fn frame(
        &mut self,
        node: &Arc<NodeInner>,
        outbox: &Arc<SharedOutbox>,
        frame: Frame<'_>,
        after: &mut Aftermath,
    ) -> Result<(), Fault> {
        if frame.more {
            return Err(Fault::protocol(
                "a SPOT frame is never part of a longer message",
            ));
        }
        match Data::decode(&frame.body) {
            Some(data) => {
                let Data {
                    alias,
                    sequence,
                    payload,
                } = data.map_err(Fault::protocol)?;
                let payload = match &frame.body {
                    Body::Borrowed(_) => Payload::copy_from(payload),
                    Body::Owned(body) => {
                        Payload::from_bytes(body.slice(body.len() - payload.len()..))
                    }
                };
                self.data(alias, sequence, &payload, after)
            }
            None => self.control_frame(node, outbox, &frame.body, after),
        }
    }

    #[inline]
    fn data(
        &mut self,
        alias: u32,
        sequence: u64,
        payload: &Payload,
        after: &mut Aftermath,
    ) -> Result<(), Fault> {
        match self.aliases.get_mut(alias) {
            Some(Announced::Heard { topic, heard }) => topic.hear(*heard, sequence, payload, after),
            Some(Announced::Upstream { topic, stream }) => {
                match stream.receive(sequence) {
                    Verdict::Deliver => {}
                    Verdict::DeliverAfterGap(count) => topic.skip_for_peer(Missed::exactly(count)),
                    Verdict::Duplicate => {
                        after.duplicates += 1;
                        return Ok(());
                    }
                }
                topic.publish_for_peer(payload, after);
            }
            Some(Announced::Ignored) => {}
            None => return Err(unknown_alias("DATA", alias)),
        }
        Ok(())
    }

    fn control_frame(
        &mut self,
        node: &Arc<NodeInner>,
        outbox: &Arc<SharedOutbox>,
        body: &[u8],
        after: &mut Aftermath,
    ) -> Result<(), Fault> {
        let kind = body.first().copied();
        if !matches!(
            kind,
            Some(kind::ALIAS | kind::TAIL | kind::CREDIT | kind::BYE)
        ) {
            node.control(|control| control.core.handle_frame(self.link, body))
                .map_err(Fault::protocol)?;
            return if outbox.reads_answers() {
                Ok(())
            } else {
                Err(Fault::unread_answers())
            };
        }
        if !self.in_use {
            self.in_use = node.inspect(|control| !control.core.awaits_use(self.link));
        }
        match SpotFrame::decode(body).map_err(Fault::protocol)? {
            SpotFrame::Alias(_) | SpotFrame::Credit { .. } if !self.in_use => {
                return Err(Fault::protocol("nothing but BYE may come before USE"));
            }
            SpotFrame::Alias(alias) => self.announced(node, &alias, after),
            SpotFrame::Tail {
                alias,
                next_sequence,
                last,
            } => self.tail(alias, next_sequence, last, after)?,
            SpotFrame::Credit {
                class,
                messages,
                bytes,
            } => outbox.credit(class, messages, bytes),
            SpotFrame::Bye { reason, .. } => {
                self.farewell = Some(reason);
                return node
                    .control(|control| control.core.handle_frame(self.link, body))
                    .map_err(Fault::protocol);
            }
            _ => unreachable!("the kind was looked at"),
        }
        Ok(())
    }

    fn announced(&mut self, node: &Arc<NodeInner>, alias: &Alias<'_>, after: &mut Aftermath) {
        let target = node.control(|control| control.core.open_stream(self.link, alias));
        let target = target.and_then(|target| {
            let topic = node.inspect(|control| control.topic(target.topic).cloned())?;
            Some((topic, target.upstream))
        });
        self.aliases.remove(alias.alias);
        let Some((topic, upstream)) = target else {
            self.aliases.insert(alias.alias, Announced::Ignored);
            return;
        };
        let announced = if upstream {
            let stream = Stream::new(alias.publisher, alias.incarnation, alias.next_sequence);
            Announced::Upstream { topic, stream }
        } else {
            let (heard, missed) = topic.open_stream(self.link, alias);
            if !missed.is_none() {
                after.missed(&topic.name, missed);
            }
            Announced::Heard { topic, heard }
        };
        self.aliases.insert(alias.alias, announced);
    }

    fn tail(
        &mut self,
        alias: u32,
        next_sequence: u64,
        last: bool,
        after: &mut Aftermath,
    ) -> Result<(), Fault> {
        match self.aliases.get_mut(alias) {
            Some(Announced::Heard { topic, heard }) => {
                topic.hear_tail(*heard, next_sequence, last, after)
            }
            Some(Announced::Upstream { topic, stream }) => {
                let missed = stream.announced(next_sequence);
                if !missed.is_none() {
                    topic.skip_for_peer(missed);
                }
            }
            Some(Announced::Ignored) => {}
            None => return Err(unknown_alias("TAIL", alias)),
        }
        if last {
            self.aliases.remove(alias);
        }
        Ok(())
    }

    /// The link is gone: its streams are cut, or have ended if one of the two sides took its leave.
    pub(super) fn cut(&mut self, left: bool) {
        let graceful =
            left || matches!(self.farewell, Some(ByeReason::Leaving | ByeReason::Refused));
        for announced in self.aliases.drain() {
            if let Announced::Heard { topic, heard } = announced {
                topic.stream_cut(heard, graceful);
            }
        }
    }
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

    fn insert(&mut self, alias: u32, announced: Announced) {
        if alias >= DENSE_ALIASES {
            self.sparse.insert(alias, announced);
            return;
        }
        let index = alias as usize;
        if self.dense.len() <= index {
            self.dense.resize_with(index + 1, || None);
        }
        self.dense[index] = Some(announced);
    }

    fn remove(&mut self, alias: u32) {
        match self.dense.get_mut(alias as usize) {
            Some(announced) => *announced = None,
            None => drop(self.sparse.remove(&alias)),
        }
    }

    fn drain(&mut self) -> impl Iterator<Item = Announced> {
        let dense = std::mem::take(&mut self.dense).into_iter().flatten();
        dense.chain(std::mem::take(&mut self.sparse).into_values())
    }
}
