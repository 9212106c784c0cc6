//! Subscribing to patterns.

mod common;

use common::*;
use serverlink::{Context, Filter, SubscribeError};

/// The topics of this list whose messages a subscriber to `pattern` gets, here and over a link.
fn matched(pattern: &str, topics: &[&str]) -> Vec<String> {
    let (host, client) = hosting(topics);
    let sides = [&host, &client].map(|node| {
        let subscriber = node.subscriber();
        subscriber.subscribe_pattern(pattern).unwrap();
        let end = node.subscriber();
        end.subscribe_pattern("*").unwrap();
        end.wait_subscribed(WAIT).unwrap();
        (subscriber, end)
    });
    topics
        .iter()
        .for_each(|topic| host.publish(topic, topic).unwrap());
    let [here, there] = sides.map(|(subscriber, end)| {
        for topic in topics {
            assert_eq!(message(&end).0, *topic);
        }
        let queued = 0..subscriber.queued();
        queued
            .map(|_| message(&subscriber).0)
            .collect::<Vec<String>>()
    });
    assert_eq!(here, there);
    here
}

#[test]
fn a_star_is_any_run_of_bytes() {
    let topics = ["chat:a", "chat:", "chat", "chats:a", "chat:a:b", "x:chat:a"];
    assert_eq!(matched("chat:*", &topics), ["chat:a", "chat:", "chat:a:b"]);
    assert_eq!(matched("*", &topics), topics);
}

#[test]
fn an_inner_star_is_any_run_of_bytes() {
    let topics = [
        "source:data",
        "source1:data",
        "source:1:data",
        "source1:data:x",
        "asource:data",
    ];
    assert_eq!(
        matched("source*:data", &topics),
        ["source:data", "source1:data", "source:1:data"]
    );
}

#[test]
fn a_question_mark_is_one_byte() {
    assert_eq!(
        matched("s?:t", &["s1:t", "s:t", "s12:t", "s::t"]),
        ["s1:t", "s::t"]
    );
}

#[test]
fn brackets_are_one_of_a_set() {
    let topics = ["za", "zb", "zc", "zd", "zA", "z0", "z", "zaa"];
    assert_eq!(matched("z[a-c]", &topics), ["za", "zb", "zc"]);
    assert_eq!(matched("z[ad0]", &topics), ["za", "zd", "z0"]);
    assert_eq!(matched("z[!a-c]", &topics), ["zd", "zA", "z0"]);
}

#[test]
fn a_backslash_takes_the_next_as_it_is() {
    assert_eq!(matched(r"a\*", &["a*", "ab"]), ["a*"]);
    let node = quick().start().unwrap();
    node.create_topic("a*").unwrap();
    let exact = node.subscriber();
    exact.subscribe("a*").unwrap();
    node.publish("a*", "1").unwrap();
    assert_eq!(text(&exact), "1");
}

#[test]
fn malformed_patterns_are_refused() {
    let node = quick().start().unwrap();
    for pattern in ["", "[", "[z-a]", "a\\", "nul\0*", &"x".repeat(256)] {
        assert!(
            matches!(
                node.subscriber().subscribe_pattern(pattern),
                Err(SubscribeError::InvalidPattern(_))
            ),
            "{pattern:?}"
        );
    }
}

#[test]
fn patterns_take_future_topics() {
    let (host, client) = hosting(&["room:old"]);
    let sides = [
        subscribed(&host, &["room:*"]),
        subscribed(&client, &["room:*"]),
    ];
    for topic in ["room:old", "room:new", "other"] {
        if topic != "room:old" {
            host.create_topic(topic).unwrap();
        }
        host.publish(topic, "1").unwrap();
    }
    for side in sides {
        assert_eq!(message(&side).0, "room:old");
        assert_eq!(message(&side).0, "room:new");
        side.wait_subscribed(WAIT).unwrap();
        assert_empty(&side);
    }
}

#[test]
fn patterns_take_topics_of_peers_that_come_later() {
    let client = bound();
    let subscriber = client.subscribe(["*:x"]).unwrap();
    let late = quick()
        .topic("a:x")
        .peer(endpoint(&client))
        .start()
        .unwrap();
    late.wait_subscribers("a:x", 1, WAIT).unwrap();
    late.publish("a:x", "1").unwrap();
    assert_eq!(text(&subscriber), "1");
}

#[test]
fn patterns_reach_the_nodes_of_a_context_present_and_future() {
    let context = Context::new().unwrap();
    let present = context.node().topic("a:1").start().unwrap();
    let client = context.node().start().unwrap();
    let subscriber = client.subscribe(["a:*"]).unwrap();
    let future = context.node().start().unwrap();
    future.create_topic("a:2").unwrap();
    present.create_topic("a:3").unwrap();
    present.publish("a:1", "").unwrap();
    future.publish("a:2", "").unwrap();
    present.publish("a:3", "").unwrap();
    let got: Vec<String> = (0..3).map(|_| message(&subscriber).0).collect();
    assert_eq!(got, ["a:1", "a:2", "a:3"]);
}

#[test]
fn a_message_that_matches_several_subscriptions_is_delivered_once() {
    let (host, client) = hosting(&["a:b", "end"]);
    for node in [&host, &client] {
        let subscriber = subscribed(node, &["a:b", "a:*", "*:b", "*", "a:?"]);
        host.publish("a:b", "1").unwrap();
        host.publish("end", "2").unwrap();
        assert_eq!([text(&subscriber), text(&subscriber)], ["1", "2"]);
        assert_empty(&subscriber);
    }
}

#[test]
fn the_last_of_several_matching_subscriptions_keeps_the_topic() {
    let (host, client) = hosting(&["a:b", "end"]);
    for node in [&host, &client] {
        let subscriber = subscribed(node, &["a:b", "a:*", "end"]);
        for (cancelled, arrives) in [("a:b", true), ("a:*", false)] {
            subscriber.unsubscribe(cancelled).unwrap();
            subscriber.wait_subscribed(WAIT).unwrap();
            host.publish("a:b", "1").unwrap();
            host.publish("end", "2").unwrap();
            if arrives {
                assert_eq!(text(&subscriber), "1");
            }
            assert_eq!(text(&subscriber), "2");
        }
    }
}

#[test]
fn filters_may_be_given_explicitly() {
    let node = quick().start().unwrap();
    node.create_topic("a*").unwrap();
    node.create_topic("ab").unwrap();
    let exact = node.subscribe([Filter::exact("a*").unwrap()]).unwrap();
    let pattern = node.subscribe([Filter::pattern("a*").unwrap()]).unwrap();
    node.publish("ab", "1").unwrap();
    node.publish("a*", "2").unwrap();
    assert_eq!(text(&exact), "2");
    assert_eq!([text(&pattern), text(&pattern)], ["1", "2"]);
}
