//! Binds and peers.

use std::ffi::{c_char, c_int, c_void};
use std::time::Duration;

use serverlink::{Node, PeerInfo, PeerState};

use crate::block::{self, Block};
use crate::failure::Failure;
use crate::{args, fence, spot};

/// `slk_peer_t`.
#[repr(C)]
struct Peer {
    endpoint: *mut c_char,
    name: *mut c_char,
    node_id: *mut c_char,
    state: c_int,
    added: c_int,
    topics: u64,
    connected_ms: u64,
    queued_messages: u64,
    queued_bytes: u64,
    queue_high_water: u64,
    dropped_messages: u64,
    sent_messages: u64,
    sent_bytes: u64,
    received_messages: u64,
    received_bytes: u64,
    round_trip_us: u64,
    last_round_trip_us: u64,
    reconnects: u64,
    reserved: [u64; 4],
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_bind(spot: *mut c_void, endpoint: *const c_char) -> c_int {
    // SAFETY: the caller's text.
    unsafe {
        with_text(
            spot,
            endpoint,
            "endpoint of slk_spot_bind",
            |node, endpoint| Ok(node.bind(endpoint).map(drop)?),
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_cluster_add(spot: *mut c_void, endpoint: *const c_char) -> c_int {
    // SAFETY: the caller's text.
    unsafe {
        with_text(
            spot,
            endpoint,
            "endpoint of slk_spot_cluster_add",
            |node, endpoint| Ok(node.add_peer(endpoint)?),
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_cluster_remove(spot: *mut c_void, endpoint: *const c_char) -> c_int {
    // SAFETY: the caller's text.
    unsafe {
        with_text(
            spot,
            endpoint,
            "endpoint of slk_spot_cluster_remove",
            |node, endpoint| Ok(node.remove_peer(endpoint)?),
        )
    }
}

#[unsafe(no_mangle)]
extern "C" fn slk_spot_cluster_sync(spot: *mut c_void, timeout_ms: c_int) -> c_int {
    fence::status(|| {
        let spot = spot::get(spot)?;
        let timeout = args::timeout(timeout_ms, "timeout_ms of slk_spot_cluster_sync")?;
        Ok(spot.running()?.node.sync(timeout)?)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_wait_subscribers(
    spot: *mut c_void,
    topic: *const c_char,
    count: c_int,
    timeout_ms: c_int,
) -> c_int {
    let body = |node: &Node, topic: &str| {
        let count = args::count(count, "count of slk_spot_wait_subscribers")?;
        let timeout = args::timeout(timeout_ms, "timeout_ms of slk_spot_wait_subscribers")?;
        Ok(node.wait_subscribers(args::topic(topic)?, count, timeout)?)
    };
    // SAFETY: the caller's text.
    unsafe { with_text(spot, topic, "topic of slk_spot_wait_subscribers", body) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_peers(
    spot: *mut c_void,
    peers: *mut *mut Peer,
    count: *mut usize,
) -> c_int {
    fence::status(|| {
        let spot = spot::get(spot)?;
        let peers = args::place(peers, "peers of slk_spot_peers")?;
        let count = args::place(count, "count of slk_spot_peers")?;
        let known = spot.running()?.node.peers();
        let list = list(&known)?;
        // SAFETY: the caller's places.
        unsafe {
            peers.write(list);
            count.write(known.len());
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_peers_free(peers: *mut Peer, _count: usize) {
    // SAFETY: NULL or what slk_spot_peers gave.
    unsafe { block::free(peers) };
}

fn list(peers: &[PeerInfo]) -> Result<*mut Peer, Failure> {
    let ids: Vec<String> = peers
        .iter()
        .map(|peer| peer.node.map(|id| id.to_string()).unwrap_or_default())
        .collect();
    let texts = |peer: &PeerInfo, id: &str| {
        [
            peer.endpoint.len(),
            peer.name.as_deref().map_or(0, str::len),
            id.len(),
        ]
    };
    let text_bytes = peers
        .iter()
        .zip(&ids)
        .flat_map(|(peer, id)| texts(peer, id))
        .map(|len| len + 1)
        .sum();
    let mut block = Block::new(peers.len(), text_bytes)?;
    for (index, (peer, id)) in peers.iter().zip(&ids).enumerate() {
        let record = Peer {
            endpoint: block.text(&peer.endpoint),
            name: block.text(peer.name.as_deref().unwrap_or_default()),
            node_id: block.text(id),
            state: state(peer.state),
            added: peer.added.into(),
            topics: peer.topics as u64,
            connected_ms: peer
                .connected_for
                .as_millis()
                .try_into()
                .unwrap_or(u64::MAX),
            queued_messages: peer.queued_messages as u64,
            queued_bytes: peer.queued_bytes as u64,
            queue_high_water: peer.queue_high_water as u64,
            dropped_messages: peer.dropped_messages,
            sent_messages: peer.traffic.sent_messages,
            sent_bytes: peer.traffic.sent_bytes,
            received_messages: peer.traffic.received_messages,
            received_bytes: peer.traffic.received_bytes,
            round_trip_us: micros(peer.round_trip.map(|round_trip| round_trip.smoothed)),
            last_round_trip_us: micros(peer.round_trip.map(|round_trip| round_trip.last)),
            reconnects: peer.reconnects,
            reserved: [0; 4],
        };
        // SAFETY: below the count above.
        unsafe { block.record(index, record) };
    }
    Ok(block.finish())
}

/// Microseconds, or `SLK_UNKNOWN`.
fn micros(time: Option<Duration>) -> u64 {
    time.and_then(|time| time.as_micros().try_into().ok())
        .unwrap_or(u64::MAX)
}

/// `SLK_PEER_...`; 0 for a state the header has no name for yet.
fn state(state: PeerState) -> c_int {
    match state {
        PeerState::Connecting => 1,
        PeerState::Connected => 2,
        PeerState::Backoff => 3,
        PeerState::Itself => 4,
        _ => 0,
    }
}

/// # Safety
/// `text` is NULL or the caller's text.
unsafe fn with_text(
    spot: *mut c_void,
    text: *const c_char,
    what: &str,
    body: impl FnOnce(&Node, &str) -> Result<(), Failure>,
) -> c_int {
    fence::status(|| {
        let spot = spot::get(spot)?;
        // SAFETY: the caller vouches for it.
        let text = unsafe { args::text(text, what)? };
        body(&spot.running()?.node, text)
    })
}
