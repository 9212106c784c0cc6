//! Publishing to a topic of another node, through its owner.

mod common;

use std::time::Duration;

use common::proxy::Proxy;
use common::{WAIT, bound, endpoint, eventually, joined, next, quick, subscribed, text};
use serverlink::{Delivery, Node, Overflow, PublishError, Subscriber};

/// An owner of `t` and `u`, and a publisher linked to it.
fn owner_and_publisher() -> (Node, Node) {
    let owner = Node::builder()
        .topic("t")
        .topic("u")
        .bind("tcp://127.0.0.1:0")
        .start()
        .unwrap();
    let publisher = Node::builder()
        .peer(owner.last_endpoint().unwrap())
        .start()
        .unwrap();
    publisher.sync(WAIT).unwrap();
    (owner, publisher)
}

fn blocking(node: &Node, topic: &str, hwm: usize) -> Subscriber {
    let subscriber = node.subscriber();
    subscriber
        .configure(|options| {
            options.overflow = Overflow::Block;
            options.hwm = hwm;
        })
        .unwrap();
    subscriber.subscribe(topic).unwrap();
    subscriber
}

/// Blocking subscribers to `t` with little room: one at its owner, one at a third node.
fn two_blocking(owner: &Node) -> (Node, Subscriber, Subscriber) {
    let third = joined(&[owner]);
    let at_owner = blocking(owner, "t", 10);
    let at_third = blocking(&third, "t", 10);
    at_third.wait_subscribed_to("t", WAIT).unwrap();
    (third, at_owner, at_third)
}

fn expect_numbers(subscriber: &Subscriber, count: u32) {
    for n in 0..count {
        match subscriber.recv_timeout(WAIT).unwrap() {
            Delivery::Message(message) => assert_eq!(message.data(), n.to_le_bytes()),
            other => panic!("{other:?} instead of message {n}"),
        }
    }
}

#[test]
fn a_remote_publisher_waits_for_blocking_subscribers_and_loses_nothing() {
    const COUNT: u32 = 20_000;
    let (owner, publisher) = owner_and_publisher();
    let (_third, at_owner, at_third) = two_blocking(&owner);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..COUNT {
                publisher.publish("t", n.to_le_bytes()).unwrap();
            }
        });
        scope.spawn(|| expect_numbers(&at_third, COUNT));
        expect_numbers(&at_owner, COUNT);
    });
}

#[test]
fn a_held_up_remote_publisher_holds_up_its_topic_alone() {
    let (owner, publisher) = owner_and_publisher();
    let asleep = blocking(&owner, "t", 1);
    let awake = owner.subscribe(["u"]).unwrap();
    publisher
        .configure(|options| options.send_timeout = Some(Duration::from_millis(200)))
        .unwrap();
    let mut accepted = 0u32;
    let refused = loop {
        match publisher.publish("t", accepted.to_le_bytes()) {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, PublishError::Full { .. }), "{refused:?}");
    publisher.publish("u", "goes on").unwrap();
    let message = awake.recv_timeout(WAIT).unwrap().into_message().unwrap();
    assert_eq!(message.data(), b"goes on");
    expect_numbers(&asleep, accepted);
}

#[test]
fn a_held_up_remote_publisher_goes_on_when_the_sleeper_leaves() {
    let (owner, publisher) = owner_and_publisher();
    let asleep = blocking(&owner, "t", 1);
    let topic = publisher.publisher("t").unwrap();
    let full = || matches!(topic.try_publish("x"), Err(PublishError::Full { .. }));
    common::eventually("the window is used up", full);
    std::thread::scope(|scope| {
        scope.spawn(|| topic.publish("held up").unwrap());
        drop(asleep);
    });
}

/// What the owner had accepted of it was dumped when its link ended: blocking subscribers lost all they had no room for,
/// and those on other nodes were told only by the next message.
#[test]
fn what_a_publisher_left_behind_was_lost_to_blocking_subscribers() {
    const COUNT: u32 = 500;
    let (owner, publisher) = owner_and_publisher();
    let (_third, at_owner, at_third) = two_blocking(&owner);
    for n in 0..COUNT {
        publisher.publish("t", n.to_le_bytes()).unwrap();
    }
    publisher.close();
    drop(publisher);
    std::thread::scope(|scope| {
        scope.spawn(|| expect_numbers(&at_owner, COUNT));
        expect_numbers(&at_third, COUNT);
    });
    // Nothing of the link is left.
    owner.publish("t", COUNT.to_le_bytes()).unwrap();
    assert!(matches!(
        at_third.recv_timeout(WAIT),
        Ok(Delivery::Message(message)) if message.data() == COUNT.to_le_bytes()
    ));
}

/// A publisher that comes back while its messages still wait goes on behind them.
#[test]
fn a_publisher_that_returns_goes_on_behind_what_waits_of_it() {
    let (owner, first) = owner_and_publisher();
    let subscriber = blocking(&owner, "t", 10);
    for n in 0..100u32 {
        first.publish("t", n.to_le_bytes()).unwrap();
    }
    let endpoint = owner.last_endpoint().unwrap();
    first.remove_peer(&endpoint).unwrap();
    first.add_peer(&endpoint).unwrap();
    first.sync(WAIT).unwrap();
    for n in 100..200u32 {
        first.publish("t", n.to_le_bytes()).unwrap();
    }
    expect_numbers(&subscriber, 200);
}

