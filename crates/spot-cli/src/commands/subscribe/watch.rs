//! What `spot sub` tells on standard error while it waits for messages.

use std::collections::HashMap;

use serverlink::{Event, Events, Node, PeerState, Subscriber, SyncError};

use crate::cli::value::is_pattern;
use crate::interrupt::FOREVER;
use crate::output::note;

/// Tells of links that come and go, until the node closes.
pub(super) fn links(events: &Events) {
    let mut told = HashMap::new();
    while let Some(event) = events.next_timeout(FOREVER) {
        match event {
            Event::PeerUp { endpoint, .. } => {
                note(format_args!("connected to {endpoint}"));
                told.remove(&endpoint);
            }
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
pub(super) fn subscriptions(node: &Node, subscriber: &Subscriber, filters: &[String]) {
    loop {
        match node.sync(FOREVER) {
            Ok(()) => break,
            Err(SyncError::Closed) => return,
            Err(_) => {}
        }
    }
    if subscriber.wait_subscribed(FOREVER).is_err() {
        return;
    }
    note(format_args!("subscribed to {}", filters.join(" ")));
    for filter in filters {
        if !is_pattern(filter) && node.topic(filter).is_none() {
            note(format_args!("no node offers {filter} yet; waiting for one"));
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
