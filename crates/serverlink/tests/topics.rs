//! Creating, routing and destroying topics.

mod common;

use std::thread;
use std::time::Duration;

use common::*;
use serverlink::{
    CreateTopicError, DestroyTopicError, Event, Node, PublishError, RouteTopicError,
    SubscribeError, TopicPlace, WaitError,
};

#[test]
fn a_topic_is_created_once() {
    let node = quick().start().unwrap();
    node.create_topic("t").unwrap();
    assert!(matches!(
        node.create_topic("t"),
        Err(CreateTopicError::AlreadyHosted { topic }) if topic == "t"
    ));
    assert_eq!(node.topic("t").unwrap().place, TopicPlace::Local);
}

#[test]
fn a_routed_topic_is_not_created() {
    let (host, client) = hosting(&["t"]);
    client.route_topic("t", &endpoint(&host)).unwrap();
    assert!(matches!(
        client.create_topic("t"),
        Err(CreateTopicError::Routed { endpoint: routed, .. }) if routed == endpoint(&host)
    ));
}

#[test]
fn a_discovered_topic_may_be_hosted_here_too() {
    let (host, second) = hosting(&["t"]);
    second.bind("tcp://127.0.0.1:0").unwrap();
    let at_second = subscribed(&second, &["t"]);
    second.create_topic("t").unwrap();
    let third = joined(&[&host, &second]);
    let at_third = subscribed(&third, &["t"]);
    host.publish("t", "from the first").unwrap();
    second.publish("t", "from the second").unwrap();
    for subscriber in [&at_second, &at_third] {
        let mut both = [text(subscriber), text(subscriber)];
        both.sort_unstable();
        assert_eq!(both, ["from the first", "from the second"]);
    }
}

#[test]
fn names_are_1_to_255_bytes_of_text_without_nul() {
    let node = quick().start().unwrap();
    let longest = "é".repeat(127) + "x";
    node.create_topic(&longest).unwrap();
    let got = node.subscribe([longest.as_str()]).unwrap();
    node.publish(&longest, "1").unwrap();
    assert_eq!(message(&got), (longest.clone(), "1".to_owned()));
    for name in ["", "nul\0", &"x".repeat(256)] {
        assert!(matches!(
            node.create_topic(name),
            Err(CreateTopicError::InvalidName(_))
        ));
        assert!(matches!(
            node.destroy_topic(name),
            Err(DestroyTopicError::InvalidName(_))
        ));
        assert!(matches!(
            node.publish(name, "1"),
            Err(PublishError::InvalidName(_))
        ));
        assert!(matches!(
            node.publisher(name),
            Err(PublishError::InvalidName(_))
        ));
        assert!(matches!(
            node.subscriber().subscribe(name),
            Err(SubscribeError::InvalidName(_))
        ));
        assert!(matches!(
            node.route_topic(name, "tcp://127.0.0.1:1"),
            Err(RouteTopicError::InvalidName(_))
        ));
    }
    assert_eq!(node.topics().len(), 1);
}

#[test]
fn a_destroyed_topic_is_unknown() {
    let node = quick().start().unwrap();
    let publisher = node.create_topic("t").unwrap();
    let subscriber = node.subscribe(["t"]).unwrap();
    publisher.publish("1").unwrap();
    node.destroy_topic("t").unwrap();
    assert!(node.topic("t").is_none());
    assert!(matches!(
        node.destroy_topic("t"),
        Err(DestroyTopicError::Unknown { .. })
    ));
    assert!(matches!(
        node.publish("t", "2"),
        Err(PublishError::Unknown { .. })
    ));
    assert!(matches!(
        publisher.publish("2"),
        Err(PublishError::Unknown { .. })
    ));
    assert_eq!(text(&subscriber), "1");
    assert_empty(&subscriber);
}

#[test]
fn subscriptions_and_publishers_outlive_a_topic_that_is_created_anew() {
    let (host, client) = hosting(&["t"]);
    let here = subscribed(&host, &["t"]);
    let there = subscribed(&client, &["t"]);
    let publisher = host.publisher("t").unwrap();
    host.destroy_topic("t").unwrap();
    host.create_topic("t").unwrap();
    publisher.publish("again").unwrap();
    assert_eq!(text(&here), "again");
    assert_eq!(text(&there), "again");
}

#[test]
fn only_hosted_and_routed_topics_are_destroyed() {
    let (host, client) = hosting(&["t"]);
    assert!(matches!(
        client.destroy_topic("t"),
        Err(DestroyTopicError::Unknown { .. })
    ));
    client.route_topic("t", &endpoint(&host)).unwrap();
    client.destroy_topic("t").unwrap();
    assert_eq!(client.topic("t").unwrap().place, TopicPlace::Discovered);
}

#[test]
fn peers_learn_at_once_of_topics_created_and_destroyed() {
    let (host, client) = hosting(&[]);
    let events = client.events();
    host.create_topic("t").unwrap();
    let added = |event: &Event| matches!(event, Event::TopicAdded { topic } if &**topic == "t");
    event(&events, added);
    assert_eq!(client.topic("t").unwrap().place, TopicPlace::Discovered);
    host.destroy_topic("t").unwrap();
    event(
        &events,
        |event| matches!(event, Event::TopicRemoved { topic } if &**topic == "t"),
    );
    assert!(client.topic("t").is_none());
    assert!(matches!(
        client.publish("t", "1"),
        Err(PublishError::Unknown { .. })
    ));
}

