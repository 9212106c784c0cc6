//! Losing a node that serves a subscription: told once, after what was queued, and nothing is lost in silence.

mod common;

use std::time::Duration;

use common::proxy::Proxy;
use common::*;
use serverlink::{Delivery, Event, Node, RecvIntoError, Subscriber, Wait};

/// The next delivery must tell that the node of this name is lost.
fn assert_lost(subscriber: &Subscriber, lost: &Node) {
    match next(subscriber) {
        Delivery::PeerLost { node, name } => {
            assert_eq!(node, lost.id());
            assert_eq!(lost.name().unwrap_or(&name), &*name);
        }
        other => panic!("{other:?} instead of the loss"),
    }
}

/// A named node that hosts "t" and "u", and a client that reaches it through a network.
fn behind_proxy() -> (Node, Proxy, Node) {
    let host = quick()
        .name("server")
        .bind("tcp://127.0.0.1:0")
        .topic("t")
        .topic("u")
        .start()
        .unwrap();
    let proxy = Proxy::before(&endpoint(&host));
    let client = quick()
        .options(|options| options.heartbeat_interval = Duration::from_millis(50))
        .peer(&proxy.endpoint)
        .start()
        .unwrap();
    client.sync(WAIT).unwrap();
    (host, proxy, client)
}

#[test]
fn a_crash_is_told_once_after_what_was_queued() {
    let (host, proxy, client) = behind_proxy();
    let subscriber = subscribed(&client, &["t", "u", "*"]);
    for text in ["1", "2"] {
        host.publish("t", text).unwrap();
        host.publish("u", text).unwrap();
    }
    eventually("all is queued", || subscriber.queued() == 4);
    proxy.cut();
    eventually("the loss is noticed", || client.stats().links == 0);
    proxy.restore();
    eventually("the host misses the link", || client.stats().links == 1);
    subscriber.wait_subscribed_to("t", WAIT).unwrap();
    host.publish("t", "3").unwrap();
    assert_eq!(
        ["1", "1", "2", "2"].map(|_| text(&subscriber)),
        ["1", "1", "2", "2"]
    );
    assert_lost(&subscriber, &host);
    assert_eq!(text(&subscriber), "3");
    assert_empty(&subscriber);
}

#[test]
fn a_leave_is_told_once_after_what_was_queued() {
    let (host, client) = hosting(&["t", "u"]);
    let subscriber = subscribed(&client, &["t", "u"]);
    host.publish("t", "1").unwrap();
    host.close();
    assert_eq!(text(&subscriber), "1");
    assert_lost(&subscriber, &host);
    eventually("the loss is noticed", || client.stats().links == 0);
    assert_empty(&subscriber);
}

#[test]
fn a_silent_node_is_found_by_heartbeats_and_told() {
    let (host, proxy, client) = behind_proxy();
    let subscriber = subscribed(&client, &["t"]);
    let events = client.events();
    host.publish("t", "1").unwrap();
    eventually("it is queued", || subscriber.queued() == 1);
    proxy.silence();
    let down = event(&events, |event| matches!(event, Event::PeerDown { .. }));
    assert!(matches!(
        down,
        Event::PeerDown {
            graceful: false,
            ..
        }
    ));
    assert_eq!(client.stats().rejected.heartbeat, 1);
    assert_eq!(text(&subscriber), "1");
    assert_lost(&subscriber, &host);
    assert_empty(&subscriber);
    assert!(
        !client.topic("t").unwrap().reachable,
        "known still, and unreachable"
    );
    proxy.cut();
    proxy.restore();
    host.wait_subscribers("t", 1, WAIT).unwrap();
    subscriber.wait_subscribed_to("t", WAIT).unwrap();
    host.publish("t", "2").unwrap();
    assert_eq!(text(&subscriber), "2");
}

