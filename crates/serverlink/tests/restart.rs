//! Nodes that end and begin another life: what their subscribers missed meanwhile is told, with its number where anybody
//! can know it.

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;

use common::proxy::Proxy;
use common::*;
use serverlink::{Delivery, Node, Subscriber};

const TOPIC: &str = "t";

/// A life of a named node that keeps so many messages, at an endpoint that outlives it.
fn life(name: &str, endpoint: &str, history: usize) -> Node {
    let builder = quick()
        .name(name)
        .options(|options| options.history = history);
    builder.bind(endpoint).topic(TOPIC).start().unwrap()
}

/// The first life of an owner, and a network before it.
fn owner() -> (Node, Proxy) {
    let owner = life("owner", "tcp://127.0.0.1:0", 0);
    let proxy = Proxy::before(&endpoint(&owner));
    (owner, proxy)
}

/// A node that reaches the owner through its network.
fn behind(proxy: &Proxy) -> Node {
    let node = quick().peer(&proxy.endpoint).start().unwrap();
    node.sync(WAIT).unwrap();
    node
}

/// An owner whose first message was heard by a node that reaches it through its network.
fn heard() -> (Node, Proxy, Node, Subscriber) {
    let (owner, proxy) = owner();
    let client = behind(&proxy);
    let subscriber = subscribed(&client, &[TOPIC]);
    publish(&owner, 0..1);
    assert_eq!(number(&subscriber), 0);
    (owner, proxy, client, subscriber)
}

fn hub() -> Node {
    let hub = quick().bind("tcp://127.0.0.1:0");
    hub.options(|options| options.relay = true).start().unwrap()
}

fn publish(node: &Node, numbers: std::ops::Range<u64>) {
    for number in numbers {
        node.publish(TOPIC, number.to_le_bytes()).unwrap();
    }
}

/// How the first life ends, as those see it who hear it through the network.
#[derive(Clone, Copy)]
enum End {
    Leave,
    Death,
}

/// The owner ends, and has published five messages in its next life before anybody hears it again.
fn restart(owner: Node, proxy: &Proxy, end: End, history: usize, heard_by: &[&Subscriber]) -> Node {
    let at = endpoint(&owner);
    if let End::Death = end {
        proxy.cut();
    } else {
        owner.close();
    }
    for subscriber in heard_by {
        let lost = next(subscriber);
        assert!(matches!(lost, Delivery::PeerLost { .. }), "{lost:?}");
    }
    proxy.cut();
    owner.close();
    let again = life("owner", &at, history);
    publish(&again, 0..5);
    proxy.restore();
    again.wait_subscribers(TOPIC, 1, WAIT).unwrap();
    again
}

#[track_caller]
fn assert_gap(subscriber: &Subscriber, expected: Option<u64>) {
    match next(subscriber) {
        Delivery::Gap { missed, .. } => assert_eq!(missed, expected),
        other => panic!("{other:?} instead of a gap"),
    }
}

#[test]
fn what_an_owner_published_after_a_farewell_before_it_was_heard_again_is_counted() {
    let (owner, proxy, client, subscriber) = heard();
    let again = restart(owner, &proxy, End::Leave, 0, &[&subscriber]);
    publish(&again, 5..6);
    assert_gap(&subscriber, Some(5));
    assert_eq!(number(&subscriber), 5);
    eventually("all are counted", || client.stats().missed_messages == 5);
}

#[test]
fn a_farewell_after_which_nothing_is_missed_leaves_no_gap() {
    let (owner, _proxy, _client, subscriber) = heard();
    let at = endpoint(&owner);
    owner.close();
    let lost = next(&subscriber);
    assert!(matches!(lost, Delivery::PeerLost { .. }), "{lost:?}");
    let again = life("owner", &at, 0);
    again.wait_subscribers(TOPIC, 1, WAIT).unwrap();
    publish(&again, 0..1);
    assert_eq!(number(&subscriber), 0);
}

#[test]
fn after_a_death_what_can_be_counted_is_and_the_gap_is_unknown() {
    let (owner, proxy, client, subscriber) = heard();
    let again = restart(owner, &proxy, End::Death, 0, &[&subscriber]);
    publish(&again, 5..6);
    assert_gap(&subscriber, None);
    assert_eq!(number(&subscriber), 5);
    eventually("all are counted", || client.stats().missed_messages == 5);
}

