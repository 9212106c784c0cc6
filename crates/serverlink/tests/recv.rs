//! Receiving, and cancelling subscriptions.

mod common;

use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::Duration;

use common::*;
use serverlink::{
    Delivery, Node, Overflow, PublishError, RecvError, RecvIntoError, SubscribeError, Subscriber,
    SyncError, UnsubscribeError, Wait, WaitError,
};

fn local(topics: &[&str]) -> Node {
    let node = quick().start().unwrap();
    for topic in topics {
        node.create_topic(topic).unwrap();
    }
    node
}

#[test]
fn a_message_too_large_for_the_buffers_stays_first_in_line() {
    let node = local(&["topic"]);
    let subscriber = node.subscribe(["topic"]).unwrap();
    node.publish("topic", "first").unwrap();
    node.publish("topic", "second").unwrap();
    let too_small = RecvIntoError::TooSmall {
        topic_len: 5,
        data_len: 5,
    };
    let (mut topic, mut data) = ([0; 5], [0; 6]);
    for (topic_size, data_size) in [(5, 4), (4, 5), (0, 0)] {
        for wait in [Wait::Never, Wait::Forever, Wait::Default] {
            let told = subscriber.recv_into(&mut topic[..topic_size], &mut data[..data_size], wait);
            assert_eq!(told, Err(too_small.clone()));
        }
    }
    assert_eq!(subscriber.queued(), 2);
    assert_eq!(
        subscriber.recv_into(&mut topic, &mut data[..5], Wait::Never),
        Ok((5, 5))
    );
    assert_eq!((&topic, &data[..5]), (b"topic", &b"first"[..]));
    assert_eq!(
        subscriber.recv_into(&mut topic, &mut data, Wait::Never),
        Ok((5, 6))
    );
    assert_eq!(&data, b"second");
    let empty = subscriber.recv_into(&mut topic, &mut data, Wait::Never);
    assert_eq!(empty, Err(RecvIntoError::Empty));
}

#[test]
fn nothing_there_is_told_when_the_time_is_up() {
    let node = local(&["t"]);
    let subscriber = node.subscribe(["t"]).unwrap();
    let short = Duration::from_millis(5);
    assert_eq!(subscriber.try_recv(), Err(RecvError::Empty));
    assert_eq!(subscriber.recv_timeout(short), Err(RecvError::Empty));
    assert_eq!(
        subscriber.recv_timeout(Duration::ZERO),
        Err(RecvError::Empty)
    );
    assert_eq!(
        subscriber.recv_wait(Wait::For(short)),
        Err(RecvError::Empty)
    );
    subscriber
        .configure(|options| options.recv_timeout = Some(short))
        .unwrap();
    assert_eq!(subscriber.recv(), Err(RecvError::Empty));
    assert_eq!(subscriber.recv_wait(Wait::Default), Err(RecvError::Empty));
    let told = subscriber.recv_into(&mut [], &mut [], Wait::Default);
    assert_eq!(told, Err(RecvIntoError::Empty));
}

#[test]
fn a_receive_without_limit_waits_past_the_receive_timeout() {
    let node = local(&["t"]);
    let subscriber = node.subscribe(["t"]).unwrap();
    subscriber
        .configure(|options| options.recv_timeout = Some(Duration::from_millis(1)))
        .unwrap();
    let (told, waiting) = mpsc::channel();
    thread::scope(|scope| {
        let receiver = scope.spawn(|| {
            assert_eq!(subscriber.recv(), Err(RecvError::Empty));
            told.send(()).unwrap();
            subscriber.recv_wait(Wait::Forever)
        });
        waiting.recv().unwrap();
        node.publish("t", "1").unwrap();
        let got = receiver.join().unwrap().unwrap();
        assert_eq!(got.into_message().unwrap().data(), b"1");
    });
}

#[test]
fn a_blocked_receive_hinders_no_other_call() {
    let (host, client) = hosting(&["t", "u"]);
    let subscriber = subscribed(&client, &["t"]);
    thread::scope(|scope| {
        let receiver = scope.spawn(|| text(&subscriber));
        subscriber.subscribe("u").unwrap();
        subscriber.subscribe_pattern("v*").unwrap();
        subscriber.wait_subscribed(WAIT).unwrap();
        subscriber.unsubscribe("u").unwrap();
        subscriber.configure(|options| options.hwm = 10).unwrap();
        assert_eq!(subscriber.queued(), 0);
        subscriber.poll_fd().unwrap();
        assert_empty(&subscriber);
        client.create_topic("mine").unwrap();
        client.publish("mine", "1").unwrap();
        client.bind("tcp://127.0.0.1:0").unwrap();
        client.sync(WAIT).unwrap();
        let _ = client.stats();
        client.destroy_topic("mine").unwrap();
        host.publish("t", "1").unwrap();
        assert_eq!(receiver.join().unwrap(), "1");
    });
}

