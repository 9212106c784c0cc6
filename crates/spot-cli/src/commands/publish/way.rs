//! What is known of how messages fare on their way to the nodes that host the topic.

use std::collections::HashSet;
use std::time::Duration;

use serverlink::{Event, NodeId, PeerState, SyncError};

use crate::client::Client;
use crate::failure::Failure;
use crate::output::note;
use crate::text::{counted, duration};

/// The way of a topic's messages: nobody tells when each has arrived, but the loss of a link is known, and that a node which
/// answers a question has read what came before it.
pub(super) struct Way<'c> {
    client: &'c Client,
    topic: &'c str,
    /// The nodes that take the messages first: those that host the topic, and hubs before them. None where it is hosted here.
    takers: HashSet<NodeId>,
    /// Links that were lost while messages may have been on their way.
    losses: Vec<String>,
}

impl<'c> Way<'c> {
    pub(super) fn new(client: &'c Client, topic: &'c str) -> Self {
        let mut way = Self {
            client,
            topic,
            takers: HashSet::new(),
            losses: Vec::new(),
        };
        way.look();
        way
    }

    /// Takes in what happened; so many messages were published before.
    pub(super) fn follow(&mut self, sent: u64) {
        let mut has_changed = false;
        while let Some(event) = self.client.events.try_next() {
            has_changed = true;
            // A node that takes its leave has read what was on its way.
            if let Event::PeerDown {
                endpoint,
                node: Some(node),
                reason,
                graceful: false,
                ..
            } = &event
                && self.takers.contains(node)
                && sent > 0
            {
                note(format_args!(
                    "lost the link with {endpoint}: {reason}; what was on its way may be lost"
                ));
                self.losses.push(format!("{endpoint} ({reason})"));
            }
        }
        if has_changed {
            self.look();
        }
    }

    fn look(&mut self) {
        let Some(info) = self.client.node.topic(self.topic) else {
            return;
        };
        let owners: HashSet<_> = info.owners.into_iter().collect();
        let peers = self.client.node.peers();
        let takers = peers.iter().filter_map(|peer| {
            let node = peer.node?;
            let is_taker = owners.contains(&node)
                || peer.relays_for.iter().any(|owner| owners.contains(owner));
            is_taker.then_some(node)
        });
        self.takers.extend(takers);
    }

    /// Waits until the messages are read by the nodes that they were sent to. A failure if that is not known of all.
    pub(super) fn confirm(&mut self, sent: u64, linger: Duration) -> Result<(), Failure> {
        if sent == 0 {
            return Ok(());
        }
        // Of those that are not there nobody waits for an answer.
        let peers = self.client.node.peers();
        let absent =
            |peer: &&serverlink::PeerInfo| peer.added && peer.state != PeerState::Connected;
        for peer in peers.iter().filter(absent) {
            let _ = self.client.node.remove_peer(&peer.endpoint);
        }
        let answered = self.client.node.sync(linger);
        self.follow(sent);
        if !self.losses.is_empty() {
            return Err(self.lost(sent));
        }
        match answered {
            Err(SyncError::TimedOut { peers, .. } | SyncError::Unreachable { peers, .. }) => {
                Err(Failure::Timeout(format!(
                    "{} sent, but {} did not say within {} that it has read all: the end may be lost; give it more time \
                     with --linger",
                    counted(sent, "message"),
                    peers.join(", "),
                    duration(linger)
                )))
            }
            _ => Ok(()),
        }
    }

    fn lost(&self, sent: u64) -> Failure {
        let links = self.losses.join(", ");
        Failure::Failed(format!(
            "of {} some may be lost: the link with {links} was lost while they were on their way (a node also closes the link with whoever \
             sends a message larger than its limits.max_message_bytes; its log says so)",
            counted(sent, "message")
        ))
    }
}
