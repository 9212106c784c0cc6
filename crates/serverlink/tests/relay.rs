//! Topics of nodes that are linked to a hub, and not to each other.

mod common;

use std::time::Duration;

use common::*;
use serverlink::{Delivery, Node, Overflow, PublishError, Subscriber};

/// A node that hosts a topic and has added these.
fn spoke(topic: &str, hubs: &[&Node]) -> Node {
    let node = quick().topic(topic).start().unwrap();
    for hub in hubs {
        node.add_peer(&endpoint(hub)).unwrap();
    }
    node.sync(WAIT).unwrap();
    node
}

#[test]
fn spokes_use_each_others_topics_through_a_hub() {
    let hub = hub();
    let spokes = ["a", "b", "c"].map(|topic| spoke(topic, &[&hub]));
    for node in &spokes {
        for topic in ["a", "b", "c"] {
            knows(node, topic);
        }
    }
    let everything = subscribed(&spokes[2], &["*"]);
    let one = subscribed(&spokes[1], &["a"]);
    spokes[0].publish("a", "from its host").unwrap();
    assert_eq!(text(&everything), "from its host");
    assert_eq!(text(&one), "from its host");
    spokes[2].publish("a", "from elsewhere").unwrap();
    assert_eq!(text(&everything), "from elsewhere");
    assert_eq!(text(&one), "from elsewhere");
    spokes[1].publish("b", "another").unwrap();
    assert_eq!(text(&everything), "another");
    hub.publish("a", "from the hub").unwrap();
    assert_eq!(text(&one), "from the hub");
    assert_eq!(spokes[2].topics().len(), 3);
}

#[test]
fn what_nobody_wants_does_not_travel() {
    let hub = hub();
    let owner = spoke("t", &[&hub]);
    let other = spoke("u", &[&hub]);
    knows(&other, "t");
    for number in 0..100u64 {
        owner.publish("t", number.to_le_bytes()).unwrap();
    }
    let subscriber = subscribed(&other, &["t"]);
    owner.publish("t", 100u64.to_le_bytes()).unwrap();
    assert_eq!(common::number(&subscriber), 100);
    let stats = hub.stats();
    assert_eq!((stats.relayed_messages, stats.relayed_bytes), (1, 8));
    assert_eq!(stats.missed_messages, 0);
}

#[test]
fn a_node_that_does_not_relay_keeps_the_topics_of_its_peers_to_itself() {
    let middle = common::bound();
    let owner = spoke("t", &[&middle]);
    let other = spoke("u", &[&middle]);
    let subscriber = subscribed(&other, &["t"]);
    other.sync(WAIT).unwrap();
    assert!(other.topic("t").is_none());
    middle.configure(|options| options.relay = true).unwrap();
    knows(&other, "t");
    subscriber.wait_subscribed(WAIT).unwrap();
    owner.publish("t", "now").unwrap();
    assert_eq!(text(&subscriber), "now");
}

#[test]
fn two_hubs_and_spokes_on_both_deliver_each_message_once() {
    let (first, second) = (hub(), hub());
    first.add_peer(&endpoint(&second)).unwrap();
    second.add_peer(&endpoint(&first)).unwrap();
    let owner = spoke("t", &[&first, &second]);
    let other = spoke("u", &[&first, &second]);
    knows(&other, "t");
    let subscriber = subscribed(&other, &["t"]);
    let at_hub = subscribed(&first, &["t"]);
    for number in 0..500u64 {
        owner.publish("t", number.to_le_bytes()).unwrap();
    }
    assert_numbers(&subscriber, 0..500);
    assert_numbers(&at_hub, 0..500);
    let relayed = first.stats().relayed_messages + second.stats().relayed_messages;
    assert_eq!(relayed, 500, "each by one hub");
    assert_eq!(other.stats().duplicates_refused, 0);
}

