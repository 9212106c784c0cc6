//! The open command protocol, for DEALER and REQ sockets: an empty frame, a command byte, its arguments.

use std::sync::Arc;

use bytes::Bytes;
use spot_core::{Filter, LinkId, Payload, validate_topic};
use zmtp::{Frame, Limits, MessageAssembler};

use super::fault::Fault;
use crate::data::{Aftermath, SharedOutbox};
use crate::engine::NodeInner;

/// A message: topic and data; both ways.
pub(crate) const PUBLISH: u8 = 1;
const SUBSCRIBE: u8 = 2;
const UNSUBSCRIBE: u8 = 3;
const QUERY: u8 = 4;
const QUERY_RESP: u8 = 5;

/// A peer that speaks the command protocol.
pub(super) struct Commander {
    link: LinkId,
    assembler: MessageAssembler,
    messages: u64,
}

impl Commander {
    pub(super) fn new(link: LinkId, limits: Limits) -> Self {
        Self {
            link,
            assembler: MessageAssembler::new(limits),
            messages: 0,
        }
    }

    pub(super) fn frame(
        &mut self,
        node: &Arc<NodeInner>,
        outbox: &Arc<SharedOutbox>,
        frame: Frame<'_>,
        after: &mut Aftermath,
    ) -> Result<(), Fault> {
        let Some(message) = self.assembler.push(frame).map_err(Fault::protocol)? else {
            return Ok(());
        };
        let [empty, command, arguments @ ..] = &message[..] else {
            return Err(Fault::protocol(
                "a command is an empty frame and a command byte",
            ));
        };
        let (true, [command]) = (empty.is_empty(), &command[..]) else {
            return Err(Fault::protocol(
                "a command is an empty frame and a frame of one byte",
            ));
        };
        match (*command, arguments) {
            (PUBLISH, [topic, data]) => {
                self.messages += 1;
                node.publish_from_peer(name(topic)?, Payload::from_bytes(data.clone()), after)
            }
            (SUBSCRIBE, [topic]) => self.interest(node, name(topic)?, true)?,
            (UNSUBSCRIBE, [topic]) => self.interest(node, name(topic)?, false)?,
            (QUERY, []) => answer_query(node, outbox)?,
            (command, arguments) => {
                let count = arguments.len();
                return Err(Fault::protocol(format!(
                    "no command {command} with {count} arguments is known"
                )));
            }
        }
        Ok(())
    }

    /// Messages that have come so far.
    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    fn interest(&self, node: &Arc<NodeInner>, topic: &str, wanted: bool) -> Result<(), Fault> {
        let filter = Filter::Exact(topic.into());
        node.control(|control| control.core.plain_interest(self.link, &filter, wanted))
            .map_err(Fault::protocol)
    }
}

fn name(frame: &Bytes) -> Result<&str, Fault> {
    validate_topic(&frame[..]).map_err(Fault::protocol)
}

/// Tells the topics hosted here.
fn answer_query(node: &Arc<NodeInner>, outbox: &Arc<SharedOutbox>) -> Result<(), Fault> {
    let topics = node.offered_topics();
    let count = (topics.len() as u32).to_le_bytes();
    let mut answer = Vec::new();
    let mut frames: Vec<&[u8]> = vec![&[], &[QUERY_RESP], &count];
    frames.extend(topics.iter().map(|topic| topic.as_bytes()));
    for (index, frame) in frames.iter().enumerate() {
        zmtp::put_frame(&mut answer, index + 1 < frames.len(), frame);
    }
    if outbox.answer(&answer) {
        Ok(())
    } else {
        Err(Fault::unread_answers())
    }
}