#[test]
fn a_route_makes_a_topic_reachable_without_a_peer() {
    let host = bound();
    host.create_topic("t").unwrap();
    let at_host = host.subscribe(["t"]).unwrap();
    let client = quick().start().unwrap();
    client.route_topic("t", &endpoint(&host)).unwrap();
    let topic = client.topic("t").unwrap();
    assert_eq!((topic.place, topic.reachable), (TopicPlace::Routed, true));
    let at_client = subscribed(&client, &["t"]);
    client.publish("t", "1").unwrap();
    assert_eq!(text(&at_host), "1");
    assert_eq!(text(&at_client), "1");
    assert_eq!(host.stats().links, 1);
}

#[test]
fn an_unreachable_route_registers_nothing() {
    let (_mute, mute) = mute_listener();
    let client = quick().start().unwrap();
    client
        .configure(|options| options.connect_timeout = Duration::from_millis(50))
        .unwrap();
    for endpoint in [dead_endpoint(), mute] {
        assert!(matches!(
            client.route_topic("t", &endpoint),
            Err(RouteTopicError::Unreachable { timeout, .. }) if timeout == Duration::from_millis(50)
        ));
        assert!(client.topic("t").is_none());
        assert!(client.peers().is_empty());
        assert!(matches!(
            client.publish("t", "1"),
            Err(PublishError::Unknown { .. })
        ));
        assert!(matches!(
            client.destroy_topic("t"),
            Err(DestroyTopicError::Unknown { .. })
        ));
    }
    client.create_topic("t").unwrap();
}

#[test]
fn a_hosted_topic_is_not_routed() {
    let (host, client) = hosting(&["t"]);
    client.create_topic("mine").unwrap();
    assert!(matches!(
        client.route_topic("mine", &endpoint(&host)),
        Err(RouteTopicError::AlreadyHosted { .. })
    ));
}

#[test]
fn a_route_that_works_is_not_replaced() {
    let (host, client) = hosting(&["t"]);
    let other = bound();
    client.route_topic("t", &endpoint(&host)).unwrap();
    assert!(matches!(
        client.route_topic("t", &endpoint(&other)),
        Err(RouteTopicError::AlreadyRouted { endpoint: routed, .. }) if routed == endpoint(&host)
    ));
}

#[test]
fn an_unreachable_route_is_replaced() {
    let (primary, backup) = (bound(), bound());
    let at_backup = backup
        .create_topic("t")
        .and(Ok(backup.subscribe(["t"]).unwrap()))
        .unwrap();
    primary.create_topic("t").unwrap();
    let client = quick().start().unwrap();
    client.route_topic("t", &endpoint(&primary)).unwrap();
    let at_client = subscribed(&client, &["t"]);
    primary.close();
    eventually("the primary is missed", || {
        !client.topic("t").unwrap().reachable
    });
    assert!(matches!(
        client.publish("t", "1"),
        Err(PublishError::Unreachable { .. })
    ));
    client.route_topic("t", &endpoint(&backup)).unwrap();
    at_client.wait_subscribed_to("t", WAIT).unwrap();
    client.publish("t", "2").unwrap();
    assert_eq!(text(&at_backup), "2");
    assert!(matches!(
        next(&at_client),
        serverlink::Delivery::PeerLost { .. }
    ));
    assert_eq!(text(&at_client), "2");
}

#[test]
fn destroying_a_route_that_alone_holds_its_peer_forgets_the_topic_without_panic() {
    let host = bound();
    host.create_topic("t").unwrap();
    let client = quick().start().unwrap();
    client.route_topic("t", &endpoint(&host)).unwrap();
    let subscriber = subscribed(&client, &["t"]);
    client.sync(WAIT).unwrap();
    client.destroy_topic("t").unwrap();
    assert!(client.topic("t").is_none());
    assert!(client.peers().is_empty());
    assert_empty(&subscriber);
}

#[test]
fn a_route_stands_while_its_replacement_is_unreachable() {
    let (host, client) = hosting(&["t"]);
    client
        .configure(|options| options.connect_timeout = Duration::from_millis(50))
        .unwrap();
    client.route_topic("t", &endpoint(&host)).unwrap();
    host.close();
    eventually("the host is missed", || {
        !client.topic("t").unwrap().reachable
    });
    assert!(matches!(
        client.route_topic("t", &dead_endpoint()),
        Err(RouteTopicError::Unreachable { .. })
    ));
    assert_eq!(client.topic("t").unwrap().place, TopicPlace::Routed);
}

