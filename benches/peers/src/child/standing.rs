//! Roles in which much stands and little moves: memory, many subscriptions, a publisher that comes back.

use std::thread;
use std::time::{Duration, Instant};

use bench_child::{LAST, Order, Spec, WAIT, hear, is_told, now_ns, report, resident_bytes, say};

use crate::contender::{Receiver, Station};

/// What is told between nodes after they connected has arrived by then.
const SETTLED_AFTER: Duration = Duration::from_secs(1);

/// Hosts topics. Once all subscriptions are in effect tells when that was, and what they took here; then publishes one
/// message on each topic.
pub fn host(spec: &Spec) {
    let before = resident_bytes();
    let mut station = Station::new(spec);
    let endpoint = station.bind();
    let alone = resident_bytes();
    let mut sender = station.sender(0);
    let with_topics = resident_bytes();
    say("endpoint", &endpoint);

    hear("connected");
    let connected = resident_bytes();
    say("ready", "");
    sender.wait_subscribers(spec.subscribers, spec.filter_names().len());
    let effective_ns = now_ns();
    thread::sleep(SETTLED_AFTER);
    let subscribed = resident_bytes();
    report(&[
        ("effective_ns", effective_ns as f64),
        ("node_bytes", alone - before),
        ("topic_bytes", with_topics - alone),
        ("connection_bytes", connected - with_topics),
        ("subscription_bytes", subscribed - connected),
    ]);

    hear("publish");
    let last = spec.topics as u64 - 1;
    for number in 0..=last {
        let mark = if number == last { LAST } else { 0 };
        sender.send(number as usize, number | mark);
    }
    sender.flush();
    hear("exit");
}

/// Connects as many subscribers as wanted, subscribes, tells when it began and what it took here; then receives a
/// message of each topic with each subscriber.
pub fn hold(spec: &Spec) {
    let mut stations = vec![Station::new(spec)];
    while stations.len() < spec.subscribers {
        let sibling = stations[0].sibling();
        stations.push(sibling);
    }
    let before = resident_bytes();
    for station in &mut stations {
        station.connect(&spec.endpoints);
    }
    thread::sleep(SETTLED_AFTER);
    let connected = resident_bytes();
    say("connected", "");

    hear("go");
    let filters = spec.filter_names();
    let started_ns = now_ns();
    let mut receivers: Vec<Receiver> = stations
        .iter_mut()
        .map(|station| station.receiver(&filters))
        .collect();
    say("subscribed", "");
    hear("settled");
    let subscribed = resident_bytes();
    report(&[
        ("started_ns", started_ns as f64),
        ("connection_bytes", connected - before),
        ("subscription_bytes", subscribed - connected),
    ]);

    hear("receive");
    for receiver in &mut receivers {
        let mut order = Order::of(1);
        while !order.take(receiver.receive()) {}
        order.check(false);
        assert_eq!(order.received, spec.topics as u64, "messages received");
    }
    say("received", "");
    hear("exit");
}

/// Publishes a message each millisecond.
pub fn beat(spec: &Spec) {
    let is_second_life = !spec.bind.is_empty();
    let mut station = Station::new(spec);
    let endpoint = station.bind();
    let mut sender = station.sender(0);
    let started_ns = now_ns();
    say("endpoint", &endpoint);
    report(&[("started_ns", started_ns as f64)]);
    let mark = if is_second_life { LAST } else { 0 };
    let begun = Instant::now();
    for number in 0.. {
        if is_told() || begun.elapsed() > WAIT {
            return;
        }
        sender.send(0, number | mark);
        thread::sleep(Duration::from_millis(1));
    }
}

/// Tells when the first message came, and when the first of the publisher's second life.
pub fn outlive(spec: &Spec) {
    let mut station = Station::new(spec);
    station.connect(&spec.endpoints);
    let mut receiver = station.receiver(&spec.filter_names());
    receiver.receive();
    say("heard", "");
    while receiver.receive() & LAST == 0 {}
    report(&[("heard_ns", now_ns() as f64)]);
    hear("exit");
}
