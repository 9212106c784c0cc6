//! Closing: what is queued is sent within the linger time.

mod common;

use std::time::{Duration, Instant};

use common::proxy::Proxy;
use common::*;
use serverlink::{Context, Delivery, Overflow, StartError};

#[test]
fn what_a_closing_publisher_has_queued_arrives() {
    const COUNT: u64 = 2_000;
    for round in 0..5 {
        let host = quick()
            .options(|options| {
                options.send_hwm = 0;
                options.linger = Some(WAIT);
            })
            .bind("tcp://127.0.0.1:0")
            .start()
            .unwrap();
        let publisher = host.create_topic("t").unwrap();
        let client = joined(&[&host]);
        let subscriber = subscribed_with(&client, &["t"], Overflow::DropNewest, 0);
        let mut payload = vec![round; 4_000];
        for n in 0..COUNT {
            payload[..8].copy_from_slice(&n.to_le_bytes());
            publisher.publish(&payload).unwrap();
        }
        host.close();
        assert_eq!(take_run(&subscriber, COUNT).received, COUNT);
        assert!(matches!(next(&subscriber), Delivery::PeerLost { .. }));
    }
}

#[test]
fn what_was_published_at_an_owner_before_closing_arrives() {
    let (host, client) = hosting(&["t"]);
    let subscriber = subscribed_with(&host, &["t"], Overflow::DropNewest, 0);
    for n in 0..1_000u64 {
        client.publish("t", n.to_le_bytes()).unwrap();
    }
    client.close();
    assert_eq!(take_run(&subscriber, 1_000).received, 1_000);
}

#[test]
fn a_dropped_node_is_closed_and_lingers_too() {
    let (host, client) = hosting(&["t"]);
    let subscriber = subscribed(&client, &["t"]);
    for n in 0..500u64 {
        host.publish("t", n.to_le_bytes()).unwrap();
    }
    drop(host);
    assert_eq!(take_run(&subscriber, 500).received, 500);
}

#[test]
fn a_node_lives_as_long_as_its_last_handle() {
    let (host, client) = hosting(&["t"]);
    let subscriber = subscribed(&client, &["t"]);
    let publisher = host.publisher("t").unwrap();
    drop(host);
    publisher.publish("1").unwrap();
    assert_eq!(text(&subscriber), "1");
    drop(publisher);
    assert!(matches!(next(&subscriber), Delivery::PeerLost { .. }));
}

#[test]
fn closing_gives_up_on_a_silent_peer_when_the_linger_time_is_over() {
    let host = quick()
        .options(|options| options.linger = Some(Duration::from_millis(100)))
        .bind("tcp://127.0.0.1:0")
        .topic("t")
        .start()
        .unwrap();
    let proxy = Proxy::before(&endpoint(&host));
    let client = quick().peer(&proxy.endpoint).start().unwrap();
    client.sync(WAIT).unwrap();
    let _subscriber = subscribed(&client, &["t"]);
    proxy.silence();
    for _ in 0..200 {
        host.publish("t", vec![0; 128 * 1024]).unwrap();
    }
    let begun = Instant::now();
    host.close();
    assert!(
        begun.elapsed() < WAIT / 3,
        "a generous deadline for a linger time of 100 ms"
    );
    proxy.cut();
}

#[test]
fn closing_a_context_closes_its_nodes_and_refuses_new_ones() {
    let context = Context::new().unwrap();
    let nodes = [
        context.node().start().unwrap(),
        context.node().start().unwrap(),
    ];
    let waiting = nodes[1].subscriber();
    std::thread::scope(|scope| {
        let blocked = scope.spawn(|| waiting.recv());
        context.close();
        assert_eq!(blocked.join().unwrap(), Err(serverlink::RecvError::Closed));
    });
    for node in nodes {
        assert!(node.create_topic("t").is_err());
    }
    assert!(matches!(
        context.node().start(),
        Err(StartError::ContextClosed)
    ));
}
