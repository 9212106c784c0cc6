//! Full queues: the four overflow policies, here and over a link, and that one slow subscriber is its own problem.

mod common;

use std::thread;
use std::time::Duration;

use common::*;
use serverlink::{
    Context, Delivery, Event, Events, Node, Overflow, PublishError, RecvError, Subscriber,
};

const COUNT: u64 = 5_000;

fn publish_numbers(node: &Node, topic: &str, count: u64) {
    let publisher = node.publisher(topic).unwrap();
    for n in 0..count {
        publisher.publish_timeout(n.to_le_bytes(), WAIT).unwrap();
    }
}

/// A node without a network that hosts "t".
fn local() -> Node {
    quick().topic("t").start().unwrap()
}

/// Waits until all that was published over a link is queued or counted as lost at the sleeping subscriber.
fn settled(client: &Node, subscriber: &Subscriber, count: u64) {
    eventually("everything is queued or counted", || {
        let stats = client.stats();
        subscriber.queued() as u64 + stats.dropped_at_receiver + stats.missed_messages == count
    });
}

#[test]
fn drop_newest_keeps_the_first_and_reports_the_rest() {
    let node = local();
    let subscriber = subscribed_with(&node, &["t"], Overflow::DropNewest, 10);
    publish_numbers(&node, "t", 100);
    assert_eq!(subscriber.queued(), 10);
    let run = take_run(&subscriber, 100);
    assert_eq!((run.received, run.missed, run.last), (10, 90, Some(9)));
    assert_eq!(node.stats().dropped_at_receiver, 90);
    assert_empty(&subscriber);
}

#[test]
fn drop_oldest_keeps_the_last_and_reports_the_rest() {
    let node = local();
    let subscriber = subscribed_with(&node, &["t"], Overflow::DropOldest, 10);
    publish_numbers(&node, "t", 100);
    assert_eq!(subscriber.queued(), 10);
    let first = next(&subscriber);
    assert!(
        matches!(
            first,
            Delivery::Gap {
                missed: Some(90),
                ..
            }
        ),
        "{first:?}"
    );
    for n in 90..100 {
        assert_eq!(number(&subscriber), n);
    }
    assert_empty(&subscriber);
}

#[test]
fn drop_newest_over_a_link_accounts_for_every_message() {
    let (host, client) = hosting(&["t"]);
    let subscriber = subscribed_with(&client, &["t"], Overflow::DropNewest, 10);
    publish_numbers(&host, "t", COUNT);
    settled(&client, &subscriber, COUNT);
    assert_eq!(subscriber.queued(), 10);
    let run = take_run(&subscriber, COUNT);
    assert_eq!((run.received, run.last), (10, Some(9)));
    assert_empty(&subscriber);
}

#[test]
fn drop_oldest_over_a_link_accounts_for_every_message() {
    let (host, client) = hosting(&["t"]);
    let subscriber = subscribed_with(&client, &["t"], Overflow::DropOldest, 10);
    publish_numbers(&host, "t", COUNT);
    settled(&client, &subscriber, COUNT);
    let run = take_run(&subscriber, COUNT);
    assert_eq!((run.received, run.last), (10, Some(COUNT - 1)));
    assert_empty(&subscriber);
}

#[test]
fn a_full_link_drops_and_reports_exactly() {
    for overflow in [Overflow::DropNewest, Overflow::DropOldest] {
        let (host, proxy, client) = through_proxy(8, &["t", "u"]);
        let subscriber = subscribed_with(&client, &["t"], overflow, 0);
        proxy.silence();
        let mut payload = vec![0; 128 * 1024];
        for n in 0..200u64 {
            payload[..8].copy_from_slice(&n.to_le_bytes());
            host.publish("t", &payload).unwrap();
        }
        assert!(host.stats().dropped_at_sender > 0, "the link was full");
        proxy.restore();
        let run = take_run(&subscriber, 200);
        assert_eq!(run.missed, host.stats().dropped_at_sender);
        if overflow == Overflow::DropOldest {
            assert_eq!(run.last, Some(199));
        }
        assert_empty(&subscriber);
    }
}

