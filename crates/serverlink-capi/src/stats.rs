//! Counters.

use std::ffi::{c_char, c_int, c_void};

use serverlink::{Stats, TopicInfo};

use crate::errno::Errno;
use crate::failure::Failure;
use crate::{args, fence, spot};

/// `slk_stats_t`. Grows at its end only: older programs pass a smaller size.
#[repr(C)]
#[derive(Default)]
struct Counters {
    published_messages: u64,
    published_bytes: u64,
    received_messages: u64,
    received_bytes: u64,
    dropped_at_receiver: u64,
    dropped_at_sender: u64,
    missed_messages: u64,
    duplicates_refused: u64,
    subscribers: u64,
    subscriptions: u64,
    topics: u64,
    links: u64,
    reconnects: u64,
    rejected_handshake_timeout: u64,
    rejected_handshake: u64,
    rejected_protocol: u64,
    rejected_heartbeat: u64,
    commands_refused: u64,
    relayed_messages: u64,
    relayed_bytes: u64,
    gaps: u64,
    dropped_newest_at_receiver: u64,
    dropped_oldest_at_receiver: u64,
    dropped_block_at_receiver: u64,
    ended_at_receiver: u64,
    dropped_newest_at_sender: u64,
    dropped_oldest_at_sender: u64,
    dropped_block_at_sender: u64,
    ended_at_sender: u64,
    unhosted_messages: u64,
    link_sent_messages: u64,
    link_sent_bytes: u64,
    link_received_messages: u64,
    link_received_bytes: u64,
    link_queue_high_water: u64,
    queued_messages: u64,
    queued_bytes: u64,
    queue_high_water: u64,
    connect_failures: u64,
    accept_failures: u64,
    handshake_timeout: u64,
    handshake_greeting: u64,
    handshake_version: u64,
    handshake_mechanism: u64,
    handshake_malformed: u64,
    handshake_socket_type: u64,
    handshake_identity: u64,
    handshake_same_name: u64,
    handshake_removed: u64,
    handshake_itself: u64,
    handshake_refused_by_peer: u64,
    messages_refused: u64,
    topic_received_messages: u64,
    topic_received_bytes: u64,
    topic_dropped_messages: u64,
    history_messages: u64,
    history_bytes: u64,
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_stats(
    spot: *mut c_void,
    topic: *const c_char,
    stats: *mut c_void,
    size: usize,
) -> c_int {
    fence::status(|| {
        let spot = spot::get(spot)?;
        let place = args::place(stats.cast::<u8>(), "stats of slk_spot_stats")?;
        if size < size_of::<u64>() {
            return Err(Failure::invalid(format_args!(
                "size of slk_spot_stats is {size}: pass sizeof(slk_stats_t)"
            )));
        }
        let node = &spot.running()?.node;
        let counters = if topic.is_null() {
            Counters::from(node.stats())
        } else {
            // SAFETY: the caller's text.
            let topic = args::topic(unsafe { args::text(topic, "topic of slk_spot_stats")? })?;
            let known = node.topic(topic).ok_or_else(|| unknown(topic))?;
            Counters::from(known)
        };
        let both_know = size.min(size_of::<Counters>());
        // SAFETY: the caller's struct of so many bytes; ours has at least as many of them as are copied.
        unsafe {
            place.write_bytes(0, size);
            place.copy_from_nonoverlapping(std::ptr::NonNull::from(&counters).cast(), both_know);
        }
        Ok(())
    })
}

fn unknown(topic: &str) -> Failure {
    let says = format_args!(
        "topic {topic:?} is not known here: create it, or sync with a peer that offers it"
    );
    Failure::new(Errno::ENOENT, says)
}

impl From<Stats> for Counters {
    fn from(stats: Stats) -> Self {
        Self {
            published_messages: stats.published_messages,
            published_bytes: stats.published_bytes,
            received_messages: stats.received_messages,
            received_bytes: stats.received_bytes,
            dropped_at_receiver: stats.dropped_at_receiver,
            dropped_at_sender: stats.dropped_at_sender,
            missed_messages: stats.missed_messages,
            duplicates_refused: stats.duplicates_refused,
            subscribers: 0,
            subscriptions: stats.subscriptions,
            topics: stats.topics,
            links: stats.links,
            reconnects: stats.reconnects,
            rejected_handshake_timeout: stats.rejected.handshake_timeout,
            rejected_handshake: stats.rejected.handshake,
            rejected_protocol: stats.rejected.protocol,
            rejected_heartbeat: stats.rejected.heartbeat,
            commands_refused: stats.commands_refused,
            relayed_messages: stats.relayed_messages,
            relayed_bytes: stats.relayed_bytes,
            gaps: stats.gaps,
            dropped_newest_at_receiver: stats.receiver_drops.newest,
            dropped_oldest_at_receiver: stats.receiver_drops.oldest,
            dropped_block_at_receiver: stats.receiver_drops.block,
            ended_at_receiver: stats.receiver_drops.disconnect,
            dropped_newest_at_sender: stats.sender_drops.newest,
            dropped_oldest_at_sender: stats.sender_drops.oldest,
            dropped_block_at_sender: stats.sender_drops.block,
            ended_at_sender: stats.sender_drops.disconnect,
            unhosted_messages: stats.unhosted_messages,
            link_sent_messages: stats.links_total.sent_messages,
            link_sent_bytes: stats.links_total.sent_bytes,
            link_received_messages: stats.links_total.received_messages,
            link_received_bytes: stats.links_total.received_bytes,
            link_queue_high_water: stats.link_queue_high_water as u64,
            queued_messages: stats.queued_messages as u64,
            queued_bytes: stats.queued_bytes as u64,
            queue_high_water: stats.queue_high_water as u64,
            connect_failures: stats.connect_failures,
            accept_failures: stats.accept_failures,
            handshake_timeout: stats.handshake_failures.timeout,
            handshake_greeting: stats.handshake_failures.greeting,
            handshake_version: stats.handshake_failures.version,
            handshake_mechanism: stats.handshake_failures.mechanism,
            handshake_malformed: stats.handshake_failures.malformed,
            handshake_socket_type: stats.handshake_failures.socket_type,
            handshake_identity: stats.handshake_failures.identity,
            handshake_same_name: stats.handshake_failures.same_name,
            handshake_removed: stats.handshake_failures.removed,
            handshake_itself: stats.handshake_failures.itself,
            handshake_refused_by_peer: stats.handshake_failures.refused_by_peer,
            messages_refused: stats.messages_refused,
            topic_received_messages: 0,
            topic_received_bytes: 0,
            topic_dropped_messages: 0,
            history_messages: 0,
            history_bytes: 0,
        }
    }
}

impl From<TopicInfo> for Counters {
    fn from(topic: TopicInfo) -> Self {
        Self {
            subscribers: topic.subscribers as u64,
            published_messages: topic.stats.published_messages,
            published_bytes: topic.stats.published_bytes,
            missed_messages: topic.stats.missed_messages,
            gaps: topic.stats.gaps,
            topic_received_messages: topic.stats.received_messages,
            topic_received_bytes: topic.stats.received_bytes,
            topic_dropped_messages: topic.stats.dropped_messages,
            history_messages: topic.stats.history_messages as u64,
            history_bytes: topic.stats.history_bytes as u64,
            ..Self::default()
        }
    }
}
