//! Peers that connect and then say nothing, or not enough: they cost little, and not for long.

use std::time::{Duration, Instant};

use serverlink::LinkRejections;
use spot_core::limits::HANDSHAKE_TIMEOUT_MS;
use wire_tests::{Bystanders, RawPeer, next_rejection, server, wait_until};

/// Resident memory of this process.
#[cfg(target_os = "linux")]
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.unwrap().parse::<usize>().unwrap() * 1024
}

/// Room for both ends of every connection.
fn raise_descriptor_limit() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: both calls get a valid pointer to a limit of our own.
    let raised = unsafe {
        let read = libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        read + libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit)
    };
    assert_eq!(raised, 0, "the limit of descriptors can be raised");
}

/// One test for both, since its time is that of the handshake limit.
#[test]
fn a_thousand_silent_peers_cost_little_and_are_closed_after_the_limit() {
    const SILENT: usize = 1000;
    raise_descriptor_limit();
    let (node, endpoint) = server();
    let bystanders = Bystanders::start(&node, &endpoint);
    let events = node.events();
    bystanders.go_on();
    #[cfg(target_os = "linux")]
    let before = resident_bytes();
    let begin = Instant::now();
    let mut peers: Vec<RawPeer> = (0..SILENT).map(|_| RawPeer::connect(&endpoint)).collect();
    let half_greeting = &RawPeer::greeting(1)[..32];
    for (index, peer) in peers.iter_mut().enumerate() {
        match index % 3 {
            0 => {}
            1 => peer.send(half_greeting),
            _ => peer.send(&RawPeer::greeting(1)),
        }
    }
    // They are all accepted: each gets our greeting.
    peers.iter_mut().for_each(RawPeer::read_greeting);
    bystanders.go_on();
    #[cfg(target_os = "linux")]
    {
        let growth = resident_bytes().saturating_sub(before);
        assert!(growth < SILENT * 16 * 1024, "{growth} bytes");
    }
    peers.into_iter().for_each(RawPeer::wait_closed);
    assert!(begin.elapsed() >= Duration::from_millis(HANDSHAKE_TIMEOUT_MS));
    assert!(next_rejection(&events).contains("handshake"));
    wait_until("all to be counted", || {
        let expected = {
            let mut expected = LinkRejections::default();
            expected.handshake_timeout = SILENT as u64;
            expected
        };
        node.stats().rejected == expected
    });
    bystanders.go_on();
}