#[test]
fn block_loses_nothing() {
    let context = Context::new().unwrap();
    let (host, near) = (
        context.node().start().unwrap(),
        context.node().start().unwrap(),
    );
    host.bind("tcp://127.0.0.1:0").unwrap();
    host.create_topic("t").unwrap();
    let subscriber_near = subscribed_with(&near, &["t"], Overflow::Block, 3);
    let far = joined(&[&host]);
    let subscribers = [
        subscribed_with(&host, &["t"], Overflow::Block, 1),
        subscriber_near,
        subscribed_with(&far, &["t"], Overflow::Block, 7),
    ];
    thread::scope(|scope| {
        scope.spawn(|| publish_numbers(&host, "t", COUNT));
        for subscriber in &subscribers {
            scope.spawn(|| assert_eq!(take_run(subscriber, COUNT).received, COUNT));
        }
    });
}

#[test]
fn disconnect_ends_the_slow_subscription_with_an_event() {
    let node = local();
    let events = node.events();
    let slow = subscribed_with(&node, &["t"], Overflow::Disconnect, 4);
    let other = subscribed(&node, &["t"]);
    publish_numbers(&node, "t", 10);
    event(&events, |event| {
        matches!(event, Event::SlowSubscriber { .. })
    });
    assert_eq!(node.publisher("t").unwrap().subscribers(), 1);
    for n in 0..4 {
        assert_eq!(number(&slow), n);
    }
    assert_eq!(next(&slow), Delivery::Ended);
    assert_empty(&slow);
    assert_eq!(take_run(&other, 10).received, 10);

    slow.subscribe("t").unwrap();
    node.publish("t", "again").unwrap();
    assert_eq!(text(&slow), "again");
}

#[test]
fn disconnect_over_a_link_ends_the_slow_subscription_and_not_the_link() {
    let (host, client) = hosting(&["t", "u"]);
    let events = client.events();
    let slow = subscribed_with(&client, &["t", "u"], Overflow::Disconnect, 4);
    let other = subscribed_with(&client, &["t"], Overflow::Block, 100);
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(take_run(&other, COUNT).received, COUNT));
        publish_numbers(&host, "t", COUNT);
    });
    event(&events, |event| {
        matches!(event, Event::SlowSubscriber { .. })
    });
    for n in 0..4 {
        assert_eq!(number(&slow), n);
    }
    assert_eq!(next(&slow), Delivery::Ended);
    assert_empty(&slow);
    for stats in [host.stats(), client.stats()] {
        assert_eq!((stats.links, stats.reconnects), (1, 0));
    }

    slow.subscribe("u").unwrap();
    slow.wait_subscribed(WAIT).unwrap();
    host.publish("t", "cancelled").unwrap();
    host.publish("u", "again").unwrap();
    assert_eq!(text(&slow), "again");
    assert_eq!(slow.try_recv(), Err(RecvError::Empty));
}

#[test]
fn disconnect_at_a_full_link_ends_the_subscription_and_not_the_link() {
    let (host, proxy, client) = through_proxy(8, &["t", "u"]);
    let events = host.events();
    let slow = subscribed_with(&client, &["t"], Overflow::Disconnect, 0);
    let other = subscribed_with(&client, &["u"], Overflow::DropNewest, 0);
    proxy.silence();
    let mut payload = vec![0; 128 * 1024];
    let mut published = 0u64;
    while host.publisher("t").unwrap().subscribers() > 0 {
        payload[..8].copy_from_slice(&published.to_le_bytes());
        host.publish("t", &payload).unwrap();
        published += 1;
    }
    event(&events, |event| {
        matches!(event, Event::SlowSubscriber { .. })
    });
    proxy.restore();
    let mut received = 0;
    loop {
        match next(&slow) {
            Delivery::Message(message) => {
                assert_eq!(number_in(message.data()), received);
                received += 1;
            }
            Delivery::Gap { .. } => {}
            other => {
                assert_eq!(other, Delivery::Ended);
                break;
            }
        }
    }
    assert!(received < published);
    host.publish("u", "the link goes on").unwrap();
    assert_eq!(text(&other), "the link goes on");
    assert_eq!(client.stats().reconnects, 0);
}

