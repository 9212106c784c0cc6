//! A SPOT link, PUB, SUB or DEALER that shook hands well, and then says what it must not.

use serverlink::{Overflow, SubscriberOptions};
use spot_core::frame::{ByeReason, Frame, TopicChange};
use spot_core::{Hello, Incarnation, NodeId};
use wire_tests::{RawPeer, WAIT, metadata, wait_until};
use zmtp::SocketType;

use crate::victim::{Victim, answer, on_the_wire};

const ANOTHER: [u8; 16] = [9; 16];

fn alias(number: u8, publisher: [u8; 16], topic: &[u8]) -> Vec<u8> {
    let head = [0x30, number, 0, 0, 1];
    [&head, &publisher[..], &[topic.len() as u8], topic].concat()
}

#[test]
fn malformed_spot_frames_close_that_link_alone() {
    let mut victim = Victim::new();
    let long_name = [&b"\x20\x02\x00\x00\x80\x02"[..], &[b'n'; 256]].concat();
    let too_long = [&b"\x20\x02\x00"[..], &b"\x00\x01t".repeat(22_000)].concat();
    let unclosed = b"\x10\x02\x01\x02[a\x00";
    let nobody = [&b"\x51"[..], &[9; 16]].concat();
    let no_packet = [&nobody[..], b"\x00garbage"].concat();
    let too_far = [&nobody[..], b"\x09"].concat();
    let cases: [(&[u8], &str); 32] = [
        (b"", "empty"),
        (b"\x00", "kind"),
        (b"\x01", "kind"),
        (b"\x7e", "kind"),
        (b"\xff\xff\xff\xff", "kind"),
        (b"\x02", "USE"),
        (b"\x02\x00", ""),
        (b"\x0f\x06\x00", "reason"),
        (b"\x10", "version"),
        (b"\x10\x80\x00", "version"),
        (b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "version"),
        (b"\x10\x02\x03\x01t\x00", "filter kind"),
        (b"\x10\x02\x02\x01t\x00", "origin"),
        (b"\x10\x02\x00\x00\x00", ""),
        (b"\x10\x02\x00\x01t\xff\xff\xff\xff\x07", "class count"),
        (unclosed, ""),
        (b"\x11\x01\x01", ""),
        (b"\x12\x00\x00", "bytes"),
        (b"\x20\x02\x02", "reset"),
        (b"\x20\x02\x00\x00\x02\xc3\x28", "UTF-8"),
        (b"\x20\x02\x00\x00\x01\x00", "NUL"),
        (b"\x20\x02\x00\x00\x00", ""),
        (&long_name, "256"),
        (&too_long, "66003"),
        (b"\x20\x02\x00\x02", "origin"),
        (b"\x20\x02\x00\x04\x01t", "topic operation"),
        (b"\x21", "id"),
        (b"\x30\x00\x03", "alias flags"),
        (b"\x32\x00\x00\x05", "last"),
        (b"\x50\x01", "member"),
        (&no_packet, "node"),
        (&too_far, "hops"),
    ];
    for (body, reason) in cases {
        let mut peer = victim.link();
        peer.send(&on_the_wire(body));
        victim.refuses(peer, reason);
    }
}

#[test]
fn streams_that_were_not_announced_close_that_link_alone() {
    let mut victim = Victim::new();
    let big = [
        &b"\x30\x80\x80\x80\x80\x10\x00\x00\x01"[..],
        &[9; 16],
        b"\x01t",
    ]
    .concat();
    let cases: [(&[&[u8]], &str); 7] = [
        (&[b"\x31\x00\x00data"], "alias"),
        (&[b"\x31\xff\xff\xff\xff\x0f\x00"], "alias"),
        (&[b"\x31\xff\xff\xff\xff\xff\x01\x00"], "alias"),
        (&[b"\x32\x00\x00\x00"], "alias"),
        (&[&big], "alias"),
        (&[&alias(1, ANOTHER, b"t"), b"\x31\x02\x00"], "alias"),
        (
            &[
                &alias(1, ANOTHER, b"t"),
                b"\x32\x01\x00\x01",
                b"\x31\x01\x00",
            ],
            "alias",
        ),
    ];
    for (bodies, reason) in cases {
        let mut peer = victim.link();
        bodies.iter().for_each(|body| peer.send(&on_the_wire(body)));
        victim.refuses(peer, reason);
    }
}

