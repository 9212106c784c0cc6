//! Publishing: who gets a message, and what it means when nobody does.

mod common;

use std::thread;
use std::time::Duration;

use common::proxy::Proxy;
use common::*;
use serverlink::{Context, Delivery, Node, Overflow, PublishError, Publisher, Subscriber};

#[test]
fn a_message_reaches_local_subscribers_and_every_interested_link() {
    let (host, near) = hosting(&["t", "other"]);
    let far = joined(&[&host]);
    let indifferent = joined(&[&host]);
    let all = [
        subscribed(&host, &["t"]),
        subscribed(&near, &["t"]),
        subscribed(&far, &["*"]),
    ];
    let none = subscribed(&indifferent, &["other"]);
    assert_eq!(host.publisher("t").unwrap().subscribers(), 3);
    host.publish("t", "1").unwrap();
    host.publish("other", "2").unwrap();
    assert_eq!(all.each_ref().map(text), ["1", "1", "1"]);
    assert_eq!(text(&none), "2");
}

#[test]
fn a_remote_topic_is_published_through_its_owner() {
    let (host, client) = hosting(&["t"]);
    let third = joined(&[&host]);
    let all = [
        subscribed(&host, &["t"]),
        subscribed(&client, &["t"]),
        subscribed(&third, &["t"]),
    ];
    let publisher = client.publisher("t").unwrap();
    for n in 0..100u64 {
        publisher.publish(n.to_le_bytes()).unwrap();
    }
    for subscriber in &all {
        assert_eq!(take_run(subscriber, 100).received, 100);
    }
}

#[test]
fn one_owner_gets_a_message_the_same_while_it_lives() {
    let owners = [bound(), bound()];
    let client = joined(&[&owners[0], &owners[1]]);
    let mut at: Vec<Subscriber> = Vec::new();
    for owner in &owners {
        owner.create_topic("t").unwrap();
        at.push(owner.subscribe(["t"]).unwrap());
    }
    client.sync(WAIT).unwrap();
    for n in 0..10u64 {
        client.publish("t", n.to_le_bytes()).unwrap();
    }
    eventually("ten messages arrive", || {
        at[0].queued() + at[1].queued() == 10
    });
    let chosen = usize::from(at[0].queued() == 0);
    assert_eq!(take_run(&at[chosen], 10).received, 10);

    owners[chosen].close();
    eventually("the owner is missed", || client.stats().links == 1);
    client.publish("t", 0u64.to_le_bytes()).unwrap();
    assert_eq!(number(&at[1 - chosen]), 0);
}

#[test]
fn an_unknown_topic_is_told() {
    let (host, client) = hosting(&["t"]);
    for node in [&host, &client] {
        let told = node.publish("u", "1");
        assert!(matches!(told, Err(PublishError::Unknown { topic }) if topic == "u"));
        assert!(matches!(
            node.publisher("u"),
            Err(PublishError::Unknown { .. })
        ));
    }
    assert_eq!(client.stats().published_messages, 0);
}

#[test]
fn an_unreachable_owner_is_told() {
    let (host, client) = hosting(&["t"]);
    let publisher = client.publisher("t").unwrap();
    host.close();
    eventually("the owner is missed", || {
        !client.topic("t").unwrap().reachable
    });
    for told in [client.publish("t", "1"), publisher.publish("1")] {
        assert!(matches!(told, Err(PublishError::Unreachable { topic }) if topic == "t"));
    }
}

#[test]
fn an_owner_that_returns_is_published_to_again() {
    let (host, client) = hosting(&["t"]);
    let address = endpoint(&host);
    let publisher = client.publisher("t").unwrap();
    host.close();
    let host = quick().bind(&address).topic("t").start().unwrap();
    let at_host = host.subscribe(["t"]).unwrap();
    eventually("the owner is back", || publisher.publish("1").is_ok());
    assert_eq!(text(&at_host), "1");
}

#[test]
fn an_empty_payload_is_a_message() {
    let (host, client) = hosting(&["t"]);
    for subscriber in [subscribed(&host, &["t"]), subscribed(&client, &["t"])] {
        host.publish("t", "").unwrap();
        client.publish("t", []).unwrap();
        assert_eq!([text(&subscriber), text(&subscriber)], ["", ""]);
    }
}

