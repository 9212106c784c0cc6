//! A good greeting, and then not what must follow.

use spot_core::frame::Frame;
use wire_tests::{RawPeer, metadata};
use zmtp::{Command, Metadata, SocketType, command};

use crate::victim::{Decides, Victim, on_the_wire, spot};

/// READY in a command frame whose length is told in `length`.
fn ready_of(length: u64, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x06];
    frame.extend(length.to_be_bytes());
    frame.extend(body);
    frame
}

fn greet(victim: &Victim) -> RawPeer {
    let mut peer = victim.connect();
    peer.send(&RawPeer::greeting(1));
    peer
}

#[test]
fn garbage_after_the_greeting_is_refused() {
    let mut victim = Victim::new();
    for (garbage, reason) in [
        (&b"\xff\xff\xff\xff"[..], "flags"),
        (b"GET / HTTP/1.1\r\n", "flags"),
        (b"\x00\x05hello", "READY"),
        (b"\x04\x00", ""),
        (b"\x04\x05\x09READ", ""),
        (b"\x04\x06\x05HELLO", "HELLO"),
        (b"\x04\x07\x04PING\x00\x00", "PING"),
        (b"\x04\x0b\x09SUBSCRIBEa", "SUBSCRIBE"),
        (b"\x04\x09\x05ERROR\x02no", "no"),
        (b"\x04\x06\x05READY", "Socket-Type"),
    ] {
        let mut peer = greet(&victim);
        peer.send(garbage);
        victim.refuses_handshake(peer, reason);
    }
}

#[test]
fn lengths_that_are_out_of_bounds_are_refused_before_anything_is_read() {
    let mut victim = Victim::new();
    for length in [1 << 62, 1 << 63, u64::MAX, 1 << 31, 64 * 1024 + 1] {
        for flags in [0x06, 0x02] {
            let mut peer = greet(&victim);
            let mut frame = ready_of(length, b"\x05READY");
            frame[0] = flags;
            peer.send(&frame);
            victim.refuses_handshake(peer, "");
        }
    }
}

#[test]
fn metadata_that_claims_two_gigabytes_is_refused() {
    let mut victim = Victim::new();
    let mut body = b"\x05READY\x0bSocket-Type".to_vec();
    body.extend((1_u32 << 31).to_be_bytes());
    body.extend(b"XSUB");
    for body in [
        &body[..],
        b"\x05READY\xffName",
        b"\x05READY\x00",
        b"\x05READY\x01X\x00",
    ] {
        let mut peer = greet(&victim);
        peer.send(&ready_of(body.len() as u64, body));
        victim.refuses_handshake(peer, "");
    }
}

#[test]
fn unknown_and_refused_socket_types_are_told_by_an_error() {
    let mut victim = Victim::new();
    for name in ["PUSH", "PULL", "PAIR", "REP", "ROUTER", "STREAM", "", "sub"] {
        let mut local = Metadata::new();
        local.push("Socket-Type", name.as_bytes()).unwrap();
        let mut peer = greet(&victim);
        let mut ready = Vec::new();
        command::encode_ready(&mut ready, &local);
        peer.send(&ready);
        peer.read_greeting();
        let answer = peer.frame().expect("an ERROR");
        assert!(
            matches!(Command::parse(&answer.body), Ok(Command::Error { .. })),
            "{answer:?} to {name}"
        );
        victim.refuses_handshake(peer, "");
    }
}

#[test]
fn nodes_that_do_not_say_who_they_are_are_refused() {
    let mut victim = Victim::new();
    let id = "ffffffffffffffffffffffffffffffff";
    let long_name = "n".repeat(256);
    let many_endpoints = ["tcp://127.0.0.1:1"; 17].join(",");
    let cases: [(&[(&str, &str)], &str); 11] = [
        (&[("X-SPOT-Version", "2")], "version"),
        (&[("X-SPOT-Version", "")], "version"),
        (&[("x-spot-version", "1")], "X-SPOT-Node"),
        (&[("X-SPOT-Node", "f")], "X-SPOT-Node"),
        (
            &[("X-SPOT-Node", "zfffffffffffffffffffffffffffffff")],
            "X-SPOT-Node",
        ),
        (&[("X-SPOT-Node", id)], "X-SPOT-Incarnation"),
        (&[("X-SPOT-Incarnation", "-1")], "X-SPOT-Incarnation"),
        (
            &[("X-SPOT-Incarnation", "18446744073709551616")],
            "X-SPOT-Incarnation",
        ),
        (&[("X-SPOT-Name", &long_name)], "X-SPOT-Name"),
        (&[("X-SPOT-Endpoints", &many_endpoints)], "X-SPOT-Endpoints"),
        (&[("X-SPOT-Role", "king")], "X-SPOT-Role"),
    ];
    for (wrong, reason) in cases {
        let mut local = Metadata::for_socket(SocketType::XSub);
        for (name, value) in wrong {
            local.push(name, value.as_bytes()).unwrap();
        }
        // Fill in what comes before the property in question, so that it is the one looked at.
        let good = [
            ("X-SPOT-Version", "1"),
            ("X-SPOT-Node", id),
            ("X-SPOT-Incarnation", "1"),
        ];
        for (name, value) in good {
            if wrong[0].0 != "x-spot-version" && name != reason && local.get(name).is_none() {
                local.push(name, value.as_bytes()).unwrap();
            }
        }
        let mut peer = greet(&victim);
        let mut ready = Vec::new();
        command::encode_ready(&mut ready, &local);
        peer.send(&ready);
        victim.refuses_handshake(peer, reason);
    }
}

#[test]
fn another_version_of_the_link_is_refused_when_it_answers_us_too() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let victim = Victim::new();
    let events = victim.node.events();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    victim.node.add_peer(&endpoint).unwrap();
    let mut peer = RawPeer::accept(&listener);
    let properties: &[(&str, &[u8])] = &[("X-SPOT-Version", b"2")];
    peer.shake_hands(1, &metadata(SocketType::XPub, properties));
    let reason = wire_tests::next_rejection(&events);
    assert!(reason.contains("version"), "{reason}");
    victim.node.remove_peer(&endpoint).unwrap();
    peer.wait_closed();
}

#[test]
fn nothing_but_bye_may_come_before_use() {
    let mut victim = Victim::new();
    let early = [
        on_the_wire(b"\x10\x01"),
        on_the_wire(b"\x20\x01\x01"),
        on_the_wire(b"\x21\x01"),
        on_the_wire(b"\x12\x02\x01\x01"),
        on_the_wire(b"\x31\x00\x00early"),
        on_the_wire(b"\x32\x00\x00\x00"),
        on_the_wire(&[&b"\x30\x00\x00\x00\x01"[..], &[0; 16], b"\x01t"].concat()),
    ];
    for frame in early {
        let (mut peer, _) = RawPeer::join(&victim.endpoint, 1, &spot(Decides::Attacker));
        peer.send(&frame);
        victim.refuses(peer, "");
    }
    let (mut peer, _) = RawPeer::join(&victim.endpoint, 1, &spot(Decides::Attacker));
    peer.send(&on_the_wire(&Frame::Use.to_vec()));
    peer.send(&on_the_wire(&Frame::Use.to_vec()));
    victim.refuses(peer, "USE");
}
