//! Passing on, as a hub, what is published to an owner elsewhere.

use spot_core::inbox::Offer;
use spot_core::outbox::Outbox;
use spot_core::upstream::{Found, Onward};
use spot_core::{LinkId, Payload};

use super::Driver;

impl Driver {
    /// Passes a message on to its owner, by the way there is now; `None` if there is none.
    pub(super) fn pass_onward(
        &mut self,
        onward: &mut Onward<LinkId>,
        sequence: u64,
        payload: &Payload,
        held: bool,
    ) -> Option<Offer> {
        if self.is_to_look(onward) {
            self.look_onward(onward, sequence);
        }
        onward.send(sequence, payload, held, |link, policy, header, payload| {
            let Some(state) = self.links.get_mut(link) else {
                return Offer::Dropped;
            };
            let offer = state.outbox.offer(policy, header, payload);
            self.note_passed(*link, header, offer);
            offer
        })
    }

    /// Whether the way is to be looked for.
    pub(super) fn is_to_look(&self, onward: &Onward<LinkId>) -> bool {
        let is_gone = |link: &LinkId| self.links.get(link).is_none_or(|link| link.closing);
        onward.is_to_look(self.node.ways_changed(), is_gone)
    }

    /// Looks for the way, and enters it at this number if it is another.
    pub(super) fn look_onward(&mut self, onward: &mut Onward<LinkId>, next_sequence: u64) {
        let (topic, owner) = onward.target();
        let way = self.node.way_to(topic, owner);
        let found = way.filter(|_| self.node.relays());
        let found = found.map(|way| Found {
            way,
            queue: way.link,
        });
        let changes = self.node.ways_changed();
        onward.turn_to(changes, found, next_sequence, |link, change| {
            self.change(*link, change);
        });
    }

    /// Changes a link's queue, unless it is not in use any more.
    pub(super) fn change(&mut self, link: LinkId, change: &mut dyn FnMut(&mut Outbox)) {
        if let Some(link) = self.links.get_mut(&link).filter(|link| link.active) {
            change(&mut link.outbox);
        }
    }
}