#[test]
fn a_message_larger_than_the_limit_is_refused() {
    let (host, client) = hosting(&["t"]);
    for node in [&host, &client] {
        node.configure(|options| options.max_message_size = 1 << 20)
            .unwrap();
    }
    let subscriber = subscribed(&client, &["t"]);
    let largest = vec![7; 1 << 20];
    for node in [&host, &client] {
        let told = node.publish("t", vec![7; (1 << 20) + 1]);
        assert_eq!(
            told,
            Err(PublishError::TooLarge {
                len: (1 << 20) + 1,
                max: 1 << 20
            })
        );
        node.publish("t", &largest).unwrap();
        assert_eq!(next(&subscriber).into_message().unwrap().data(), largest);
    }
    assert_empty(&subscriber);
}

#[test]
fn the_limit_is_64_mib_by_default() {
    let node = quick().start().unwrap();
    node.create_topic("t").unwrap();
    let told = node.publish("t", vec![0; (64 << 20) + 1]);
    assert!(matches!(told, Err(PublishError::TooLarge { max, .. }) if max == 64 << 20));
    node.publish("t", vec![0; 64 << 20]).unwrap();
}

/// Publishes numbers until a subscriber has no room, and says how many were accepted.
fn fill(publisher: &Publisher) -> u64 {
    let mut accepted = 0u64;
    loop {
        match publisher.try_publish(accepted.to_le_bytes()) {
            Ok(()) => accepted += 1,
            Err(PublishError::Full { .. }) => return accepted,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Two blocking subscribers of one topic, one of them full: what was refused reached nobody, and the retry both, once.
fn assert_all_or_none(publisher: &Publisher, narrow: &Subscriber, wide: &Subscriber) {
    let accepted = fill(publisher);
    for _ in 0..3 {
        let refused = publisher.try_publish(accepted.to_le_bytes());
        assert!(matches!(refused, Err(PublishError::Full { .. })));
    }
    assert_eq!(number(narrow), 0);
    publisher
        .publish_timeout(accepted.to_le_bytes(), WAIT)
        .unwrap();
    for n in 1..=accepted {
        assert_eq!(number(narrow), n);
    }
    for n in 0..=accepted {
        assert_eq!(number(wide), n);
    }
    assert_empty(narrow);
    assert_empty(wide);
}

#[test]
fn what_a_full_subscriber_refuses_reaches_nobody_here() {
    let node = quick().start().unwrap();
    let publisher = node.create_topic("t").unwrap();
    let narrow = subscribed_with(&node, &["t"], Overflow::Block, 4);
    let wide = subscribed_with(&node, &["t"], Overflow::Block, 100);
    assert_all_or_none(&publisher, &narrow, &wide);
    let other_order = node.create_topic("u").unwrap();
    wide.subscribe("u").unwrap();
    narrow.subscribe("u").unwrap();
    assert_all_or_none(&other_order, &narrow, &wide);
}

#[test]
fn what_a_full_subscriber_refuses_reaches_nobody_over_links() {
    let (host, near) = hosting(&["t", "u", "v"]);
    let far = joined(&[&host]);
    for (topic, slow, fast) in [("t", &near, &far), ("u", &host, &near), ("v", &near, &host)] {
        let narrow = subscribed_with(slow, &[topic], Overflow::Block, 2);
        let wide = subscribed_with(fast, &[topic], Overflow::Block, 100);
        assert_all_or_none(&host.publisher(topic).unwrap(), &narrow, &wide);
    }
}

#[test]
fn what_a_full_subscriber_refuses_reaches_nobody_in_the_context() {
    let context = Context::new().unwrap();
    let [host, near, far] = [(); 3].map(|()| context.node().start().unwrap());
    host.create_topic("t").unwrap();
    let narrow = subscribed_with(&near, &["t"], Overflow::Block, 4);
    let wide = subscribed_with(&far, &["t"], Overflow::Block, 100);
    assert_all_or_none(&host.publisher("t").unwrap(), &narrow, &wide);
    assert_all_or_none(&far.publisher("t").unwrap(), &narrow, &wide);
}

#[test]
fn what_a_blocking_subscriber_refuses_reaches_no_dropping_one_either() {
    let (host, client) = hosting(&["t"]);
    let publisher = host.publisher("t").unwrap();
    let narrow = subscribed_with(&client, &["t"], Overflow::Block, 4);
    let dropping = [subscribed(&host, &["t"]), subscribed(&client, &["t"])];
    let accepted = fill(&publisher);
    assert_eq!(accepted, 4);
    assert_eq!(take_run(&narrow, accepted).received, accepted);
    for subscriber in &dropping {
        assert_eq!(take_run(subscriber, accepted).received, accepted);
        assert_empty(subscriber);
    }
}

#[test]
fn the_send_timeout_bounds_how_long_a_publish_waits() {
    let (host, client) = hosting(&["t"]);
    host.configure(|options| options.send_timeout = Some(Duration::from_millis(10)))
        .unwrap();
    let _full = subscribed_with(&client, &["t"], Overflow::Block, 1);
    host.publish("t", "1").unwrap();
    assert!(matches!(
        host.publish("t", "2"),
        Err(PublishError::Full { .. })
    ));
    let publisher = host.publisher("t").unwrap();
    let told = publisher.publish_timeout("2", Duration::from_millis(10));
    assert!(matches!(told, Err(PublishError::Full { topic }) if &*topic == "t"));
    let (accepted, told) = publisher.publish_many(["2", "3"]);
    assert_eq!(accepted, 0);
    assert!(matches!(told, Err(PublishError::Full { .. })));
}

#[test]
fn many_messages_are_published_in_order() {
    let (host, client) = hosting(&["t"]);
    let subscriber = subscribed(&client, &["t"]);
    let (accepted, told) = host
        .publisher("t")
        .unwrap()
        .publish_many((0..500u64).map(u64::to_le_bytes));
    assert_eq!((accepted, told), (500, Ok(())));
    assert_eq!(take_run(&subscriber, 500).received, 500);
}

#[test]
fn messages_of_all_sizes_arrive_whole_and_in_order() {
    let (host, far) = hosting(&["t"]);
    let subscribers = [subscribed(&host, &["t"]), subscribed(&far, &["t"])];
    // Beside each border between two ways of keeping or reading a message.
    let sizes = [
        0,
        70,
        71,
        256,
        257,
        1024,
        1025,
        8191,
        8192,
        16_384,
        65_536,
        131_072,
        200_000,
        3 << 20,
    ];
    for round in 0..3u8 {
        // The same sizes behind each other, and next to different ones.
        for size in sizes.iter().chain(sizes.iter().rev()) {
            host.publish("t", vec![round ^ *size as u8; *size]).unwrap();
        }
        for subscriber in &subscribers {
            for size in sizes.iter().chain(sizes.iter().rev()) {
                let message = next(subscriber).into_message().unwrap();
                assert_eq!(message.data().len(), *size);
                assert!(
                    message
                        .data()
                        .iter()
                        .all(|byte| *byte == round ^ *size as u8)
                );
            }
        }
    }
}

#[test]
fn a_message_reaches_more_links_than_its_publisher_writes_to() {
    let (host, first) = hosting(&["t"]);
    let others: Vec<Node> = (0..7).map(|_| joined(&[&host])).collect();
    let nodes = others.iter().chain([&first]);
    let subscribers: Vec<Subscriber> = nodes.map(|node| subscribed(node, &["t"])).collect();
    for text_sent in ["1", "2"] {
        host.publish("t", text_sent).unwrap();
        for subscriber in &subscribers {
            assert_eq!(text(subscriber), text_sent);
        }
    }
}

/// An owner of "t" that the client reaches through a network that can be silenced.
fn behind_proxy() -> (Node, Proxy, Node) {
    let host = bound();
    host.create_topic("t").unwrap();
    let proxy = Proxy::before(&endpoint(&host));
    let client = quick()
        .options(|options| {
            options.send_hwm = 8;
            options.heartbeat_interval = Duration::ZERO;
        })
        .peer(&proxy.endpoint)
        .start()
        .unwrap();
    client.sync(WAIT).unwrap();
    (host, proxy, client)
}

#[test]
fn what_a_full_link_to_the_owner_refuses_reaches_nobody() {
    let (host, proxy, client) = behind_proxy();
    host.configure(|options| options.heartbeat_interval = Duration::ZERO)
        .unwrap();
    let at_host = subscribed_with(&host, &["t"], Overflow::DropNewest, 0);
    let publisher = client.publisher("t").unwrap();
    proxy.silence();
    let payload = |n: u64| {
        let mut payload = vec![0; 256 * 1024];
        payload[..8].copy_from_slice(&n.to_le_bytes());
        payload
    };
    let mut accepted = 0;
    while publisher
        .publish_timeout(payload(accepted), Duration::from_millis(100))
        .is_ok()
    {
        accepted += 1;
    }
    let told = publisher.try_publish(payload(u64::MAX));
    assert!(matches!(told, Err(PublishError::Full { .. })));
    proxy.restore();
    publisher.publish_timeout(payload(accepted), WAIT).unwrap();
    assert_eq!(take_run(&at_host, accepted + 1).received, accepted + 1);
    assert_empty(&at_host);
}

#[test]
fn a_remote_publisher_waits_for_blocking_subscribers_of_the_owner_and_behind_it() {
    const COUNT: u64 = 10_000;
    let (host, client) = hosting(&["t"]);
    let third = joined(&[&host]);
    let subscribers = [
        subscribed_with(&host, &["t"], Overflow::Block, 4),
        subscribed_with(&third, &["t"], Overflow::Block, 4),
    ];
    thread::scope(|scope| {
        scope.spawn(|| {
            let publisher = client.publisher("t").unwrap();
            for n in 0..COUNT {
                publisher.publish_timeout(n.to_le_bytes(), WAIT).unwrap();
            }
        });
        for subscriber in &subscribers {
            scope.spawn(|| assert_eq!(take_run(subscriber, COUNT).received, COUNT));
        }
    });
}

#[test]
fn a_closed_node_publishes_nothing() {
    let node = quick().start().unwrap();
    let publisher = node.create_topic("t").unwrap();
    node.close();
    assert_eq!(node.publish("t", "1"), Err(PublishError::Closed));
    assert_eq!(publisher.publish("1"), Err(PublishError::Closed));
    assert!(matches!(node.publisher("u"), Err(PublishError::Closed)));
}

#[test]
fn a_publisher_stays_good_when_the_topic_moves() {
    let (host, client) = hosting(&["t"]);
    let publisher = client.publisher("t").unwrap();
    let at_client = subscribed(&client, &["t"]);
    publisher.publish("there").unwrap();
    assert_eq!(text(&at_client), "there");
    host.destroy_topic("t").unwrap();
    eventually("the topic is gone", || client.topic("t").is_none());
    assert!(matches!(
        publisher.publish("nowhere"),
        Err(PublishError::Unknown { .. })
    ));
    client.create_topic("t").unwrap();
    publisher.publish("here").unwrap();
    assert_eq!(text(&at_client), "here");
    assert!(matches!(
        at_client.try_recv(),
        Err(_) | Ok(Delivery::Gap { .. })
    ));
}

#[test]
fn a_routed_topic_is_published_to_as_soon_as_and_whenever_its_owner_hosts_it() {
    let host = bound();
    let client = quick().start().unwrap();
    client.route_topic("t", &endpoint(&host)).unwrap();
    let publisher = client.publisher("t").unwrap();
    publisher.publish("nobody hosts it yet").unwrap();
    for text_of_round in ["1", "2", "3"] {
        client.sync(WAIT).unwrap();
        host.create_topic("t").unwrap();
        let at_host = host.subscribe(["t"]).unwrap();
        publisher.publish(text_of_round).unwrap();
        assert_eq!(text(&at_host), text_of_round);
        host.destroy_topic("t").unwrap();
    }
}
