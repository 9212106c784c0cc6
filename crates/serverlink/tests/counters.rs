//! What a node counts, compared with what was sent, dropped, missed and refused.

mod common;

use std::time::Duration;

use common::proxy::Proxy;
use common::*;
use serverlink::{Delivery, LinkTraffic, Node, Overflow, PeerInfo, PeerState, TopicStats};

/// The one peer of a node.
#[track_caller]
fn peer(node: &Node) -> PeerInfo {
    let mut peers = node.peers();
    assert_eq!(peers.len(), 1, "{peers:?}");
    peers.remove(0)
}

fn topic(node: &Node, name: &str) -> TopicStats {
    node.topic(name).expect("it is known").stats
}

#[test]
fn both_ends_of_a_link_count_the_same_messages_and_bytes() {
    let (host, client) = hosting(&["t"]);
    let subscriber = subscribed(&client, &["t"]);
    for n in 0..100u64 {
        host.publish("t", [&n.to_le_bytes()[..], b"12"].concat())
            .unwrap();
    }
    client.publish("t", "the other way").unwrap();
    assert_numbers(&subscriber, 0..100);
    eventually("all that was sent is received", || {
        let (host, client) = (peer(&host).traffic, peer(&client).traffic);
        // That from the client came back, as its owner gives it to all.
        (host.sent_messages, client.received_messages) == (101, 101)
            && (client.sent_messages, host.received_messages) == (1, 1)
            && host.sent_bytes == client.received_bytes
            && client.sent_bytes == host.received_bytes
            && host.sent_bytes > 100 * 10
    });
}

#[test]
fn what_a_link_has_counted_stays_with_the_node_when_it_is_gone() {
    let (host, proxy, client) = through_proxy(1000, &["t"]);
    let subscriber = subscribed(&client, &["t"]);
    for n in 0..7u64 {
        host.publish("t", n.to_le_bytes()).unwrap();
    }
    assert_numbers(&subscriber, 0..7);
    eventually("it is counted", || peer(&host).traffic.sent_messages == 7);
    proxy.cut();
    let gone = |node: &Node| node.stats().links == 0;
    eventually("the link is gone", || gone(&host) && gone(&client));
    assert_eq!(host.stats().links_total.sent_messages, 7);
    assert_eq!(client.stats().links_total.received_messages, 7);
    let down = peer(&client);
    assert_ne!(down.state, PeerState::Connected);
    assert_eq!(
        (down.traffic, down.round_trip, down.reconnects),
        (LinkTraffic::default(), None, 0)
    );
    proxy.restore();
    eventually("it is linked again", || peer(&client).reconnects == 1);
    // The host did not add the client, and knows it again as a member.
    eventually("so it is at the other end", || host.stats().links == 1);
    assert_eq!(peer(&host).reconnects, 1);
    assert_eq!((host.stats().reconnects, client.stats().reconnects), (1, 1));
    subscriber.wait_subscribed(WAIT).unwrap();
    host.publish("t", 7u64.to_le_bytes()).unwrap();
    while !matches!(next(&subscriber), Delivery::Message(_)) {}
    eventually("the new link counts anew", || {
        peer(&host).traffic.sent_messages == 1 && host.stats().links_total.sent_messages == 8
    });
}

#[test]
fn a_round_trip_is_known_once_a_heartbeat_was_answered() {
    let host = bound();
    let client = quick()
        .options(|options| options.heartbeat_interval = Duration::from_millis(20))
        .peer(endpoint(&host))
        .start()
        .unwrap();
    client.sync(WAIT).unwrap();
    eventually("it is measured", || peer(&client).round_trip.is_some());
    let round_trip = peer(&client).round_trip.unwrap();
    assert!(round_trip.last > Duration::ZERO && round_trip.last < WAIT);
    assert!(round_trip.smoothed > Duration::ZERO && round_trip.smoothed < WAIT);
}

#[test]
fn drops_at_subscribers_are_told_by_policy_and_topic() {
    let node = Node::builder().topic("t").topic("u").start().unwrap();
    let newest = subscribed_with(&node, &["t"], Overflow::DropNewest, 2);
    let oldest = subscribed_with(&node, &["t", "u"], Overflow::DropOldest, 3);
    let ends = subscribed_with(&node, &["u"], Overflow::Disconnect, 1);
    for n in 0..5u64 {
        node.publish("t", n.to_le_bytes()).unwrap();
    }
    node.publish("u", "1").unwrap();
    node.publish("u", "2").unwrap();
    let stats = node.stats();
    // Of "t" three are the newest; two were the oldest, and two more made room for those of "u".
    let drops = stats.receiver_drops;
    assert_eq!(
        (drops.newest, drops.oldest, drops.disconnect, drops.block),
        (3, 4, 1, 0)
    );
    assert_eq!(stats.dropped_at_receiver, 8);
    assert_eq!(topic(&node, "t").dropped_messages, 7);
    assert_eq!(topic(&node, "u").dropped_messages, 1);
    assert_eq!(
        (stats.queued_messages, stats.queued_bytes),
        (6, 2 * 8 + 8 + 2 + 1)
    );
    assert_eq!(stats.queue_high_water, 3);
    // They stay counted when the subscribers are gone.
    drop((newest, oldest, ends));
    assert_eq!(node.stats().receiver_drops, drops);
    assert_eq!(topic(&node, "t").dropped_messages, 7);
    assert_eq!(
        (node.stats().queued_messages, node.stats().queue_high_water),
        (0, 3)
    );
}