#[test]
fn every_subscriber_served_is_told_and_no_other() {
    let (host, proxy, client) = behind_proxy();
    client.create_topic("mine").unwrap();
    let served = [subscribed(&client, &["t"]), subscribed(&client, &["?"])];
    let others = [
        subscribed(&client, &["mine"]),
        subscribed(&client, &["elsewhere"]),
    ];
    proxy.cut();
    for subscriber in &served {
        assert_lost(subscriber, &host);
        assert_empty(subscriber);
    }
    others.iter().for_each(assert_empty);
}

#[test]
fn the_loss_of_a_node_that_linked_to_us_is_told_too() {
    let server = bound();
    let client = quick()
        .name("client")
        .topic("t")
        .peer(endpoint(&server))
        .start()
        .unwrap();
    client.sync(WAIT).unwrap();
    server.sync(WAIT).unwrap();
    let subscriber = subscribed(&server, &["t"]);
    client.publish("t", "1").unwrap();
    client.close();
    assert_eq!(text(&subscriber), "1");
    assert_lost(&subscriber, &client);
    assert_empty(&subscriber);
}

#[test]
fn removing_a_peer_is_no_loss() {
    let (host, client) = hosting(&["t"]);
    let subscriber = subscribed(&client, &["t"]);
    host.publish("t", "1").unwrap();
    eventually("it is queued", || subscriber.queued() == 1);
    client.remove_peer(&endpoint(&host)).unwrap();
    assert_eq!(text(&subscriber), "1");
    eventually("the host misses the link", || host.stats().links == 0);
    assert_empty(&subscriber);
}

#[test]
fn losing_a_node_of_a_cancelled_subscription_is_not_told() {
    let (host, client) = hosting(&["t"]);
    let subscriber = subscribed(&client, &["t"]);
    subscriber.unsubscribe("t").unwrap();
    host.close();
    eventually("the loss is noticed", || client.stats().links == 0);
    assert_empty(&subscriber);
}

#[test]
fn one_of_two_owners_lost_leaves_the_other() {
    let owners = [bound(), bound()];
    for owner in &owners {
        owner.create_topic("t").unwrap();
    }
    let client = joined(&[&owners[0], &owners[1]]);
    let subscriber = subscribed(&client, &["t"]);
    owners[0].close();
    assert_lost(&subscriber, &owners[0]);
    owners[1].publish("t", "1").unwrap();
    assert_eq!(text(&subscriber), "1");
}

#[test]
fn receiving_into_buffers_tells_a_loss_once() {
    let (host, client) = hosting(&["t"]);
    let subscriber = subscribed(&client, &["t"]);
    host.publish("t", "1").unwrap();
    host.close();
    let (mut topic, mut data) = ([0; 255], [0; 16]);
    let mut receive = |wait| subscriber.recv_into(&mut topic, &mut data, wait);
    assert_eq!(receive(Wait::For(WAIT)), Ok((1, 1)));
    assert_eq!(receive(Wait::For(WAIT)), Err(RecvIntoError::PeerLost));
    assert_eq!(receive(Wait::Never), Err(RecvIntoError::Empty));
}

#[test]
fn messages_lost_with_a_connection_are_reported_with_their_number() {
    let (host, proxy, client) = behind_proxy();
    let subscriber = subscribed(&client, &["t"]);
    let publisher = host.publisher("t").unwrap();
    publisher.publish(0u64.to_le_bytes()).unwrap();
    assert_eq!(number(&subscriber), 0);
    proxy.cut();
    eventually("the host misses the link", || publisher.subscribers() == 0);
    for n in 1..6u64 {
        publisher.publish(n.to_le_bytes()).unwrap();
    }
    proxy.restore();
    host.wait_subscribers("t", 1, WAIT).unwrap();
    assert_lost(&subscriber, &host);
    let gap = next(&subscriber);
    assert!(
        matches!(
            gap,
            Delivery::Gap {
                missed: Some(5),
                ..
            }
        ),
        "{gap:?}"
    );
    publisher.publish(6u64.to_le_bytes()).unwrap();
    assert_eq!(number(&subscriber), 6);
    assert_eq!(client.stats().missed_messages, 5);
}
