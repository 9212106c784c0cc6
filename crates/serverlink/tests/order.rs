//! Order: per publisher and topic first in, first out, and one thread's topics in its order.

mod common;

use std::thread;

use common::*;
use serverlink::{Context, Delivery, Node, Overflow, Subscriber};

const TOPICS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// One thread publishes on several topics in turn; the subscriber gets them in that order.
fn assert_one_threads_order(publisher: &Node, subscriber: &Subscriber, count: u64) {
    let publishers = TOPICS.map(|topic| publisher.publisher(topic).unwrap());
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..count {
                // Not in turn: some topics twice in a row.
                let publisher = &publishers[(n * n % 7) as usize % TOPICS.len()];
                publisher.publish_timeout(n.to_le_bytes(), WAIT).unwrap();
            }
        });
        for n in 0..count {
            assert_eq!(number(subscriber), n);
        }
    });
}

#[test]
fn one_threads_topics_are_received_in_its_order_in_the_process() {
    let context = Context::new().unwrap();
    let (host, client) = (
        context.node().start().unwrap(),
        context.node().start().unwrap(),
    );
    for topic in TOPICS {
        host.create_topic(topic).unwrap();
    }
    for node in [&host, &client] {
        let subscriber = subscribed_with(node, &TOPICS, Overflow::Block, 16);
        assert_one_threads_order(&host, &subscriber, 5_000);
        assert_one_threads_order(&client, &subscriber, 5_000);
    }
}

#[test]
fn one_threads_topics_are_received_in_its_order_over_a_link() {
    let (host, client) = hosting(&TOPICS);
    let subscriber = subscribed_with(&client, &TOPICS, Overflow::Block, 100);
    assert_one_threads_order(&host, &subscriber, 20_000);
    let pattern = subscribed_with(&client, &["?"], Overflow::Block, 100);
    drop(subscriber);
    assert_one_threads_order(&host, &pattern, 20_000);
}

#[test]
fn what_one_thread_publishes_at_an_owner_is_received_there_in_its_order() {
    let (host, client) = hosting(&TOPICS);
    let subscriber = subscribed_with(&host, &["*"], Overflow::DropNewest, 0);
    assert_one_threads_order(&client, &subscriber, 20_000);
}

/// Several threads publish on one topic; every thread's messages arrive in its order, all of them, once.
fn assert_all_threads_order(publisher: &Node, subscriber: &Subscriber, threads: u64, each: u64) {
    let publisher = publisher.publisher("t").unwrap();
    thread::scope(|scope| {
        for thread in 0..threads {
            let publisher = publisher.clone();
            scope.spawn(move || {
                for n in 0..each {
                    let number = thread << 32 | n;
                    publisher
                        .publish_timeout(number.to_le_bytes(), WAIT)
                        .unwrap();
                }
            });
        }
        let mut expected = vec![0; threads as usize];
        for _ in 0..threads * each {
            let number = number(subscriber);
            let next = &mut expected[(number >> 32) as usize];
            assert_eq!(number & 0xffff_ffff, *next, "in the order of its thread");
            *next += 1;
        }
        assert_eq!(expected, vec![each; threads as usize]);
    });
    assert_empty(subscriber);
}

#[test]
fn four_threads_lose_and_reorder_nothing_at_a_remote_blocking_subscriber() {
    let (host, client) = hosting(&["t"]);
    let subscriber = subscribed_with(&client, &["t"], Overflow::Block, 1000);
    assert_all_threads_order(&host, &subscriber, 4, 10_000);
}

#[test]
fn four_threads_lose_and_reorder_nothing_at_two_subscribers_of_small_queues() {
    let (host, client) = hosting(&["t"]);
    let here = subscribed_with(&host, &["t"], Overflow::Block, 8);
    let there = subscribed_with(&client, &["t"], Overflow::Block, 8);
    thread::scope(|scope| {
        let drained = scope.spawn(|| {
            let mut got: Vec<u64> = (0..8_000).map(|_| number(&here)).collect();
            got.sort_unstable();
            got.dedup();
            got.len()
        });
        assert_all_threads_order(&host, &there, 4, 2_000);
        assert_eq!(drained.join().unwrap(), 8_000);
    });
}

