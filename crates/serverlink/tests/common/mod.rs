//! What the tests of the contract share. Each test file uses a part of it.
#![allow(dead_code, unreachable_pub)]

pub mod history;
pub mod proxy;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serverlink::{
    Delivery, Event, Events, Filter, Node, NodeBuilder, Overflow, RecvError, Subscriber,
};

use proxy::Proxy;

/// Far more than anything here takes: only a hung test waits as long.
pub const WAIT: Duration = Duration::from_secs(30);

/// A node bound to a free port of this machine.
pub fn bound() -> Node {
    quick().bind("tcp://127.0.0.1:0").start().unwrap()
}

/// A node that reconnects without long pauses.
pub fn quick() -> NodeBuilder {
    Node::builder().options(|options| {
        options.reconnect_min = Duration::from_millis(1);
        options.reconnect_max = Duration::from_millis(20);
    })
}

pub fn endpoint(node: &Node) -> String {
    node.last_endpoint().expect("the node is bound")
}

/// A node that has added these as peers and knows their topics.
pub fn joined(peers: &[&Node]) -> Node {
    let node = quick().start().unwrap();
    for peer in peers {
        node.add_peer(&endpoint(peer)).unwrap();
    }
    node.sync(WAIT).unwrap();
    node
}

/// A node that hosts the topics, and a node linked to it that knows them.
pub fn hosting(topics: &[&str]) -> (Node, Node) {
    let host = bound();
    for topic in topics {
        host.create_topic(topic).unwrap();
    }
    let client = joined(&[&host]);
    (host, client)
}

/// A node that hosts topics, with so much room on each link, and a client that reaches it through a network; neither sends
/// heartbeats.
pub fn through_proxy(send_hwm: usize, topics: &[&str]) -> (Node, Proxy, Node) {
    let without_heartbeats =
        || quick().options(|options| options.heartbeat_interval = Duration::ZERO);
    let host = without_heartbeats().options(|options| options.send_hwm = send_hwm);
    let host = topics
        .iter()
        .fold(host.bind("tcp://127.0.0.1:0"), |host, topic| {
            host.topic(*topic)
        });
    let host = host.start().unwrap();
    let proxy = Proxy::before(&endpoint(&host));
    let client = without_heartbeats().peer(&proxy.endpoint).start().unwrap();
    client.sync(WAIT).unwrap();
    (host, proxy, client)
}

/// A node that relays, bound to a free port.
pub fn hub() -> Node {
    let hub = quick().bind("tcp://127.0.0.1:0");
    hub.options(|options| options.relay = true).start().unwrap()
}

/// Waits until the topic is known to the node and reachable, also where no peer of it offers it yet.
#[track_caller]
pub fn knows(node: &Node, topic: &str) {
    eventually("the topic is known and reachable", || {
        node.topic(topic).is_some_and(|topic| topic.reachable)
    });
}

/// A subscriber that its publishers know of.
pub fn subscribed(node: &Node, filters: &[&str]) -> Subscriber {
    let subscriber = node.subscribe(filters.iter().copied()).unwrap();
    subscriber.wait_subscribed(WAIT).unwrap();
    subscriber
}

/// As [`subscribed`], with an overflow policy and an HWM.
pub fn subscribed_with(
    node: &Node,
    filters: &[&str],
    overflow: Overflow,
    hwm: usize,
) -> Subscriber {
    let subscriber = node.subscriber();
    subscriber
        .configure(|options| {
            options.overflow = overflow;
            options.hwm = hwm;
        })
        .unwrap();
    for filter in filters {
        let filter = Filter::try_from(*filter).unwrap();
        subscriber.subscribe_filter(&filter).unwrap();
    }
    subscriber.wait_subscribed(WAIT).unwrap();
    subscriber
}

/// The next delivery, which must come.
#[track_caller]
pub fn next(subscriber: &Subscriber) -> Delivery {
    subscriber
        .recv_timeout(WAIT)
        .expect("a delivery within the deadline")
}

/// The topic and the text of the next delivery, which must be a message.
#[track_caller]
pub fn message(subscriber: &Subscriber) -> (String, String) {
    match next(subscriber) {
        Delivery::Message(message) => (
            message.topic().to_owned(),
            String::from_utf8_lossy(message.data()).into_owned(),
        ),
        other => panic!("{other:?} instead of a message"),
    }
}

