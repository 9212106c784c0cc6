//! What `spot sub` tells on standard error while it waits for messages.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use serverlink::{Event, Node, PeerState, Subscriber};

use crate::cli::value::is_pattern;
use crate::client::{Client, ELSEWHERE, note_shared};
use crate::interrupt::{self, FOREVER};
use crate::output::note;

/// Tells of links that come and go, and of the subscriptions on them, until the node closes.
pub(super) fn links(
    client: &Client,
    subscriber: &Subscriber,
    filters: &[String],
    over: &AtomicBool,
) {
    let mut told = HashMap::new();
    if client.peers.is_empty() {
        tell_subscribed(&client.node, subscriber, filters);
    }
    while let Some(event) = client.events.next_timeout(FOREVER) {
        match event {
            Event::PeerUp { endpoint, .. } => {
                note(format_args!("connected to {endpoint}"));
                told.remove(&endpoint);
                tell_subscribed(&client.node, subscriber, filters);
            }
            // Our own end is no news.
            Event::PeerDown { .. } if over.load(Relaxed) || interrupt::happened() => {}
            Event::PeerDown {
                endpoint, reason, ..
            } => {
                note(format_args!("no longer connected to {endpoint}: {reason}"));
            }
            Event::ConnectFailed { endpoint, reason } | Event::Rejected { endpoint, reason } => {
                // Each attempt fails alike: once is enough.
                let before = told.insert(endpoint.clone(), reason.clone());
                if before.as_ref() != Some(&reason) {
                    note(format_args!(
                        "not connected to {endpoint}: {reason}; trying again"
                    ));
                }
            }
            _ => {}
        }
    }
}

/// Tells when the subscriptions stand, and which topics nobody offers.
fn tell_subscribed(node: &Node, subscriber: &Subscriber, filters: &[String]) {
    if subscriber.wait_subscribed(FOREVER).is_err() {
        return;
    }
    note(format_args!("subscribed to {}", filters.join(" ")));
    // While a peer is missing, nobody knows what it offers.
    if !missing(node).is_empty() || node.sync(Duration::from_secs(1)).is_err() {
        return;
    }
    note_shared(&node.peers());
    for filter in filters {
        if !is_pattern(filter) && node.topic(filter).is_none() {
            note(format_args!(
                "no node that this program is linked to offers {filter} yet; waiting for one ({ELSEWHERE})"
            ));
        }
    }
}

/// The peers we added that are not connected.
pub(super) fn missing(node: &Node) -> Vec<String> {
    let peers = node.peers().into_iter();
    peers
        .filter(|peer| peer.added && peer.state != PeerState::Connected)
        .map(|peer| peer.endpoint)
        .collect()
}
