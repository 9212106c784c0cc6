//! The turns of streams that are published to this node, or by way of it, shared by the threads of their ways.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use spot_core::NodeId;
use spot_core::frame::Alias;
use spot_core::upstream::Turn;

use crate::data::lock;
use crate::reactor::LinkPort;

/// The turn of each stream, whichever links it comes by.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<Key, Weak<SharedTurn>>>);

/// Topic, owner, publisher.
type Key = (Arc<str>, NodeId, NodeId);

/// A turn under its lock, and the links that are to try again when it may be theirs.
#[derive(Debug, Default)]
pub(super) struct SharedTurn(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    turn: Turn,
    waiting: Vec<LinkPort>,
}

impl Turns {
    pub(super) fn of(&self, owner: NodeId, alias: &Alias<'_>) -> Arc<SharedTurn> {
        let mut turns = lock(&self.0);
        let key = (Arc::from(alias.topic), owner, alias.publisher);
        let known = turns.get(&key).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            // What nobody holds any more goes when there is as much of it as of the rest.
            if turns.len() == turns.capacity() {
                turns.retain(|_, turn| turn.strong_count() > 0);
            }
            let turn = Arc::default();
            turns.insert(key, Arc::downgrade(&turn));
            turn
        })
    }
}

impl SharedTurn {
    #[inline]
    pub(super) fn with<R>(&self, look: impl FnOnce(&mut Turn) -> R) -> R {
        look(&mut lock(&self.0).turn)
    }

    /// As [`with`](Self::with) for what may make it another way's turn.
    #[inline]
    pub(super) fn advance<R>(&self, change: impl FnOnce(&mut Turn) -> R) -> R {
        let mut state = lock(&self.0);
        let result = change(&mut state.turn);
        state.waiting.drain(..).for_each(|port| port.retry());
        result
    }

    /// Tries to take the turn; otherwise the link is told when it may try again.
    pub(super) fn try_take<R>(
        &self,
        port: Option<&LinkPort>,
        take: impl FnOnce(&mut Turn) -> Option<R>,
    ) -> Option<R> {
        let mut state = lock(&self.0);
        let taken = take(&mut state.turn);
        if taken.is_none()
            && let Some(port) = port.filter(|port| !state.waiting.contains(port))
        {
            state.waiting.push(port.clone());
        }
        taken
    }
}