#[test]
fn a_stream_nobody_here_wants_is_no_error() {
    let victim = Victim::new();
    let mut peer = victim.link();
    for round in 0..3 {
        peer.send(&on_the_wire(&alias(1, ANOTHER, b"unwanted")));
        peer.send(&on_the_wire(&[0x31, 1, round]));
    }
    // Upstream, for a topic that is not hosted here any more.
    let mut upstream = alias(2, ANOTHER, b"gone");
    upstream[2] = 1;
    // Where it began.
    upstream.insert(4, 0);
    peer.send(&on_the_wire(&upstream));
    peer.send(&on_the_wire(b"\x31\x02\x00"));
    peer.send(&on_the_wire(b"\x32\x02\x01\x01"));
    peer.send(&on_the_wire(&Frame::Sync { id: 7 }.to_vec()));
    assert_eq!(answer(&mut peer), [Frame::SyncAck { id: 7 }.to_vec()]);
    victim.is_well();
}

/// A hub that has not read yet that it is asked no more sends on the credit of a subscriber that blocks.
#[test]
fn a_stream_left_before_it_was_announced_costs_a_blocking_subscriber_no_credit() {
    let victim = Victim::new();
    let mut hub = victim.link();
    let offer = Frame::Topics {
        version: 1,
        reset: true,
        changes: vec![TopicChange::Relay {
            origin: NodeId(ANOTHER),
            hops: 1,
            reached: Some(Incarnation(1)),
            topic: "far",
        }],
    };
    hub.send(&on_the_wire(&offer.to_vec()));
    wait_until("the topic is known", || victim.node.topic("far").is_some());
    let subscriber = victim.node.subscriber();
    let blocks = |options: &mut SubscriberOptions| {
        (options.overflow, options.hwm) = (Overflow::Block, 4);
    };
    subscriber.configure(blocks).unwrap();
    subscriber.subscribe("far").unwrap();
    let class = loop {
        let message = answer(&mut hub);
        if let Ok(Frame::Interest { entries, .. }) = Frame::decode(&message[0])
            && let Some(asked) = entries.iter().find(|entry| entry.origin.is_some())
        {
            break asked.classes[0];
        }
    };
    subscriber.unsubscribe("far").unwrap();
    // Behind this there is nothing left of the first window.
    hub.send(&on_the_wire(&Frame::Sync { id: 9 }.to_vec()));
    while answer(&mut hub) != [Frame::SyncAck { id: 9 }.to_vec()] {}
    hub.send(&on_the_wire(&alias(1, ANOTHER, b"far")));
    for number in 0..4 {
        hub.send(&on_the_wire(&[0x31, 1, number]));
    }
    let message = answer(&mut hub);
    let credit = Frame::decode(&message[0]);
    assert!(
        matches!(credit, Ok(Frame::Credit { class: of, .. }) if of == class),
        "{credit:?}"
    );
    victim.is_well();
}

#[test]
fn a_link_that_breaks_the_rules_is_told_bye() {
    let mut victim = Victim::new();
    let mut peer = victim.link();
    peer.send(&on_the_wire(b"\x7e"));
    let message = answer(&mut peer);
    let Ok(Frame::Bye { reason, text }) = Frame::decode(&message[0]) else {
        panic!("{message:?} instead of BYE");
    };
    assert_eq!(reason, ByeReason::ProtocolError);
    assert!(text.contains("kind"), "{text}");
    victim.refuses(peer, "kind");
}