/// The publisher does not hold the owner as a peer: with the link it forgets the owner's topics.
#[test]
fn what_is_lost_on_the_way_to_an_owner_that_was_forgotten_is_told_with_its_count() {
    let publisher = bound();
    let proxy = Proxy::before(&endpoint(&publisher));
    let owner = quick()
        .topic("t")
        .bind("tcp://127.0.0.1:0")
        .peer(&proxy.endpoint)
        .start()
        .unwrap();
    let subscriber = joined(&[&owner]);
    let subscriber = subscribed(&subscriber, &["t"]);
    let knows = || publisher.topic("t").is_some();
    eventually("the topic is known", knows);
    publisher.publish("t", "0").unwrap();
    assert_eq!(text(&subscriber), "0");
    proxy.silence();
    for number in ["1", "2"] {
        publisher.publish("t", number).unwrap();
    }
    proxy.cut();
    eventually("the owner is forgotten", || !knows());
    eventually("the owner misses the link", || owner.stats().links == 1);
    proxy.restore();
    eventually("the owner is back", knows);
    publisher.publish("t", "3").unwrap();
    match next(&subscriber) {
        Delivery::Gap { missed, .. } => assert_eq!(missed, Some(2)),
        other => panic!("{other:?} instead of a gap"),
    }
    assert_eq!(text(&subscriber), "3");
}

/// The numbers sent to the first owner were dropped, and began anew within the same life of the publisher.
#[test]
fn a_ninth_owner_made_the_numbers_to_the_first_begin_anew() {
    const OWNERS: usize = 10;
    let host = || {
        quick()
            .topic("t")
            .bind("tcp://127.0.0.1:0")
            .start()
            .unwrap()
    };
    let owners: Vec<Node> = (0..OWNERS).map(|_| host()).collect();
    let subscribers: Vec<Subscriber> = owners
        .iter()
        .map(|owner| owner.subscribe(["t"]).unwrap())
        .collect();
    let proxies: Vec<Proxy> = owners
        .iter()
        .map(|owner| Proxy::before(&endpoint(owner)))
        .collect();
    let publisher = quick().start().unwrap();
    for proxy in &proxies {
        publisher.add_peer(&proxy.endpoint).unwrap();
    }
    publisher.sync(WAIT).unwrap();
    let links = |count| eventually("links", || publisher.stats().links == count);
    // Which owner gets a message, without a gap before it.
    let publish = || {
        publisher.publish("t", "x").unwrap();
        let mut got = None;
        eventually("an owner has it", || {
            let mut all = subscribers.iter().map(Subscriber::try_recv);
            got = all.position(|taken| match taken {
                Ok(Delivery::Message(_)) => true,
                Ok(other) => panic!("{other:?} and nothing was lost"),
                Err(_) => false,
            });
            got.is_some()
        });
        got.unwrap()
    };
    let first = publish();
    let mut now = first;
    for left in (1..OWNERS).rev() {
        proxies[now].cut();
        links(left as u64);
        now = publish();
        assert_ne!(now, first);
    }
    proxies[first].restore();
    links(2);
    proxies[now].cut();
    links(1);
    assert_eq!(publish(), first);
}

/// Its loss showed with its next message only.
#[test]
fn what_a_publisher_lost_before_it_fell_silent_was_never_told() {
    let owner = quick()
        .topic("t")
        .bind("tcp://127.0.0.1:0")
        .start()
        .unwrap();
    let subscriber = owner.subscribe(["t"]).unwrap();
    let proxy = Proxy::before(&endpoint(&owner));
    let publisher = quick().peer(&proxy.endpoint).start().unwrap();
    publisher.sync(WAIT).unwrap();
    publisher.publish("t", "heard").unwrap();
    assert_eq!(text(&subscriber), "heard");
    proxy.silence();
    for _ in 0..3 {
        publisher.publish("t", "lost").unwrap();
    }
    proxy.cut();
    eventually("the cut is noticed", || publisher.stats().links == 0);
    proxy.restore();
    match next(&subscriber) {
        Delivery::Gap { missed, .. } => assert_eq!(missed, Some(3)),
        other => panic!("{other:?} instead of a gap"),
    }
}

/// The owner remembered eight of them.
#[test]
fn what_more_than_eight_publishers_lost_at_once_was_told_of_eight_alone() {
    const PUBLISHERS: u64 = 12;
    let owner = quick()
        .topic("t")
        .bind("tcp://127.0.0.1:0")
        .start()
        .unwrap();
    let subscriber = owner.subscribe(["t"]).unwrap();
    let proxy = Proxy::before(&endpoint(&owner));
    let publishers: Vec<Node> = (0..PUBLISHERS)
        .map(|_| quick().peer(&proxy.endpoint).start().unwrap())
        .collect();
    let links = |count| eventually("links", || owner.stats().links == count);
    links(PUBLISHERS);
    for publisher in &publishers {
        publisher.sync(WAIT).unwrap();
        publisher.publish("t", "heard").unwrap();
        assert_eq!(text(&subscriber), "heard");
    }
    proxy.silence();
    for publisher in &publishers {
        publisher.publish("t", "lost").unwrap();
    }
    proxy.cut();
    links(0);
    for publisher in &publishers {
        eventually("the cut is noticed", || publisher.stats().links == 0);
    }
    proxy.restore();
    for publisher in &publishers {
        eventually("the owner is back", || {
            publisher.topic("t").is_some_and(|topic| topic.reachable)
        });
        publisher.publish("t", "heard again").unwrap();
    }
    let (mut missing, mut heard) = (0, 0);
    while (missing, heard) != (PUBLISHERS, PUBLISHERS) {
        match next(&subscriber) {
            Delivery::Gap { missed, .. } => missing += missed.expect("each is known"),
            Delivery::Message(message) => {
                assert_eq!(message.data(), b"heard again");
                heard += 1;
            }
            other => panic!("{other:?} instead of a message or a gap"),
        }
    }
}