#[test]
fn a_route_leads_to_its_endpoint_alone() {
    let (first, second) = (bound(), bound());
    let at = [&first, &second].map(|node| {
        node.create_topic("t").unwrap();
        node.subscribe(["t"]).unwrap()
    });
    let client = joined(&[&first, &second]);
    client.route_topic("t", &endpoint(&second)).unwrap();
    let exact = subscribed(&client, &["t"]);
    let pattern = subscribed(&client, &["*"]);
    client.publish("t", "to the second").unwrap();
    assert_eq!(text(&at[1]), "to the second");
    first.publish("t", "ignored").unwrap();
    client.sync(WAIT).unwrap();
    second.publish("t", "heard").unwrap();
    for subscriber in [&exact, &pattern] {
        assert_eq!(text(subscriber), "to the second");
        assert_eq!(text(subscriber), "heard");
    }
    assert_eq!(text(&at[0]), "ignored");
    assert_empty(&at[0]);

    client.destroy_topic("t").unwrap();
    exact.wait_subscribed(WAIT).unwrap();
    first.publish("t", "heard again").unwrap();
    assert_eq!(text(&exact), "heard again");
    assert_eq!(text(&pattern), "heard again");
}

#[test]
fn a_topic_is_not_routed_to_the_node_itself() {
    let node = bound();
    assert!(matches!(
        node.route_topic("t", &endpoint(&node)),
        Err(RouteTopicError::Itself { .. })
    ));
    assert!(node.topic("t").is_none());
}

#[test]
fn malformed_endpoints_are_refused() {
    let node = quick().start().unwrap();
    for endpoint in [
        "",
        "tcp://",
        "tcp://a",
        "udp://a:1",
        "tcp://a:1,",
        "tcp://a:99999",
        "tcp://*:1",
    ] {
        assert!(
            matches!(
                node.route_topic("t", endpoint),
                Err(RouteTopicError::InvalidEndpoint(_))
            ),
            "{endpoint:?}"
        );
    }
}

/// A node named `name` that hosts "t" at `endpoint`, with a subscriber of its own.
fn owner(name: &str, endpoint: &str) -> (Node, serverlink::Subscriber) {
    let node = quick()
        .name(name)
        .bind(endpoint)
        .topic("t")
        .start()
        .unwrap();
    let subscriber = node.subscribe(["t"]).unwrap();
    (node, subscriber)
}

#[test]
fn a_route_with_several_endpoints_fails_over_and_back_by_itself() {
    let (first, at_first) = owner("first", "tcp://127.0.0.1:0");
    let (second, at_second) = owner("second", "tcp://127.0.0.1:0");
    let first_endpoint = endpoint(&first);
    let client = quick().start().unwrap();
    client
        .route_topic("t", &format!("{first_endpoint},{}", endpoint(&second)))
        .unwrap();
    eventually("both are linked", || client.stats().links == 2);
    let got = subscribed(&client, &["t"]);

    client.publish("t", "1").unwrap();
    assert_eq!(text(&at_first), "1");
    assert_eq!(text(&got), "1");

    drop(at_first);
    first.close();
    eventually("the first is gone", || client.stats().links == 1);
    got.wait_subscribed_to("t", WAIT).unwrap();
    client.publish("t", "2").unwrap();
    assert_eq!(text(&at_second), "2");
    assert_eq!(
        text(&got),
        "2",
        "and no loss is told: the route failed over"
    );

    let (_first, at_first) = owner("first", &first_endpoint);
    eventually("the first is back", || client.stats().links == 2);
    got.wait_subscribed_to("t", WAIT).unwrap();
    client.publish("t", "3").unwrap();
    assert_eq!(text(&at_first), "3");
    assert_eq!(text(&got), "3");
    assert_empty(&at_second);
}

#[test]
fn a_topic_created_anew_is_heard_where_another_owner_kept_it_known() {
    let (first, second) = (bound(), bound());
    for node in [&first, &second] {
        node.create_topic("t").unwrap();
    }
    let client = joined(&[&first, &second]);
    let subscriber = subscribed(&client, &["t"]);
    for text_of_round in ["1", "2", "3"] {
        for _ in 0..3 {
            first.publish("t", text_of_round).unwrap();
            assert_eq!(text(&subscriber), text_of_round);
        }
        first.destroy_topic("t").unwrap();
        first.create_topic("t").unwrap();
    }
    first.publish("t", "4").unwrap();
    assert_eq!(text(&subscriber), "4");
    assert_empty(&subscriber);
}

#[test]
fn wait_reachable_waits_for_the_topic_and_for_its_owner() {
    let (host, client) = hosting(&["there"]);
    client.wait_reachable("there", WAIT).unwrap();
    host.wait_reachable("there", Duration::ZERO).unwrap();
    let timeout = Duration::from_millis(5);
    assert_eq!(
        client.wait_reachable("later", timeout),
        Err(WaitError::TimedOut { timeout })
    );
    thread::scope(|scope| {
        let waits = scope.spawn(|| client.wait_reachable("later", WAIT));
        host.create_topic("later").unwrap();
        waits.join().unwrap().unwrap();
    });
    client.publish("later", "x").unwrap();

    host.close();
    eventually("the owner is gone", || {
        client.wait_reachable("there", Duration::ZERO).is_err()
    });
    client.close();
    assert_eq!(client.wait_reachable("there", WAIT), Err(WaitError::Closed));
}