#[test]
fn the_high_water_mark_is_what_waited_and_not_what_was_received_ahead() {
    let node = Node::builder().topic("t").start().unwrap();
    let subscriber = node.subscribe(["t"]).unwrap();
    let publish = |n: u64| node.publish("t", n.to_le_bytes()).unwrap();
    (0..8).for_each(publish);
    assert_numbers(&subscriber, 0..6);
    (8..12).for_each(publish);
    assert_eq!((subscriber.queued(), node.stats().queue_high_water), (6, 8));
}

#[test]
fn what_a_link_drops_is_what_its_other_end_misses() {
    let (host, proxy, client) = through_proxy(5, &["t"]);
    let subscriber = subscribed_with(&client, &["t"], Overflow::DropNewest, 0);
    proxy.silence();
    let mut payload = vec![0; 64 * 1024];
    let mut published = 0u64;
    eventually("the queue is full and drops", || {
        payload[..8].copy_from_slice(&published.to_le_bytes());
        host.publish("t", &payload).unwrap();
        published += 1;
        host.stats().sender_drops.newest >= 3
    });
    let full = peer(&host);
    // The network takes a little more now and then.
    assert!((1..=5).contains(&full.queued_messages), "{full:?}");
    assert_eq!(full.queued_bytes, full.queued_messages * payload.len());
    assert_eq!(full.queue_high_water, 5);
    let dropped = host.stats().dropped_at_sender;
    assert_eq!(full.dropped_messages, dropped);
    assert_eq!(topic(&host, "t").dropped_messages, dropped);
    proxy.restore();
    assert_eq!(take_run(&subscriber, published).missed, dropped);
    // Told to the subscriber first, and counted at the end of the turn.
    eventually("it is counted", || {
        client.stats().missed_messages == dropped
    });
    let missed = client.stats();
    assert!(missed.gaps >= 1);
    let heard = topic(&client, "t");
    assert_eq!((heard.missed_messages, heard.gaps), (dropped, missed.gaps));
    assert_eq!(heard.received_messages, published - dropped);
    assert_eq!(
        heard.received_bytes,
        (published - dropped) * payload.len() as u64
    );
    let stats = host.stats();
    assert_eq!(
        (stats.link_queue_high_water, stats.published_messages),
        (5, published)
    );
    eventually("the rest was sent", || {
        peer(&host).traffic.sent_messages == published - dropped
    });
    // Detached, it keeps its count.
    drop(subscriber);
    eventually("nobody listens", || {
        host.topic("t").unwrap().subscribers == 0
    });
    assert_eq!(topic(&host, "t").dropped_messages, dropped);
}

#[test]
fn an_owner_counts_what_others_publish_and_what_it_keeps() {
    let host = quick()
        .options(|options| options.history = 3)
        .bind("tcp://127.0.0.1:0")
        .topic("t")
        .start()
        .unwrap();
    let client = joined(&[&host]);
    for text in ["1", "22", "333", "4444"] {
        client.publish("t", text).unwrap();
    }
    host.publish("t", "55555").unwrap();
    eventually("all have come", || topic(&host, "t").received_messages == 4);
    let owned = topic(&host, "t");
    assert_eq!((owned.received_bytes, owned.published_bytes), (10, 5));
    assert_eq!(owned.published_messages, 1);
    assert_eq!(owned.history_messages, 3);
    let theirs = topic(&client, "t");
    assert_eq!((theirs.published_messages, theirs.published_bytes), (4, 10));
    assert_eq!((theirs.received_messages, theirs.history_messages), (0, 0));
}

#[test]
fn nodes_of_one_context_count_what_goes_from_one_to_the_other() {
    let context = serverlink::Context::new().unwrap();
    let host = context.node().topic("t").start().unwrap();
    let other = context.node().start().unwrap();
    let subscriber = other.subscribe(["t"]).unwrap();
    host.publish("t", "abc").unwrap();
    assert_eq!(text(&subscriber), "abc");
    let heard = topic(&other, "t");
    assert_eq!((heard.received_messages, heard.received_bytes), (1, 3));
    other.publish("t", "defg").unwrap();
    assert_eq!(text(&subscriber), "defg");
    let owned = topic(&host, "t");
    assert_eq!((owned.received_messages, owned.received_bytes), (1, 4));
}

#[test]
fn links_refused_after_the_handshake_are_counted_by_why() {
    let first = quick()
        .name("same")
        .bind("tcp://127.0.0.1:0")
        .start()
        .unwrap();
    let _second = quick().name("same").peer(endpoint(&first)).start().unwrap();
    let same_name = || first.stats().handshake_failures.same_name >= 1;
    eventually("two nodes of one name", same_name);

    let itself = bound();
    let way_round = Proxy::before(&endpoint(&itself));
    itself.add_peer(&way_round.endpoint).unwrap();
    eventually("a node that dials itself", || {
        itself.stats().handshake_failures.itself >= 1
    });

    let (remover, removed) = (bound(), bound());
    remover.add_peer(&endpoint(&removed)).unwrap();
    remover.sync(WAIT).unwrap();
    remover.remove_peer(&endpoint(&removed)).unwrap();
    removed.add_peer(&endpoint(&remover)).unwrap();
    eventually("a node that was removed", || {
        remover.stats().handshake_failures.removed >= 1
            && removed.stats().handshake_failures.refused_by_peer >= 1
    });
    let stats = remover.stats();
    assert_eq!(stats.rejected.handshake, 0, "they spoke well");
}

#[test]
fn attempts_that_fail_are_counted() {
    let node = quick().peer(dead_endpoint()).start().unwrap();
    eventually("it is tried again", || node.stats().connect_failures >= 3);
    assert_eq!(node.stats().reconnects, 0);
}
