//! Peers, in all and one by one.

use std::collections::BTreeMap;

use serverlink::{PeerInfo, PeerState};

use super::text::Page;

pub(super) fn tell(page: &mut Page, peers: &[PeerInfo]) {
    page.family("spot_peers", "gauge", "Peers by their state.");
    for (state, name) in [
        (PeerState::Connected, "connected"),
        (PeerState::Connecting, "connecting"),
        (PeerState::Backoff, "waiting"),
        (PeerState::Itself, "itself"),
    ] {
        let count = peers.iter().filter(|peer| peer.state == state).count();
        page.sample("spot_peers", &[("state", name)], count);
    }
    let queued: usize = peers.iter().map(|peer| peer.queued_messages).sum();
    let help = "Messages that wait to be sent, on all links.";
    page.gauge("spot_queued_messages", help, queued);
    let queued: usize = peers.iter().map(|peer| peer.queued_bytes).sum();
    page.gauge("spot_queued_bytes", "Their payload bytes.", queued);
    let longest = peers.iter().map(|peer| peer.queued_messages).max();
    let help = "Messages that wait on the link with the most.";
    page.gauge("spot_longest_queue_messages", help, longest.unwrap_or(0));
    each(page, &lasting(peers));
}

/// Those that may have samples of their own: what was added here, by its endpoint, and nodes with a name that linked to this
/// one. Programs that look in for a moment would leave a label behind each time.
fn lasting(peers: &[PeerInfo]) -> BTreeMap<&str, &PeerInfo> {
    let mut lasting = BTreeMap::new();
    for peer in peers.iter().filter(|peer| peer.state != PeerState::Itself) {
        // The name of one that is down is not known: that of a series must not change then.
        let endpoint = peer.added.then_some(peer.endpoint.as_str());
        if let Some(label) = endpoint.or(peer.name.as_deref()) {
            lasting.entry(label).or_insert(peer);
        }
    }
    lasting
}

#[rustfmt::skip]
fn each(page: &mut Page, peers: &BTreeMap<&str, &PeerInfo>) {
    let mut family = |name: &str, help: &str, of: &dyn Fn(&PeerInfo) -> Option<f64>| {
        let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
        page.family(name, kind, help);
        for (label, peer) in peers {
            if let Some(value) = of(peer) {
                page.sample(name, &[("peer", label)], value);
            }
        }
    };
    let count = |number: u64| Some(number as f64);
    family("spot_peer_up", "Whether it is linked.", &|peer| count(u64::from(peer.state == PeerState::Connected)));
    family("spot_peer_round_trip_seconds", "How long it takes to answer a heartbeat, smoothed.", &|peer| peer.round_trip.map(|trip| trip.smoothed.as_secs_f64()));
    family("spot_peer_reconnects_total", "Links to it after the first one.", &|peer| count(peer.reconnects));
    family("spot_peer_queued_messages", "Messages that wait to be sent to it.", &|peer| count(peer.queued_messages as u64));
    family("spot_peer_queued_bytes", "Their payload bytes.", &|peer| count(peer.queued_bytes as u64));
    family("spot_peer_queue_high_water_messages", "Most messages that ever waited on its link.", &|peer| count(peer.queue_high_water as u64));
    family("spot_peer_dropped_messages_total", "Messages lost to the full queue of its link.", &|peer| count(peer.dropped_messages));
    family("spot_peer_sent_messages_total", "Messages written to its link.", &|peer| count(peer.traffic.sent_messages));
    family("spot_peer_sent_bytes_total", "Bytes written to its link.", &|peer| count(peer.traffic.sent_bytes));
    family("spot_peer_received_messages_total", "Messages read from its link.", &|peer| count(peer.traffic.received_messages));
    family("spot_peer_received_bytes_total", "Bytes read from its link.", &|peer| count(peer.traffic.received_bytes));
}
