//! More than a peer may ask for.

use spot_core::frame::{Frame, InterestEntry, TopicChange, interest_frames, topics_frames};
use spot_core::limits::{MAX_FILTERS_PER_LINK, MAX_PATTERNS_PER_LINK, MAX_TOPICS_PER_LINK};
use spot_core::{Class, Filter};
use wire_tests::{RawPeer, metadata, server, wait_until};
use zmtp::{SocketType, command};

use crate::victim::{Decides, Victim, on_the_wire, spot};

fn wanted(filter: Filter) -> InterestEntry {
    InterestEntry {
        filter,
        origin: None,
        classes: vec![Class(0)],
    }
}

fn interest(filters: impl Iterator<Item = Filter>) -> Vec<Vec<u8>> {
    let entries: Vec<InterestEntry> = filters.map(wanted).collect();
    interest_frames(1, &entries)
}

fn exact(number: usize) -> Filter {
    Filter::exact(&format!("t:{number}")).unwrap()
}

fn pattern(number: usize) -> Filter {
    Filter::pattern(&format!("t:{number}:*")).unwrap()
}

/// Sends frames while the other side takes them, reading what it answers.
fn flood(mut peer: RawPeer, frames: Vec<Vec<u8>>) -> RawPeer {
    frames
        .iter()
        .for_each(|frame| peer.send(&on_the_wire(frame)));
    peer
}

#[test]
fn filters_may_be_as_many_as_the_limit() {
    let victim = Victim::new();
    let patterns = (0..MAX_PATTERNS_PER_LINK).map(pattern);
    let exact = (MAX_PATTERNS_PER_LINK..MAX_FILTERS_PER_LINK).map(exact);
    let mut peer = flood(victim.link(), interest(patterns.chain(exact)));
    peer.send(&on_the_wire(&Frame::Sync { id: 1 }.to_vec()));
    while peer.message() != [Frame::SyncAck { id: 1 }.to_vec()] {}
    victim.is_well();
}

#[test]
fn more_exact_filters_than_the_limit_are_refused() {
    let mut victim = Victim::new();
    let filters = (0..MAX_FILTERS_PER_LINK + 1).map(exact);
    let peer = flood(victim.link(), interest(filters));
    victim.refuses(peer, "filters");
}

#[test]
fn more_patterns_than_the_limit_are_refused() {
    let mut victim = Victim::new();
    let filters = (0..MAX_PATTERNS_PER_LINK + 1).map(pattern);
    let peer = flood(victim.link(), interest(filters));
    victim.refuses(peer, "patterns");
}

#[test]
fn filters_that_come_and_go_are_no_flood() {
    let victim = Victim::new();
    let mut peer = victim.link();
    let (on, off) = (b"\x10\x01\x00\x01t\x01\x00", b"\x10\x02\x00\x01t\x00");
    let round = [on_the_wire(on), on_the_wire(off)].concat().repeat(1000);
    for id in 0..MAX_FILTERS_PER_LINK as u64 / 1000 + 1 {
        peer.send(&round);
        peer.send(&on_the_wire(&Frame::Sync { id }.to_vec()));
        while peer.message() != [Frame::SyncAck { id }.to_vec()] {}
    }
    victim.is_well();
}

#[test]
#[ignore = "millions of topics take gigabytes, and minutes without optimization"]
fn more_topics_than_the_limit_are_refused() {
    let (node, endpoint) = server();
    let (mut peer, _) = RawPeer::join(&endpoint, 1, &spot(Decides::Victim));
    for first in (0..MAX_TOPICS_PER_LINK + 1).step_by(100_000) {
        let names: Vec<String> = (first..first + 100_000)
            .map(|number| format!("{number:x}"))
            .collect();
        let changes = names.iter().map(|name| TopicChange::Add(name));
        peer = flood(peer, topics_frames(2, false, changes));
    }
    peer.wait_closed();
    // The events of all those topics have pushed out the one that says why.
    assert_eq!(node.stats().rejected.protocol, 1);
    wait_until("the topics to be forgotten", || node.stats().topics == 0);
}

#[test]
fn more_prefixes_than_the_limit_are_refused() {
    let mut victim = Victim::new();
    let local = metadata(SocketType::Sub, &[]);
    let (mut peer, _) = RawPeer::join(&victim.endpoint, 1, &local);
    let mut wire = Vec::new();
    for number in 0..MAX_FILTERS_PER_LINK + 1 {
        command::encode_subscribe(&mut wire, &number.to_le_bytes());
    }
    peer.send(&wire);
    victim.refuses(peer, "filters");
}

#[test]
fn more_subscriptions_of_a_dealer_than_the_limit_are_refused() {
    let mut victim = Victim::new();
    let local = metadata(SocketType::Dealer, &[]);
    let (mut peer, _) = RawPeer::join(&victim.endpoint, 1, &local);
    let mut wire = Vec::new();
    for number in 0..MAX_FILTERS_PER_LINK + 1 {
        zmtp::put_frame(&mut wire, true, b"");
        zmtp::put_frame(&mut wire, true, &[2]);
        zmtp::put_frame(&mut wire, false, number.to_string().as_bytes());
    }
    peer.send(&wire);
    victim.refuses(peer, "filters");
}

#[test]
fn credit_for_classes_that_do_not_exist_holds_up_nobody() {
    let victim = Victim::new();
    let frames = (0..200_000).map(|class| {
        let credit = Frame::Credit {
            class: Class(class),
            messages: 1,
            bytes: 1,
        };
        credit.to_vec()
    });
    let peer = flood(victim.link(), frames.collect());
    let mut peer = peer;
    peer.send(&on_the_wire(&Frame::Sync { id: 1 }.to_vec()));
    while peer.message() != [Frame::SyncAck { id: 1 }.to_vec()] {}
    victim.is_well();
}

/// Asks and never reads the answers, until the connection is closed.
fn ask_without_listening(mut peer: RawPeer, question: &[u8]) -> RawPeer {
    let many = question.repeat(64 * 1024 / question.len());
    while peer.try_send(&many) {}
    peer
}

#[test]
fn whoever_asks_without_reading_the_answers_is_refused() {
    let mut victim = Victim::new();
    for number in 0..100 {
        victim.node.create_topic(&format!("t:{number}")).unwrap();
    }
    let mut ping = Vec::new();
    command::encode_ping(&mut ping, 0, b"sixteen octets!!");
    let mut query = Vec::new();
    zmtp::put_frame(&mut query, true, b"");
    zmtp::put_frame(&mut query, false, &[4]);
    let sync = on_the_wire(&Frame::Sync { id: 1 }.to_vec());
    let interest = on_the_wire(b"\x10\x01");
    for question in [query, ping.clone()] {
        let local = metadata(SocketType::Dealer, &[]);
        let (peer, _) = RawPeer::join(&victim.endpoint, 1, &local);
        let peer = ask_without_listening(peer, &question);
        victim.refuses(peer, "answers");
    }
    for question in [sync, interest, ping] {
        let peer = ask_without_listening(victim.link(), &question);
        victim.refuses(peer, "answers");
    }
}