#[test]
fn a_hub_that_dies_is_replaced_and_what_was_lost_is_told() {
    let (first, second) = (hub(), hub());
    let owner = spoke("t", &[&first, &second]);
    let other = spoke("u", &[&first, &second]);
    knows(&other, "t");
    let subscriber = subscribed(&other, &["t"]);
    let mut published = 0u64;
    let mut publish = |count: u64| {
        for number in published..published + count {
            owner.publish("t", number.to_le_bytes()).unwrap();
        }
        published += count;
    };
    publish(10);
    assert_numbers(&subscriber, 0..10);
    let used = if first.stats().relayed_messages > 0 {
        first
    } else {
        second
    };
    used.close();
    publish(50);
    let (mut next, mut deadline) = (10, std::time::Instant::now() + WAIT);
    while next < 60 {
        assert!(std::time::Instant::now() < deadline);
        match subscriber.recv_timeout(Duration::from_millis(100)) {
            Ok(Delivery::Message(message)) => {
                assert_eq!(common::number_in(message.data()), next);
                next += 1;
                deadline = std::time::Instant::now() + WAIT;
            }
            Ok(Delivery::Gap { missed, .. }) => next += missed.expect("its publisher lives"),
            Ok(Delivery::PeerLost { .. }) => panic!("nobody who hosts the topic is lost"),
            Ok(other) => panic!("{other:?}"),
            Err(_) => {}
        }
    }
}

#[test]
fn a_chain_of_hubs_carries_topics_from_end_to_end() {
    let hubs: Vec<Node> = (0..4).map(|_| hub()).collect();
    for pair in hubs.windows(2) {
        pair[0].add_peer(&endpoint(&pair[1])).unwrap();
    }
    let owner = spoke("t", &[&hubs[0]]);
    let other = spoke("u", &[&hubs[3]]);
    knows(&other, "t");
    knows(&owner, "u");
    let subscriber = subscribed(&other, &["t"]);
    let at_owner = subscribed(&owner, &["?"]);
    for number in 0..200u64 {
        owner.publish("t", number.to_le_bytes()).unwrap();
        other.publish("t", (1000 + number).to_le_bytes()).unwrap();
        other.publish("u", number.to_le_bytes()).unwrap();
    }
    let (mut own, mut far) = (0, 1000);
    for _ in 0..400 {
        let number = common::number(&subscriber);
        let expected = if number < 1000 { &mut own } else { &mut far };
        assert_eq!(number, *expected);
        *expected += 1;
    }
    for _ in 0..600 {
        assert!(matches!(next(&at_owner), Delivery::Message(_)));
    }
}

#[test]
fn the_loss_of_an_owner_behind_a_hub_is_told_once_after_its_messages() {
    let hub = hub();
    let owner = spoke("t", &[&hub]);
    owner.create_topic("v").unwrap();
    let other = spoke("u", &[&hub]);
    knows(&other, "t");
    knows(&other, "v");
    let subscriber = subscribed(&other, &["t", "v"]);
    owner.publish("t", "last").unwrap();
    eventually("the hub has passed it on", || {
        hub.stats().relayed_messages == 1
    });
    eventually("it is queued", || other.stats().links == 1);
    owner.close();
    assert_eq!(text(&subscriber), "last");
    assert_peer_lost(&subscriber);
    eventually("the topic is gone", || {
        other.topic("t").is_none_or(|topic| !topic.reachable)
    });
    assert!(matches!(
        other.publish("t", "x"),
        Err(PublishError::Unknown { .. } | PublishError::Unreachable { .. })
    ));
    other.publish("u", "alive").unwrap();
    let quiet = subscriber.recv_timeout(Duration::from_millis(1));
    assert!(quiet.is_err(), "told once: {quiet:?}");
}

#[test]
fn a_topic_that_its_owner_destroys_is_no_loss() {
    let hub = hub();
    let owner = spoke("t", &[&hub]);
    let other = spoke("u", &[&hub]);
    knows(&other, "t");
    let subscriber = subscribed(&other, &["t", "u"]);
    owner.destroy_topic("t").unwrap();
    eventually("the topic is gone", || other.topic("t").is_none());
    owner.create_topic("t").unwrap();
    knows(&other, "t");
    subscriber.wait_subscribed(WAIT).unwrap();
    owner.publish("t", "anew").unwrap();
    assert_eq!(text(&subscriber), "anew");
}

