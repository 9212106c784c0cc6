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
        }
    }
}

impl From<TopicInfo> for Counters {
    fn from(topic: TopicInfo) -> Self {
        Self {
            subscribers: topic.subscribers as u64,
            ..Self::default()
        }
    }
}