#[test]
fn malformed_zmtp_after_the_handshake_closes_that_connection_alone() {
    let mut victim = Victim::new();
    let cases: [(&[u8], &str); 10] = [
        (b"\x08", "flags"),
        (b"\x05\x00", "MORE"),
        (b"\x02\x40\0\0\0\0\0\0\0", ""),
        (b"\x02\xff\xff\xff\xff\xff\xff\xff\xff", ""),
        (b"\x06\0\0\0\0\x80\0\0\0", ""),
        (b"\x04\x00", ""),
        (b"\x04\x02\x05RE", ""),
        (b"\x04\x06\x05READY", "READY"),
        (b"\x04\x08\x05ERROR\x01x", "x"),
        (b"\x04\x05\x04PING", ""),
    ];
    for (bytes, reason) in cases {
        let mut peer = victim.link();
        peer.send(bytes);
        victim.refuses(peer, reason);
        for socket_type in [SocketType::Pub, SocketType::Sub, SocketType::Dealer] {
            let local = metadata(socket_type, &[]);
            let (mut peer, _) = RawPeer::join(&victim.endpoint, 1, &local);
            peer.send(bytes);
            victim.refuses(peer, reason);
        }
    }
}

#[test]
fn a_spot_message_of_several_frames_is_refused() {
    let mut victim = Victim::new();
    let mut peer = victim.link();
    peer.send_message(&[b"\x21\x01", b""]);
    victim.refuses(peer, "");
}

#[test]
fn a_payload_above_the_limit_is_refused_by_its_length() {
    let mut victim = Victim::new();
    victim
        .node
        .configure(|options| options.max_message_size = 1000)
        .unwrap();
    let mut peer = victim.link();
    let frame = on_the_wire(&[0; 70_000]);
    peer.send(&frame[..9]);
    victim.refuses(peer, "70000");
    let local = metadata(SocketType::Pub, &[]);
    let (mut peer, _) = RawPeer::join(&victim.endpoint, 1, &local);
    peer.send(&frame[..9]);
    victim.refuses(peer, "70000");
}

#[test]
fn a_message_that_never_ends_is_refused() {
    let mut victim = Victim::new();
    for socket_type in [SocketType::Pub, SocketType::Dealer] {
        let local = metadata(socket_type, &[]);
        let (mut peer, _) = RawPeer::join(&victim.endpoint, 1, &local);
        peer.send(&b"\x01\x01a".repeat(1000));
        victim.refuses(peer, "frames");
    }
}

#[test]
fn a_peer_that_calls_itself_us_is_sent_away() {
    let victim = Victim::new();
    let (_, theirs) = RawPeer::join(&victim.endpoint, 1, &metadata(SocketType::XSub, &[]));
    let hello = Hello::from_properties(|name| theirs.get(name));
    let itself = hello.unwrap().expect("a SPOT node");
    let namesake = Hello {
        incarnation: Incarnation(u64::MAX),
        ..itself.clone()
    };
    for (hello, told) in [(itself, ByeReason::ToSelf), (namesake, ByeReason::Refused)] {
        let mut local = zmtp::Metadata::for_socket(SocketType::XSub);
        for (name, value) in hello.properties() {
            local.push(name, &value).unwrap();
        }
        let (mut peer, _) = RawPeer::join(&victim.endpoint, 1, &local);
        let message = peer.message();
        let Ok(Frame::Bye { reason, .. }) = Frame::decode(&message[0]) else {
            panic!("{message:?} instead of BYE");
        };
        assert_eq!(reason, told);
        peer.wait_closed();
        victim.is_well();
    }
}

#[test]
fn nonsense_in_order_is_survived() {
    let victim = Victim::new();
    let mut peer = victim.link();
    let calm: [&[u8]; 8] = [
        b"\x11\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", // INTEREST_ACK of what was never sent
        b"\x13\x03",                                     // ENDED of a class nobody has
        b"\x22\x09",                                     // SYNC_ACK to no SYNC
        b"\x10\x09\x00\x01t\x00",                        // INTEREST taken back that never was
        b"\x20\x09\x00\x01\x01t",                        // TOPICS taken back that never were
        b"\x20\x09\x01",                                 // a reset
        b"\x10\x09",                                     // empty
        b"\x21\x01",
    ];
    calm.iter().for_each(|body| peer.send(&on_the_wire(body)));
    while peer.message() != [Frame::SyncAck { id: 1 }.to_vec()] {}
    victim.is_well();
    assert!(victim.node.subscriber().wait_subscribed(WAIT).is_ok());
}
