//! Subscribing to exact topics: what is searched, what is kept, what survives.

mod common;

use common::proxy::Proxy;
use common::*;
use serverlink::{Context, Delivery, Event, Node, SubscribeError, Wait};

#[test]
fn a_subscription_is_exact() {
    let (host, client) = hosting(&["a", "a:b", "a:bc", "a:b:c", "A:B"]);
    for node in [&host, &client] {
        let subscriber = subscribed(node, &["a:b"]);
        for topic in ["a", "a:bc", "a:b:c", "A:B", "a:b"] {
            host.publish(topic, topic).unwrap();
        }
        assert_eq!(message(&subscriber), ("a:b".into(), "a:b".into()));
        assert_empty(&subscriber);
    }
}

#[test]
fn an_unknown_topic_without_peers_is_refused() {
    let node = quick().start().unwrap();
    let subscriber = node.subscriber();
    assert!(matches!(
        subscriber.subscribe("t"),
        Err(SubscribeError::Unknown { topic }) if topic == "t"
    ));
    assert_eq!(node.stats().subscriptions, 0);
    node.create_topic("t").unwrap();
    node.publish("t", "1").unwrap();
    assert_empty(&subscriber);
}

#[test]
fn a_node_of_the_context_is_searched_when_there_are_no_peers() {
    let context = Context::new().unwrap();
    let (host, client) = (
        context.node().start().unwrap(),
        context.node().start().unwrap(),
    );
    let stranger = quick().start().unwrap();
    host.create_topic("t").unwrap();
    let subscriber = client.subscribe(["t"]).unwrap();
    assert!(matches!(
        stranger.subscribe(["t"]),
        Err(SubscribeError::Unknown { .. })
    ));
    host.publish("t", "1").unwrap();
    client.publish("t", "2").unwrap();
    assert_eq!(text(&subscriber), "1");
    assert_eq!(text(&subscriber), "2");
}

#[test]
fn a_topic_hosted_here_is_not_searched_elsewhere() {
    let context = Context::new().unwrap();
    let (host, client) = (
        context.node().start().unwrap(),
        context.node().start().unwrap(),
    );
    host.create_topic("t").unwrap();
    client.create_topic("t").unwrap();
    let subscriber = client.subscribe(["t"]).unwrap();
    host.publish("t", "there").unwrap();
    client.publish("t", "here").unwrap();
    assert_eq!(text(&subscriber), "here");
    assert_empty(&subscriber);
}

#[test]
fn with_a_peer_the_context_is_not_searched() {
    let context = Context::new().unwrap();
    let host = context.node().topic("t").start().unwrap();
    let peer = bound();
    let client = context.node().peer(endpoint(&peer)).start().unwrap();
    client.sync(WAIT).unwrap();
    let kept = client.subscribe(["t"]).unwrap();
    host.publish("t", "of the context").unwrap();
    peer.create_topic("t").unwrap();
    kept.wait_subscribed_to("t", WAIT).unwrap();
    peer.publish("t", "of the peer").unwrap();
    assert_eq!(text(&kept), "of the peer");
}

#[test]
fn interest_is_kept_until_a_peer_offers_the_topic() {
    let (host, client) = hosting(&[]);
    let subscriber = client.subscribe(["t"]).unwrap();
    assert_empty(&subscriber);
    let publisher = host.create_topic("t").unwrap();
    publisher.publish("created later").unwrap();
    subscriber.wait_subscribed_to("t", WAIT).unwrap();
    publisher.publish("acknowledged").unwrap();
    let first = text(&subscriber);
    if first != "acknowledged" {
        assert_eq!(first, "created later");
        assert_eq!(text(&subscriber), "acknowledged");
    }
}

#[test]
fn interest_acknowledged_beforehand_misses_nothing_of_a_new_topic() {
    let (host, client) = hosting(&[]);
    let subscriber = subscribed(&client, &["t"]);
    let publisher = host.create_topic("t").unwrap();
    for n in 0..100u64 {
        publisher.publish(n.to_le_bytes()).unwrap();
    }
    assert_eq!(take_run(&subscriber, 100).received, 100);
}