/// The text of the next delivery, which must be a message.
#[track_caller]
pub fn text(subscriber: &Subscriber) -> String {
    message(subscriber).1
}

/// The number in the next delivery, which must be a message.
#[track_caller]
pub fn number(subscriber: &Subscriber) -> u64 {
    match next(subscriber) {
        Delivery::Message(message) => number_in(message.data()),
        other => panic!("{other:?} instead of a message"),
    }
}

pub fn number_in(data: &[u8]) -> u64 {
    u64::from_le_bytes(data[..8].try_into().expect("eight bytes and more"))
}

/// The next deliveries are messages with these numbers.
#[track_caller]
pub fn assert_numbers(subscriber: &Subscriber, numbers: std::ops::Range<u64>) {
    for expected in numbers {
        assert_eq!(number(subscriber), expected);
    }
}

/// The next delivery tells that a node is lost.
#[track_caller]
pub fn assert_peer_lost(subscriber: &Subscriber) {
    let lost = next(subscriber);
    assert!(matches!(lost, Delivery::PeerLost { .. }), "{lost:?}");
}

/// Nothing is queued now.
#[track_caller]
pub fn assert_empty(subscriber: &Subscriber) {
    assert_eq!(subscriber.try_recv(), Err(RecvError::Empty));
}

/// What a subscriber got of a run of numbers: each is either received, in order, or reported missing.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Run {
    pub received: u64,
    pub missed: u64,
    pub last: Option<u64>,
}

/// Takes the numbers from 0 to `count`, as far as they come: the numbers must go up, and the gaps must fit exactly.
#[track_caller]
pub fn take_run(subscriber: &Subscriber, count: u64) -> Run {
    let mut run = Run::default();
    while run.received + run.missed < count {
        match next(subscriber) {
            Delivery::Message(message) => {
                let number = number_in(message.data());
                assert_eq!(number, run.received + run.missed, "in its place: {run:?}");
                run.received += 1;
                run.last = Some(number);
            }
            Delivery::Gap { missed, .. } => run.missed += missed.expect("the count is known"),
            other => panic!("{other:?} after {run:?}"),
        }
    }
    assert_eq!(run.received + run.missed, count);
    run
}

/// The first event that `wanted` takes; others are passed over.
#[track_caller]
pub fn event(events: &Events, wanted: impl Fn(&Event) -> bool) -> Event {
    let deadline = Instant::now() + WAIT;
    let mut passed = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match events.next_timeout(left) {
            Some(event) if wanted(&event) => return event,
            Some(other) => passed.push(other),
            None => panic!("not within {WAIT:?}; passed over: {passed:?}"),
        }
    }
}

/// Polls a state that nothing announces, with a deadline.
#[track_caller]
pub fn eventually(what: &str, mut there: impl FnMut() -> bool) {
    let deadline = Instant::now() + WAIT;
    while !there() {
        assert!(Instant::now() < deadline, "not within {WAIT:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// An endpoint where nobody listens, on a loopback address that no other test uses: its port stays free.
pub fn dead_endpoint() -> String {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let process = std::process::id().to_le_bytes();
    let address = [
        127,
        process[0].max(1),
        process[1],
        NEXT.fetch_add(1, Relaxed),
    ];
    let listener = std::net::TcpListener::bind((IpAddr::from(address), 0)).unwrap();
    format!("tcp://{}", listener.local_addr().unwrap())
}

/// A listener whose connections are accepted by the kernel and never spoken to.
pub fn mute_listener() -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    (listener, endpoint)
}

/// Established TCP connections between local ports where one end is one of `ports`, each counted once.
pub fn connections(ports: &HashSet<u16>) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port =
        |address: &str| u16::from_str_radix(address.rsplit(':').next().unwrap(), 16).unwrap();
    let established = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (fields[3] == "01").then(|| (port(fields[1]), port(fields[2])))
    });
    // Both ends are in this process: of the two lines of a connection one has the bound port on the local side. The
    // table changes while it is read, and may show a line twice.
    let distinct: HashSet<(u16, u16)> = established
        .filter(|(local, _)| ports.contains(local))
        .collect();
    distinct.len()
}

pub fn port(node: &Node) -> u16 {
    endpoint(node).rsplit(':').next().unwrap().parse().unwrap()
}