/// An owner without a name is a new node after its restart, and nobody knew what the old one had published.
#[test]
fn the_death_of_an_owner_without_a_name_left_no_gap() {
    let nameless = |endpoint: &str| quick().bind(endpoint).topic(TOPIC).start().unwrap();
    let owner = nameless("tcp://127.0.0.1:0");
    let at = endpoint(&owner);
    let proxy = Proxy::before(&at);
    let client = behind(&proxy);
    let subscriber = subscribed(&client, &[TOPIC]);
    publish(&owner, 0..1);
    assert_eq!(number(&subscriber), 0);
    proxy.cut();
    let lost = next(&subscriber);
    assert!(matches!(lost, Delivery::PeerLost { .. }), "{lost:?}");
    owner.close();
    let another = nameless(&at);
    proxy.restore();
    another.wait_subscribers(TOPIC, 1, WAIT).unwrap();
    publish(&another, 5..6);
    assert_gap(&subscriber, None);
    assert_eq!(number(&subscriber), 5);
}

#[test]
fn the_leave_of_an_owner_without_a_name_leaves_no_gap() {
    let nameless = |endpoint: &str| quick().bind(endpoint).topic(TOPIC).start().unwrap();
    let owner = nameless("tcp://127.0.0.1:0");
    let at = endpoint(&owner);
    let client = quick().peer(&at).start().unwrap();
    client.sync(WAIT).unwrap();
    let subscriber = subscribed(&client, &[TOPIC]);
    publish(&owner, 0..1);
    assert_eq!(number(&subscriber), 0);
    owner.close();
    let lost = next(&subscriber);
    assert!(matches!(lost, Delivery::PeerLost { .. }), "{lost:?}");
    let another = nameless(&at);
    another.wait_subscribers(TOPIC, 1, WAIT).unwrap();
    publish(&another, 5..6);
    assert_eq!(number(&subscriber), 5);
}

#[test]
fn behind_a_hub_the_same_is_told() {
    for (end, missed) in [(End::Leave, Some(5)), (End::Death, None)] {
        let (owner, proxy) = owner();
        let hub = hub();
        hub.add_peer(&proxy.endpoint).unwrap();
        let client = joined(&[&hub]);
        eventually("the topic is known and reachable", || {
            client.topic(TOPIC).is_some_and(|topic| topic.reachable)
        });
        let far = subscribed(&client, &[TOPIC]);
        publish(&owner, 0..1);
        assert_eq!(number(&far), 0);
        let again = restart(owner, &proxy, end, 0, &[&far]);
        publish(&again, 5..6);
        assert_gap(&far, missed);
        assert_eq!(number(&far), 5);
    }
}

/// It was kept, but sent to those alone who ask for history themselves.
#[test]
fn what_an_owner_kept_of_its_new_life_was_told_as_missing() {
    for (end, history) in [(End::Leave, 10), (End::Leave, 3), (End::Death, 10)] {
        let (owner, proxy, _client, subscriber) = heard();
        let again = restart(owner, &proxy, end, history, &[&subscriber]);
        publish(&again, 5..6);
        let first = 5u64.saturating_sub(history as u64);
        match end {
            End::Death => assert_gap(&subscriber, None),
            End::Leave if first > 0 => assert_gap(&subscriber, Some(first)),
            End::Leave => {}
        }
        assert_numbers(&subscriber, first..6);
    }
}

#[test]
fn of_a_new_life_a_subscriber_that_asks_for_history_gets_what_is_kept_and_is_told_of_the_rest() {
    let (owner, proxy) = owner();
    let client = behind(&proxy);
    let subscriber = client.subscriber();
    let ask = |options: &mut serverlink::SubscriberOptions| options.history = 3;
    subscriber.configure(ask).unwrap();
    subscriber.subscribe(TOPIC).unwrap();
    subscriber.wait_subscribed(WAIT).unwrap();
    publish(&owner, 0..1);
    assert_eq!(number(&subscriber), 0);
    let again = restart(owner, &proxy, End::Leave, 3, &[&subscriber]);
    publish(&again, 5..6);
    assert_gap(&subscriber, Some(2));
    for expected in 2..6 {
        assert_eq!(number(&subscriber), expected);
    }
}

#[test]
fn what_an_owner_published_while_nobody_listened_is_no_loss() {
    let (owner, _proxy, client, subscriber) = heard();
    let at = endpoint(&owner);
    owner.close();
    let lost = next(&subscriber);
    assert!(matches!(lost, Delivery::PeerLost { .. }), "{lost:?}");
    subscriber.unsubscribe(TOPIC).unwrap();
    let again = life("owner", &at, 0);
    publish(&again, 0..5);
    eventually("the owner is back", || {
        client.topic(TOPIC).is_some_and(|topic| topic.reachable)
    });
    subscriber.subscribe(TOPIC).unwrap();
    subscriber.wait_subscribed(WAIT).unwrap();
    publish(&again, 5..6);
    assert_eq!(number(&subscriber), 5);
    assert_eq!(client.stats().missed_messages, 0);
}