#[test]
fn interest_is_kept_for_a_peer_that_is_not_there_yet() {
    let address = dead_endpoint();
    let client = quick().peer(&address).start().unwrap();
    let subscriber = client.subscribe(["t"]).unwrap();
    let host = quick().bind(&address).topic("t").start().unwrap();
    host.wait_subscribers("t", 1, WAIT).unwrap();
    host.publish("t", "1").unwrap();
    assert_eq!(text(&subscriber), "1");
}

#[test]
fn a_peer_that_linked_to_us_counts_as_a_peer() {
    let server = bound();
    let client = joined(&[&server]);
    let subscriber = server.subscribe(["t"]).unwrap();
    client.create_topic("t").unwrap();
    client.wait_subscribers("t", 1, WAIT).unwrap();
    client.publish("t", "1").unwrap();
    assert_eq!(text(&subscriber), "1");
}

#[test]
fn an_unreachable_owner_is_told_and_nothing_recorded() {
    let (host, client) = hosting(&["t"]);
    let address = endpoint(&host);
    host.close();
    eventually("the owner is missed", || {
        !client.topic("t").unwrap().reachable
    });
    let subscriber = client.subscriber();
    assert!(matches!(
        subscriber.subscribe("t"),
        Err(SubscribeError::Unreachable { topic }) if topic == "t"
    ));
    assert_eq!(client.stats().subscriptions, 0);
    let back = quick()
        .bind(&address)
        .topic("t")
        .topic("u")
        .start()
        .unwrap();
    subscriber.subscribe("u").unwrap();
    back.wait_subscribers("u", 1, WAIT).unwrap();
    assert_eq!(back.topic("t").unwrap().subscribers, 0);
}

#[test]
fn subscribing_twice_is_once() {
    let (host, client) = hosting(&["t"]);
    for node in [&host, &client] {
        let subscriber = subscribed(node, &["t", "t"]);
        subscriber.subscribe("t").unwrap();
        subscriber.wait_subscribed(WAIT).unwrap();
        host.publish("t", "1").unwrap();
        host.publish("t", "2").unwrap();
        assert_eq!([text(&subscriber), text(&subscriber)], ["1", "2"]);
        assert_empty(&subscriber);
        subscriber.unsubscribe("t").unwrap();
        assert_eq!(node.stats().subscriptions, 0);
    }
}

#[test]
fn two_subscribers_of_a_node_get_each_their_own() {
    let (host, client) = hosting(&["t"]);
    let pair = [subscribed(&client, &["t"]), subscribed(&client, &["t"])];
    assert_eq!(
        host.topic("t").unwrap().subscribers,
        1,
        "a link counts once"
    );
    host.publish("t", "1").unwrap();
    assert_eq!(pair.each_ref().map(text), ["1", "1"]);
    let [gone, stays] = pair;
    drop(gone);
    stays.wait_subscribed(WAIT).unwrap();
    host.publish("t", "2").unwrap();
    assert_eq!(text(&stays), "2");
}

#[test]
fn subscriptions_survive_a_broken_connection() {
    let host = bound();
    let publisher = host.create_topic("t").unwrap();
    let proxy = Proxy::before(&endpoint(&host));
    let client = quick().peer(&proxy.endpoint).start().unwrap();
    client.sync(WAIT).unwrap();
    let exact = subscribed(&client, &["t"]);
    let pattern = subscribed(&client, &["?"]);
    for round in 1..=3 {
        proxy.cut();
        eventually("the host misses the link", || publisher.subscribers() == 0);
        proxy.restore();
        host.wait_subscribers("t", 1, WAIT).unwrap();
        let text_of_round = round.to_string();
        publisher.publish(&text_of_round).unwrap();
        for subscriber in [&exact, &pattern] {
            assert!(matches!(next(subscriber), Delivery::PeerLost { .. }));
            assert_eq!(text(subscriber), text_of_round);
            assert_empty(subscriber);
        }
    }
    assert_eq!(client.stats().reconnects, 3);
}

