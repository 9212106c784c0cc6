//! Peers that are none: what comes is no ZMTP, or not this one.

use wire_tests::RawPeer;

use crate::victim::Victim;

#[test]
fn other_protocols_are_refused_at_once() {
    let mut victim = Victim::new();
    let tls: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    for hello in [b"GET / HTTP/1.1\r\nHost: spot\r\n\r\n", tls, b"\n", b"\0"] {
        let mut peer = victim.connect();
        peer.send(hello);
        victim.refuses_handshake(peer, "ZMTP");
    }
}

#[test]
fn random_bytes_are_refused() {
    let mut victim = Victim::new();
    // A xorshift generator: the bytes are the same at every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..20 {
        let mut bytes = Vec::new();
        while bytes.len() < 4096 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend(state.to_le_bytes());
        }
        // So that it is not refused at the first byte each time.
        bytes[0] = 0xff;
        bytes[9] |= 1;
        let mut peer = victim.connect();
        peer.send(&bytes);
        victim.refuses_handshake(peer, "");
    }
}

#[test]
fn older_versions_are_refused_by_name() {
    let mut victim = Victim::new();
    let revision = |number| {
        let mut greeting = RawPeer::greeting(0);
        greeting[10] = number;
        greeting
    };
    for (greeting, version) in [
        (&b"\x01\x00"[..], "ZMTP 1"),
        (&b"\xff\0\0\0\0\0\0\0\x01\0\0"[..], "ZMTP 1"),
        (&revision(0), "ZMTP 1"),
        (&revision(1), "ZMTP 2"),
    ] {
        let mut peer = victim.connect();
        peer.send(greeting);
        victim.refuses_handshake(peer, version);
    }
}

#[test]
fn other_mechanisms_are_refused_by_name() {
    let mut victim = Victim::new();
    for mechanism in ["CURVE", "PLAIN", "NULLS", "N"] {
        let mut greeting = RawPeer::greeting(1);
        greeting[12..32].fill(0);
        greeting[12..12 + mechanism.len()].copy_from_slice(mechanism.as_bytes());
        let mut peer = victim.connect();
        peer.send(&greeting);
        victim.refuses_handshake(peer, mechanism);
    }
}

#[test]
fn whoever_leaves_in_the_middle_is_no_news() {
    let victim = Victim::new();
    for length in [0, 1, 10, 11, 63, 64] {
        let mut peer = victim.connect();
        peer.send(&RawPeer::greeting(1)[..length]);
        drop(peer);
    }
    victim.is_well();
}