#[test]
fn an_owner_whose_link_to_the_hub_breaks_goes_on_with_an_exact_gap() {
    let hub = hub();
    let proxy = common::proxy::Proxy::before(&endpoint(&hub));
    let owner = quick().name("owner").topic("t").start().unwrap();
    owner.add_peer(&proxy.endpoint).unwrap();
    owner.sync(WAIT).unwrap();
    let other = spoke("u", &[&hub]);
    knows(&other, "t");
    let subscriber = subscribed(&other, &["t"]);
    owner.publish("t", 0u64.to_le_bytes()).unwrap();
    assert_eq!(common::number(&subscriber), 0);
    proxy.cut();
    assert_peer_lost(&subscriber);
    for number in 1..8u64 {
        owner.publish("t", number.to_le_bytes()).unwrap();
    }
    proxy.restore();
    knows(&other, "t");
    eventually("the subscription is in force again", || {
        owner.topic("t").is_some_and(|topic| topic.subscribers == 1)
    });
    subscriber.wait_subscribed(WAIT).unwrap();
    owner.publish("t", 8u64.to_le_bytes()).unwrap();
    match next(&subscriber) {
        Delivery::Gap { missed, .. } => assert_eq!(missed, Some(7)),
        other => panic!("{other:?}"),
    }
    assert_eq!(common::number(&subscriber), 8);
}

#[test]
fn a_blocking_subscriber_behind_a_hub_holds_up_its_publisher_and_nobody_else() {
    const COUNT: u64 = 5000;
    let hub = hub();
    let owner = spoke("t", &[&hub]);
    owner.create_topic("v").unwrap();
    let other = spoke("u", &[&hub]);
    knows(&other, "t");
    knows(&other, "v");
    let slow = subscribed_with(&other, &["t"], Overflow::Block, 10);
    let fast = subscribed(&other, &["v"]);
    std::thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            for number in 0..COUNT {
                owner.publish("t", number.to_le_bytes()).unwrap();
            }
        });
        assert_numbers(&slow, 0..10);
        // Windows of the hub and of the link are full by now, or will be: the other topic goes on meanwhile.
        eventually("the publisher waits", || {
            matches!(
                owner.publisher("t").unwrap().try_publish([0; 0]),
                Err(PublishError::Full { .. })
            )
        });
        for number in 0..300u64 {
            owner.publish("v", number.to_le_bytes()).unwrap();
            assert_eq!(common::number(&fast), number);
        }
        let mut expected = 10;
        while expected < COUNT {
            match next(&slow) {
                Delivery::Message(message) if message.data().is_empty() => {}
                Delivery::Message(message) => {
                    assert_eq!(common::number_in(message.data()), expected);
                    expected += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        publisher.join().unwrap();
    });
    assert_eq!(other.stats().missed_messages, 0);
}

#[test]
fn a_publisher_behind_a_hub_waits_for_blocking_subscribers_of_the_owner() {
    const COUNT: u64 = 5000;
    let hub = hub();
    let owner = spoke("t", &[&hub]);
    let publisher = spoke("u", &[&hub]);
    let third = spoke("w", &[&hub]);
    knows(&publisher, "t");
    knows(&third, "t");
    let at_owner = subscribed_with(&owner, &["t"], Overflow::Block, 10);
    let at_third = subscribed_with(&third, &["t"], Overflow::Block, 10);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..COUNT {
                publisher.publish("t", number.to_le_bytes()).unwrap();
            }
        });
        scope.spawn(|| assert_numbers(&at_third, 0..COUNT));
        assert_numbers(&at_owner, 0..COUNT);
    });
}