#[test]
fn remote_publishers_of_several_nodes_keep_each_its_order() {
    let host = bound();
    host.create_topic("t").unwrap();
    let subscriber = subscribed_with(&host, &["t"], Overflow::DropNewest, 0);
    let clients = [joined(&[&host]), joined(&[&host]), joined(&[&host])];
    thread::scope(|scope| {
        for (client, id) in clients.iter().zip(0u64..) {
            scope.spawn(move || {
                for n in 0..5_000u64 {
                    client.publish("t", (id << 32 | n).to_le_bytes()).unwrap();
                }
            });
        }
    });
    let mut expected = [0; 3];
    for _ in 0..15_000 {
        let number = number(&subscriber);
        let next = &mut expected[(number >> 32) as usize];
        assert_eq!(number & 0xffff_ffff, *next);
        *next += 1;
    }
}

#[test]
fn many_threads_publish_and_receive_on_one_node_at_once() {
    const EACH: u64 = 1_000;
    let (host, client) = hosting(&TOPICS);
    let pairs: Vec<(&Node, &str)> = [&host, &client]
        .into_iter()
        .flat_map(|node| TOPICS.map(|topic| (node, topic)))
        .collect();
    let subscribers: Vec<Subscriber> = pairs
        .iter()
        .map(|(node, topic)| subscribed_with(node, &[topic], Overflow::Block, 64))
        .collect();
    thread::scope(|scope| {
        for topic in TOPICS {
            let publisher = host.publisher(topic).unwrap();
            scope.spawn(move || {
                for n in 0..EACH {
                    publisher.publish_timeout(n.to_le_bytes(), WAIT).unwrap();
                }
            });
        }
        for subscriber in &subscribers {
            scope.spawn(move || assert_eq!(take_run(subscriber, EACH).received, EACH));
        }
        // Control calls meanwhile.
        for n in 0..50 {
            let topic = format!("x{n}");
            host.create_topic(&topic).unwrap();
            drop(client.subscribe([topic.as_str()]));
            host.destroy_topic(&topic).unwrap();
            client.sync(WAIT).unwrap();
        }
    });
}

#[test]
fn a_gap_stands_where_the_messages_would_have_been() {
    let node = quick().start().unwrap();
    node.create_topic("a").unwrap();
    node.create_topic("b").unwrap();
    let subscriber = subscribed_with(&node, &["a", "b"], Overflow::DropNewest, 2);
    let publish = |topic, n: u64| node.publish(topic, n.to_le_bytes()).unwrap();
    publish("a", 0);
    publish("b", 1);
    publish("a", 2);
    publish("a", 3);
    publish("b", 4);
    assert_eq!(number(&subscriber), 0);
    publish("a", 5);
    let mut got = Vec::new();
    while let Ok(delivery) = subscriber.try_recv() {
        got.push(match delivery {
            Delivery::Message(message) => {
                format!("{}{}", message.topic(), number_in(message.data()))
            }
            Delivery::Gap { topic, missed } => format!("{topic}-{}", missed.unwrap()),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(got, ["b1", "a-2", "a5", "b-1"]);
}

/// Messages of one topic that are read together are heard together: what is between them must stay there.
#[test]
fn messages_of_all_sizes_that_arrive_together_are_received_by_all_in_their_order() {
    const MESSAGES: u64 = 4_000;
    let (host, client) = hosting(&TOPICS);
    let subscribers: Vec<Subscriber> = (0..3)
        .map(|_| subscribed_with(&client, &["*"], Overflow::Block, 2_000))
        .collect();
    thread::scope(|scope| {
        for subscriber in &subscribers {
            scope.spawn(move || (0..MESSAGES).for_each(|n| assert_sized(subscriber, n)));
        }
        let publishers = TOPICS.map(|topic| host.publisher(topic).unwrap());
        for n in 0..MESSAGES {
            // Runs of one to a hundred messages, then another topic.
            let publisher = &publishers[(n / (n / 100 + 1)) as usize % TOPICS.len()];
            publisher.publish_timeout(sized(n), WAIT).unwrap();
        }
    });
}

/// A message with a number: mostly small, at times too large to be read at once.
fn sized(n: u64) -> Vec<u8> {
    let len = match n % 97 {
        13 => 1_000,
        50 => 100_000,
        other => 8 + other as usize,
    };
    let mut data = vec![n as u8; len];
    data[..8].copy_from_slice(&n.to_le_bytes());
    data
}

#[track_caller]
fn assert_sized(subscriber: &Subscriber, n: u64) {
    match next(subscriber) {
        Delivery::Message(message) => assert!(message.data() == sized(n), "message {n}"),
        other => panic!("{other:?} instead of message {n}"),
    }
}