/// A publisher elsewhere, known again after its restart by its name.
fn publisher(proxy: &Proxy) -> Node {
    let node = quick().name("publisher").peer(&proxy.endpoint).start();
    let node = node.unwrap();
    node.sync(WAIT).unwrap();
    node
}

#[test]
fn the_death_of_a_publisher_elsewhere_is_told_over_links_and_hubs() {
    let hub = hub();
    let owner = quick().bind("tcp://127.0.0.1:0").topic(TOPIC);
    let owner = owner.peer(endpoint(&hub)).start().unwrap();
    let proxy = Proxy::before(&endpoint(&owner));
    let (near, far) = (joined(&[&owner]), joined(&[&hub]));
    for node in [&far, &hub] {
        eventually("the topic is known and reachable", || {
            node.topic(TOPIC).is_some_and(|topic| topic.reachable)
        });
    }
    let subscribers = [&owner, &near, &hub, &far].map(|node| subscribed(node, &[TOPIC]));
    let first = publisher(&proxy);
    publish(&first, 0..1);
    for subscriber in &subscribers {
        assert_eq!(number(subscriber), 0);
    }
    proxy.cut();
    eventually("the owner misses the publisher", || {
        owner.stats().links == 2
    });
    first.close();
    proxy.restore();
    let second = publisher(&proxy);
    publish(&second, 1..3);
    for subscriber in &subscribers {
        assert_gap(subscriber, None);
        assert_eq!([number(subscriber), number(subscriber)], [1, 2]);
        assert_empty(subscriber);
    }
}

/// How a publisher elsewhere reaches the owner.
#[derive(Clone, Copy)]
enum Reach {
    Directly,
    ByHub,
}

/// An owner is closed and begins another life six times while somebody elsewhere publishes without a pause.
fn restart_under_load(reach: Reach) {
    let mut owner = life("owner", "tcp://127.0.0.1:0", 0);
    let at = endpoint(&owner);
    let hub = quick()
        .bind("tcp://127.0.0.1:0")
        .peer(&at)
        .options(|options| options.relay = true)
        .start()
        .unwrap();
    let to = match reach {
        Reach::Directly => at.clone(),
        Reach::ByHub => endpoint(&hub),
    };
    let publisher = quick().name("publisher").peer(&to).start().unwrap();
    let client = quick().name("client").peer(&at).start().unwrap();
    publisher.sync(WAIT).unwrap();
    client.sync(WAIT).unwrap();
    knows(&publisher, TOPIC);
    let subscriber = subscribed(&client, &[TOPIC]);
    let (stop, heard, missed) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        let load = Load {
            stop: &stop,
            client: &client,
        };
        let sender = scope.spawn(|| {
            let mut sent = 0;
            while !stop.load(Relaxed) {
                sent += u64::from(publisher.publish(TOPIC, "load").is_ok());
            }
            sent
        });
        scope.spawn(|| count_until_closed(&subscriber, &heard, &missed));
        let flows = || {
            let before = heard.load(Relaxed);
            eventually("messages flow", || heard.load(Relaxed) > before + 100);
        };
        for _ in 0..6 {
            flows();
            owner.close();
            owner = life("owner", &at, 0);
            // A life that a subscriber never hears of leaves no trace there.
            owner.wait_subscribers(TOPIC, 1, WAIT).unwrap();
        }
        flows();
        stop.store(true, Relaxed);
        let sent: u64 = sender.join().unwrap();
        let known = || heard.load(Relaxed) + missed.load(Relaxed);
        eventually("each message is heard or reported", || known() >= sent);
        drop(load);
        assert_eq!(known(), sent);
    });
}

/// The threads of a test come to their end also if it fails.
struct Load<'a> {
    stop: &'a AtomicBool,
    client: &'a Node,
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        self.client.close();
    }
}

/// Counts messages, and those that are reported as missed.
fn count_until_closed(subscriber: &Subscriber, heard: &AtomicU64, missing: &AtomicU64) {
    while let Ok(delivery) = subscriber.recv() {
        match delivery {
            Delivery::Message(_) => heard.fetch_add(1, Relaxed),
            Delivery::Gap { missed, .. } => {
                missing.fetch_add(missed.expect("nobody died"), Relaxed)
            }
            Delivery::PeerLost { .. } => continue,
            other => panic!("{other:?} instead of a message or a gap"),
        };
    }
}

#[test]
fn what_was_on_its_way_to_an_owner_that_left_was_lost_uncounted() {
    restart_under_load(Reach::Directly);
}

#[test]
fn what_was_on_its_way_by_a_hub_to_an_owner_that_left_was_lost_uncounted() {
    restart_under_load(Reach::ByHub);
}