#[test]
fn block_holds_up_the_publisher_of_that_topic_only() {
    let host = bound();
    host.create_topic("held").unwrap();
    host.create_topic("free").unwrap();
    let client = quick()
        .options(|options| options.heartbeat_interval = Duration::from_millis(20))
        .peer(endpoint(&host))
        .start()
        .unwrap();
    client.sync(WAIT).unwrap();
    let asleep = subscribed_with(&client, &["held"], Overflow::Block, 10);
    let awake = subscribed_with(&client, &["free"], Overflow::Block, 10);
    thread::scope(|scope| {
        let held = scope.spawn(|| publish_numbers(&host, "held", 100));
        eventually("the publisher is held up", || asleep.queued() == 10);
        scope.spawn(|| publish_numbers(&host, "free", COUNT));
        assert_eq!(take_run(&awake, COUNT).received, COUNT);
        for _ in 0..20 {
            client.sync(WAIT).unwrap();
            host.sync(WAIT).unwrap();
        }
        // Longer than the time after which a silent peer is dead.
        assert_eq!(
            awake.recv_timeout(Duration::from_millis(100)),
            Err(RecvError::Empty)
        );
        assert!(!held.is_finished());
        assert_eq!(asleep.queued(), 10);
        assert_eq!(
            host.publisher("held").unwrap().try_publish(""),
            full("held")
        );
        assert_eq!(take_run(&asleep, 100).received, 100);
    });
    assert_eq!((client.stats().links, client.stats().reconnects), (1, 0));
}

fn full(topic: &str) -> Result<(), PublishError> {
    Err(PublishError::Full {
        topic: topic.into(),
    })
}

#[test]
fn a_slow_subscriber_starves_no_other_of_the_same_topic() {
    let (host, client) = hosting(&["t"]);
    for node in [&host, &client] {
        let _slow = [
            Overflow::DropNewest,
            Overflow::DropOldest,
            Overflow::Disconnect,
        ]
        .map(|overflow| subscribed_with(node, &["t"], overflow, 1));
        let fast = subscribed_with(node, &["t"], Overflow::Block, 100);
        thread::scope(|scope| {
            scope.spawn(|| publish_numbers(&host, "t", COUNT));
            assert_eq!(take_run(&fast, COUNT).received, COUNT);
        });
    }
}

#[test]
fn a_stalled_link_starves_no_other_link() {
    let (host, proxy, stalled) = through_proxy(8, &["t", "u"]);
    let slow = subscribed_with(&stalled, &["t"], Overflow::DropNewest, 0);
    let client = joined(&[&host]);
    let fast = subscribed_with(&client, &["t"], Overflow::Block, 100);
    proxy.silence();
    thread::scope(|scope| {
        scope.spawn(|| publish_numbers(&host, "t", COUNT));
        assert_eq!(take_run(&fast, COUNT).received, COUNT);
    });
    proxy.restore();
    take_run(&slow, COUNT);
}

/// How many messages of "t" the next gap among the events says are missing.
fn next_gap(events: &Events) -> u64 {
    let next = || events.next_timeout(WAIT).unwrap();
    let gap = std::iter::repeat_with(next).find_map(|event| match event {
        Event::Gap { topic, missed } => Some((topic, missed)),
        _ => None,
    });
    let (topic, missed) = gap.unwrap();
    assert_eq!(&*topic, "t");
    missed.unwrap()
}

#[test]
fn losses_are_counted_and_told_as_events_when_gaps_are_not_received() {
    let (host, client) = hosting(&["t"]);
    for node in [&host, &client] {
        let events = node.events();
        let subscriber = subscribed_with(node, &["t"], Overflow::DropNewest, 1);
        subscriber
            .configure(|options| options.tell_gaps = false)
            .unwrap();
        publish_numbers(&host, "t", 100);
        settled(node, &subscriber, 100);
        assert_eq!(number(&subscriber), 0);
        assert_empty(&subscriber);
        assert_eq!(next_gap(&events), 99);
        let stats = node.stats();
        assert_eq!((stats.dropped_at_receiver, stats.gaps), (99, 0));
    }
}