#[test]
fn closing_ends_every_blocked_call() {
    let (_mute, mute) = mute_listener();
    let (host, client) = hosting(&["t"]);
    let full = subscribed_with(&client, &["t"], Overflow::Block, 1);
    let full_here = subscribed_with(&host, &["t"], Overflow::Block, 1);
    let idle = host.subscriber();
    let events = host.events();
    host.create_topic("far").unwrap();
    let _full_far = subscribed_with(&client, &["far"], Overflow::Block, 1);
    host.publish("t", "1").unwrap();
    host.publish("far", "1").unwrap();
    host.add_peer(&mute).unwrap();
    let closed = Err(RecvError::Closed);
    let calls: [(&str, &(dyn Fn() -> bool + Sync)); 7] = [
        ("receive", &|| idle.recv() == closed),
        ("receive into", &|| {
            idle.recv_into(&mut [], &mut [], Wait::Forever) == Err(RecvIntoError::Closed)
        }),
        ("publish here", &|| {
            host.publish("t", "2") == Err(PublishError::Closed)
        }),
        ("publish over a link", &|| {
            host.publish("far", "2") == Err(PublishError::Closed)
        }),
        ("sync", &|| host.sync(WAIT * 2) == Err(SyncError::Closed)),
        ("wait for subscribers", &|| {
            host.wait_subscribers("t", 9, WAIT * 2) == Err(WaitError::Closed)
        }),
        ("events", &|| events_end(&events).is_none()),
    ];
    let begun = &Barrier::new(calls.len() + 1);
    thread::scope(|scope| {
        for (name, call) in calls {
            scope.spawn(move || {
                begun.wait();
                assert!(call(), "{name}");
            });
        }
        begun.wait();
        host.close();
    });
    drop((full, full_here));
}

/// The last of the events.
fn events_end(events: &serverlink::Events) -> Option<serverlink::Event> {
    while events.next_timeout(WAIT * 2).is_some() {}
    events.try_next()
}

#[test]
fn a_closed_node_answers_every_call_with_closed() {
    let node = bound();
    node.create_topic("t").unwrap();
    let subscriber = node.subscribe(["t"]).unwrap();
    node.publish("t", "queued").unwrap();
    node.close();
    node.close();
    assert_eq!(subscriber.recv(), Err(RecvError::Closed));
    assert_eq!(subscriber.subscribe("t"), Err(SubscribeError::Closed));
    assert_eq!(subscriber.unsubscribe("t"), Err(UnsubscribeError::Closed));
    assert_eq!(subscriber.wait_subscribed(WAIT), Err(WaitError::Closed));
    assert_eq!(subscriber.iter().next(), None);
    assert!(node.create_topic("u").is_err());
    assert!(node.destroy_topic("t").is_err());
    assert!(node.route_topic("u", "tcp://127.0.0.1:1").is_err());
    assert!(node.bind("tcp://127.0.0.1:0").is_err());
    assert!(node.add_peer("tcp://127.0.0.1:1").is_err());
    assert!(node.remove_peer("tcp://127.0.0.1:1").is_err());
    assert!(node.configure(|options| options.send_hwm = 1).is_err());
    assert_eq!(node.sync(WAIT), Err(SyncError::Closed));
}

#[test]
fn each_delivery_goes_to_one_of_the_receiving_threads() {
    const COUNT: u64 = 2000;
    let (host, client) = hosting(&["t"]);
    let subscriber = subscribed_with(&client, &["t"], Overflow::Block, 100);
    let publisher = host.publisher("t").unwrap();
    let mut got: Vec<u64> = thread::scope(|scope| {
        let receivers = [(); 4].map(|()| {
            scope.spawn(|| {
                let mut got = Vec::new();
                loop {
                    let number = number(&subscriber);
                    if number == u64::MAX {
                        return got;
                    }
                    got.push(number);
                }
            })
        });
        let ends = [u64::MAX; 4];
        for number in (0..COUNT).chain(ends) {
            publisher
                .publish_timeout(number.to_le_bytes(), WAIT)
                .unwrap();
        }
        receivers
            .into_iter()
            .flat_map(|receiver| receiver.join().unwrap())
            .collect()
    });
    got.sort_unstable();
    assert!(got.into_iter().eq(0..COUNT));
}

/// What is queued now, as text.
fn queued(subscriber: &Subscriber) -> Vec<String> {
    (0..subscriber.queued()).map(|_| text(subscriber)).collect()
}

#[test]
fn cancelling_discards_what_is_queued_for_that_filter_alone() {
    let (host, client) = hosting(&["a:1", "a:2", "b", "end"]);
    for node in [&host, &client] {
        let subscriber = subscribed(node, &["a:1", "a:*", "b", "end"]);
        for topic in ["a:1", "a:2", "b", "a:1", "end"] {
            host.publish(topic, topic).unwrap();
        }
        eventually("all is queued", || subscriber.queued() == 5);
        subscriber.unsubscribe("a:*").unwrap();
        assert_eq!(
            subscriber.queued(),
            4,
            "a:1 is wanted by its own name still"
        );
        subscriber.unsubscribe("b").unwrap();
        assert_eq!(queued(&subscriber), ["a:1", "a:1", "end"]);
        assert_empty(&subscriber);
    }
}