#[test]
fn a_slow_subscription_behind_a_hub_is_ended_and_the_link_stays() {
    let hub = hub();
    let owner = spoke("t", &[&hub]);
    let other = spoke("u", &[&hub]);
    knows(&other, "t");
    let slow = subscribed_with(&other, &["t"], Overflow::Disconnect, 5);
    let quick = subscribed(&other, &["t"]);
    for number in 0..50u64 {
        owner.publish("t", number.to_le_bytes()).unwrap();
    }
    assert_numbers(&quick, 0..50);
    while !matches!(next(&slow), Delivery::Ended) {}
    assert_eq!(other.stats().links, 1);
}

#[test]
fn a_publisher_that_gets_a_direct_link_keeps_its_order() {
    let hub = hub();
    let owner = quick()
        .topic("t")
        .bind("tcp://127.0.0.1:0")
        .start()
        .unwrap();
    owner.add_peer(&endpoint(&hub)).unwrap();
    owner.sync(WAIT).unwrap();
    let publisher = spoke("u", &[&hub]);
    let third = spoke("w", &[&hub]);
    knows(&publisher, "t");
    knows(&third, "t");
    let at_owner = subscribed_with(&owner, &["t"], Overflow::Block, 100);
    let at_third = subscribed_with(&third, &["t"], Overflow::Block, 100);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..6000u64 {
                publisher.publish("t", number.to_le_bytes()).unwrap();
                if number == 2000 {
                    publisher.add_peer(&endpoint(&owner)).unwrap();
                }
                if number == 3000 {
                    third.add_peer(&endpoint(&owner)).unwrap();
                }
            }
        });
        scope.spawn(|| assert_numbers(&at_third, 0..6000));
        assert_numbers(&at_owner, 0..6000);
    });
}

#[test]
fn what_a_hub_lost_on_the_way_to_an_owner_is_told_with_its_count() {
    let hub = hub();
    let proxy = common::proxy::Proxy::before(&endpoint(&hub));
    let owner = quick().name("owner").topic("t").start().unwrap();
    owner.add_peer(&proxy.endpoint).unwrap();
    owner.sync(WAIT).unwrap();
    let publisher = spoke("u", &[&hub]);
    knows(&publisher, "t");
    let subscriber = subscribed(&owner, &["t"]);
    publisher.publish("t", 0u64.to_le_bytes()).unwrap();
    assert_eq!(common::number(&subscriber), 0);
    proxy.silence();
    for number in 1..4u64 {
        publisher.publish("t", number.to_le_bytes()).unwrap();
    }
    eventually("the hub has passed them on", || {
        hub.stats().relayed_messages == 4
    });
    proxy.cut();
    eventually("the owner is out of reach", || {
        publisher.topic("t").is_none_or(|topic| !topic.reachable)
    });
    proxy.restore();
    // Nothing more needs to be published for that.
    expect_gap(&subscriber, 3);
    knows(&publisher, "t");
    publisher.publish("t", 4u64.to_le_bytes()).unwrap();
    assert_eq!(common::number(&subscriber), 4);
}

#[test]
fn what_a_publisher_lost_on_the_way_to_a_hub_was_told_with_its_next_message_alone() {
    let hub = hub();
    let proxy = common::proxy::Proxy::before(&endpoint(&hub));
    let owner = spoke("t", &[&hub]);
    let subscriber = subscribed(&owner, &["t"]);
    let publisher = quick().peer(&proxy.endpoint).start().unwrap();
    knows(&publisher, "t");
    publisher.publish("t", 0u64.to_le_bytes()).unwrap();
    assert_eq!(common::number(&subscriber), 0);
    proxy.silence();
    for number in 1..4u64 {
        publisher.publish("t", number.to_le_bytes()).unwrap();
    }
    proxy.cut();
    eventually("the cut is noticed", || publisher.stats().links == 0);
    eventually("the hub notices as well", || hub.stats().links == 1);
    proxy.restore();
    expect_gap(&subscriber, 3);
}

fn expect_gap(subscriber: &Subscriber, expected: u64) {
    match next(subscriber) {
        Delivery::Gap { missed, .. } => assert_eq!(missed, Some(expected)),
        other => panic!("{other:?} instead of a gap"),
    }
}