/// A named node at `address` that hosts "t".
fn owner(address: &str) -> Node {
    quick()
        .name("owner")
        .bind(address)
        .topic("t")
        .start()
        .unwrap()
}

#[test]
fn subscriptions_survive_restarts_of_the_owner_on_its_port() {
    let first = owner("tcp://127.0.0.1:0");
    let address = endpoint(&first);
    let client = joined(&[&first]);
    let subscriber = subscribed(&client, &["t"]);
    let mut node = first;
    for life in 0..3u64 {
        node.publish("t", life.to_le_bytes()).unwrap();
        assert_eq!(number(&subscriber), life);
        node.close();
        node = owner(&address);
        node.wait_subscribers("t", 1, WAIT).unwrap();
        assert!(matches!(
            next(&subscriber),
            Delivery::PeerLost { name, .. } if &*name == "owner"
        ));
    }
    assert_empty(&subscriber);
}

#[test]
fn a_crashed_owner_that_returns_leaves_a_gap_of_unknown_size() {
    let host = owner("tcp://127.0.0.1:0");
    let address = endpoint(&host);
    let proxy = Proxy::before(&address);
    let client = quick().peer(&proxy.endpoint).start().unwrap();
    client.sync(WAIT).unwrap();
    let subscriber = subscribed(&client, &["t"]);
    host.publish("t", "1").unwrap();
    assert_eq!(text(&subscriber), "1");
    proxy.cut();
    host.close();
    let host = owner(&address);
    proxy.restore();
    host.wait_subscribers("t", 1, WAIT).unwrap();
    host.publish("t", "2").unwrap();
    assert!(matches!(next(&subscriber), Delivery::PeerLost { .. }));
    let gap = next(&subscriber);
    assert!(matches!(gap, Delivery::Gap { missed: None, .. }), "{gap:?}");
    assert_eq!(text(&subscriber), "2");
}

#[test]
fn a_restart_is_known_as_the_same_member_at_once() {
    let host = owner("tcp://127.0.0.1:0");
    let address = endpoint(&host);
    let proxy = Proxy::before(&address);
    let client = quick().bind("tcp://127.0.0.1:0").start().unwrap();
    client.add_peer(&proxy.endpoint).unwrap();
    client.sync(WAIT).unwrap();
    let subscriber = subscribed(&client, &["t"]);
    let events = client.events();
    // The old life's connection says nothing any more; the new life links to us by another.
    proxy.silence();
    let second = quick()
        .name("owner")
        .topic("t")
        .peer(endpoint(&client))
        .start()
        .unwrap();
    second.wait_subscribers("t", 1, WAIT).unwrap();
    event(&events, |event| matches!(event, Event::PeerDown { .. }));
    event(&events, |event| matches!(event, Event::PeerUp { .. }));
    second.publish("t", "1").unwrap();
    assert!(matches!(next(&subscriber), Delivery::PeerLost { .. }));
    let gap = next(&subscriber);
    assert!(matches!(gap, Delivery::Gap { missed: None, .. }), "{gap:?}");
    assert_eq!(text(&subscriber), "1");
    assert_eq!(second.id(), host.id());
    proxy.cut();
}

#[test]
fn subscribing_does_not_wait_for_the_network() {
    let (_mute, mute) = mute_listener();
    let client = quick().peer(mute).start().unwrap();
    let subscriber = client.subscribe(["t"]).unwrap();
    assert_eq!(
        subscriber.recv_wait(Wait::Never),
        Err(serverlink::RecvError::Empty)
    );
}

#[test]
fn no_subscriber_is_left_behind_by_a_refused_list() {
    let node = quick().start().unwrap();
    node.create_topic("t").unwrap();
    assert!(node.subscribe(["t", "unknown"]).is_err());
    assert_eq!(node.stats().subscriptions, 0);
    assert_eq!(node.topic("t").unwrap().subscribers, 0);
}