#[test]
fn cancelling_discards_gaps_too() {
    let node = local(&["a", "b"]);
    let subscriber = subscribed_with(&node, &["a", "b"], Overflow::DropNewest, 1);
    for topic in ["a", "a", "b", "b"] {
        node.publish(topic, "").unwrap();
    }
    subscriber.unsubscribe("b").unwrap();
    assert_eq!(message(&subscriber).0, "a");
    let gap = next(&subscriber);
    assert!(
        matches!(gap, Delivery::Gap { ref topic, missed: Some(1) } if &**topic == "a"),
        "{gap:?}"
    );
    assert_empty(&subscriber);
}

#[test]
fn cancelling_takes_effect_at_once() {
    let (host, client) = hosting(&["t"]);
    let subscriber = subscribed(&client, &["t"]);
    thread::scope(|scope| {
        let (stop, stopped) = mpsc::channel::<()>();
        let publisher = host.publisher("t").unwrap();
        scope.spawn(move || {
            while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
                publisher.publish("").unwrap();
            }
        });
        for _ in 0..20 {
            assert!(matches!(
                next(&subscriber),
                Delivery::Message(_) | Delivery::Gap { .. }
            ));
            subscriber.unsubscribe("t").unwrap();
            for _ in 0..100 {
                assert_empty(&subscriber);
            }
            subscriber.subscribe("t").unwrap();
        }
        stop.send(()).unwrap();
    });
}

#[test]
fn what_was_missed_while_cancelled_is_no_loss() {
    let (host, client) = hosting(&["t"]);
    let subscriber = subscribed(&client, &["t"]);
    host.publish("t", "1").unwrap();
    assert_eq!(text(&subscriber), "1");
    subscriber.unsubscribe("t").unwrap();
    host.publish("t", "2").unwrap();
    client.sync(WAIT).unwrap();
    host.publish("t", "3").unwrap();
    subscriber.subscribe("t").unwrap();
    subscriber.wait_subscribed(WAIT).unwrap();
    host.publish("t", "4").unwrap();
    assert_eq!(text(&subscriber), "4");
    assert_empty(&subscriber);
}

#[test]
fn cancelling_gives_the_room_of_discarded_messages_back() {
    let (host, client) = hosting(&["t", "u"]);
    for node in [&host, &client] {
        let subscriber = subscribed_with(node, &["t", "u"], Overflow::Block, 4);
        let (t, u) = (host.publisher("t").unwrap(), host.publisher("u").unwrap());
        for _ in 0..4 {
            t.try_publish("").unwrap();
        }
        assert!(matches!(u.try_publish(""), Err(PublishError::Full { .. })));
        eventually("all is queued", || subscriber.queued() == 4);
        subscriber.unsubscribe("t").unwrap();
        for _ in 0..4 {
            u.publish_timeout("", WAIT).unwrap();
            assert_eq!(message(&subscriber).0, "u");
        }
    }
}

#[test]
fn cancelling_what_is_not_subscribed_is_an_error() {
    let node = local(&["t"]);
    let subscriber = node.subscribe(["t"]).unwrap();
    for filter in ["u", "t*", ""] {
        assert!(matches!(
            subscriber.unsubscribe(filter),
            Err(UnsubscribeError::NotSubscribed { filter: told }) if told == filter
        ));
    }
    subscriber.unsubscribe("t").unwrap();
    assert!(subscriber.unsubscribe("t").is_err());
}

#[test]
fn dropping_a_subscriber_cancels_its_subscriptions() {
    let (host, client) = hosting(&["t"]);
    let publisher = host.publisher("t").unwrap();
    for node in [&host, &client] {
        drop(subscribed(node, &["t", "*"]));
        eventually("nobody listens", || publisher.subscribers() == 0);
        assert_eq!(node.stats().subscriptions, 0);
    }
}

#[test]
fn a_blocked_publisher_goes_on_when_its_subscriber_cancels() {
    let (host, client) = hosting(&["t", "u"]);
    let publisher = host.publisher("t").unwrap();
    let ways: [fn(Subscriber) -> Option<Subscriber>; 3] = [
        |_| None,
        |subscriber| {
            subscriber.unsubscribe("t").unwrap();
            Some(subscriber)
        },
        |subscriber| {
            let lets_go = subscriber.configure(|options| options.overflow = Overflow::DropNewest);
            lets_go.unwrap();
            Some(subscriber)
        },
    ];
    for node in [&host, &client] {
        for (way, cancel) in ways.iter().enumerate() {
            let subscriber = subscribed_with(node, &["t", "u"], Overflow::Block, 1);
            host.publish("u", "fills the queue").unwrap();
            eventually("the queue is full", || subscriber.queued() == 1);
            thread::scope(|scope| {
                let (begin, begun) = mpsc::channel();
                let blocked = scope.spawn({
                    let publisher = &publisher;
                    move || {
                        begin.send(()).unwrap();
                        publisher.publish_timeout("1", WAIT)
                    }
                });
                begun.recv().unwrap();
                assert!(matches!(
                    publisher.try_publish("0"),
                    Err(PublishError::Full { .. })
                ));
                let _kept = cancel(subscriber);
                assert_eq!(blocked.join().unwrap(), Ok(()), "way {way}");
            });
        }
    }
}
