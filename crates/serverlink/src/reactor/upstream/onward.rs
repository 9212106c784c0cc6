//! Passing on what is published to an owner that is reached by way of us.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use spot_core::frame::Last;
use spot_core::inbox::Offer;
use spot_core::outbox::Outbox;
use spot_core::upstream::Found;
use spot_core::{Payload, upstream};

use super::Refusal;
use crate::data::{Aftermath, Blocker, SharedOutbox};
use crate::engine::{LinkHandle, NodeInner};

/// A stream's further way, with the queue of the link that it goes by.
pub(super) type Passage = upstream::Onward<Arc<SharedOutbox>>;

/// Passes a message on; it waits for room and credit.
pub(super) fn send(
    onward: &mut Passage,
    node: &NodeInner,
    sequence: u64,
    payload: &Payload,
    after: &mut Aftermath,
) -> Result<(), Refusal> {
    match offer(onward, node, sequence, payload, true, after) {
        None => Err(Refusal::NoWay),
        Some(Offer::Full) => {
            let (outbox, policy) = onward.queue().expect("it is full");
            Err(Refusal::Full(Blocker::outbox(outbox, policy)))
        }
        Some(_) => Ok(()),
    }
}

/// As [`send`], holding nobody up: without room the message is lost, which its number tells.
pub(super) fn send_unheld(
    onward: &mut Passage,
    node: &NodeInner,
    sequence: u64,
    payload: &Payload,
    after: &mut Aftermath,
) {
    offer(onward, node, sequence, payload, false, after);
}

/// Whether the way is to be looked for.
#[inline]
pub(super) fn is_to_look(onward: &Passage, node: &NodeInner) -> bool {
    onward.is_to_look(node.ways_changed.load(Relaxed), |outbox| outbox.is_closed())
}

/// Looks for the way, and enters it at this number if it is another.
pub(super) fn look(onward: &mut Passage, node: &NodeInner, next_sequence: u64) {
    let changes = node.ways_changed.load(Relaxed);
    let found = find(onward, node);
    onward.turn_to(changes, found, next_sequence, change);
}

/// The stream ends here, at this number.
pub(super) fn end(onward: &mut Passage, next_sequence: u64, last: Last) {
    onward.end(next_sequence, last, &mut change);
}

fn offer(
    onward: &mut Passage,
    node: &NodeInner,
    sequence: u64,
    payload: &Payload,
    held: bool,
    after: &mut Aftermath,
) -> Option<Offer> {
    if is_to_look(onward, node) {
        look(onward, node, sequence);
    }
    onward.send(
        sequence,
        payload,
        held,
        |outbox, policy, header, payload| {
            let (offer, flush) = outbox.offer(policy, header, payload);
            if offer == Offer::Queued {
                after.relayed(payload.len());
            }
            if offer != Offer::Full {
                after.queued(outbox, flush);
            }
            offer
        },
    )
}

fn find(onward: &Passage, node: &NodeInner) -> Option<Found<Arc<SharedOutbox>>> {
    let (topic, owner) = onward.target();
    node.inspect(|control| {
        let way = control.core.way_to(topic, owner)?;
        let outbox = control.links.get(&way.link).and_then(LinkHandle::outbox)?;
        control.core.relays().then(|| Found {
            way,
            queue: outbox.clone(),
        })
    })
}

/// Changes a queue, unless its link is not in use any more.
fn change(outbox: &Arc<SharedOutbox>, change: &mut dyn FnMut(&mut Outbox)) {
    if outbox.is_in_use() {
        outbox.with(change);
        outbox.flush_soon();
    }
}
