//! What the library logs through `tracing`: what is rare, with its reason.

mod common;

use std::fmt::Debug;
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use common::proxy::Proxy;
use common::{WAIT, endpoint, eventually, quick, subscribed, subscribed_with};
use serverlink::{Node, Overflow};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// All lines of this process.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Lines;

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!(" {}={value:?}", field.name());
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::DEBUG
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        LINES
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// A node whose lines are those with its name.
fn node(name: &str) -> Node {
    static LOGS: Once = Once::new();
    LOGS.call_once(|| tracing::subscriber::set_global_default(Lines).expect("the only one"));
    let builder = Node::builder().name(name).bind("tcp://127.0.0.1:0");
    builder.start().expect("started")
}

/// The lines of a node that have all of these in them.
fn lines(node: &Node, texts: &[&str]) -> Vec<String> {
    let name = format!(" node=\"{}\"", node.name().unwrap_or_default());
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    let has_all =
        |line: &&String| line.contains(&name) && texts.iter().all(|text| line.contains(text));
    lines.iter().filter(has_all).cloned().collect()
}

#[track_caller]
fn logs(node: &Node, texts: &[&str]) {
    eventually("the line is logged", || !lines(node, texts).is_empty());
}

#[test]
fn links_are_logged_with_whom_and_why_they_end() {
    let (a, b) = (node("links-a"), node("links-b"));
    b.add_peer(&endpoint(&a)).unwrap();
    logs(&a, &["INFO", "peer up", "name=\"links-b\""]);
    b.close();
    logs(&a, &["INFO", "peer down", "reason=", "graceful=true"]);
    a.add_peer(&common::dead_endpoint()).unwrap();
    logs(&a, &["DEBUG", "connection attempt failed", "reason="]);
}

#[test]
fn a_subscription_that_was_too_slow_is_logged() {
    let a = node("slow-a");
    let topic = a.create_topic("t").unwrap();
    let _slow = subscribed_with(&a, &["t"], Overflow::Disconnect, 1);
    (0..3).for_each(|_| topic.publish("x").unwrap());
    logs(&a, &["WARN", "subscription ended for being slow", "peer="]);
}

#[test]
fn gaps_are_logged_with_their_topic_and_together_when_there_are_many() {
    let (a, b) = (node("gaps-a"), node("gaps-b"));
    let topics: Vec<_> = (0..50)
        .map(|number| a.create_topic(&format!("t:{number}")).unwrap())
        .collect();
    let proxy = common::proxy::Proxy::before(&endpoint(&a));
    b.configure(|options| {
        options.reconnect_min = std::time::Duration::from_millis(1);
        options.reconnect_max = std::time::Duration::from_millis(20);
    })
    .unwrap();
    b.add_peer(&proxy.endpoint).unwrap();
    b.sync(WAIT).unwrap();
    let subscriber = b.subscriber();
    subscriber.subscribe_pattern("t:*").unwrap();
    subscriber.wait_subscribed(WAIT).unwrap();
    for topic in &topics {
        topic.publish("before").unwrap();
        assert_eq!(common::text(&subscriber), "before");
    }
    // All topics have a gap at once: what was published while nobody was there.
    proxy.cut();
    eventually("the link is gone", || a.stats().links == 0);
    topics
        .iter()
        .for_each(|topic| topic.publish("lost").unwrap());
    proxy.restore();
    eventually("all gaps are told", || b.stats().missed_messages == 50);
    logs(&b, &["WARN", "messages missed", "topic=\"t:", "gaps=1"]);
    let logged = lines(&b, &["messages missed"]).len();
    assert!((1..50).contains(&logged), "{logged} lines");
}

/// Nobody was told of what was lost when the linger time was over.
#[test]
fn what_linger_did_not_get_out_was_lost_without_a_word() {
    let host = node("drained");
    host.configure(|options| options.linger = Some(Duration::from_millis(100)))
        .unwrap();
    let topic = host.create_topic("t").unwrap();
    let proxy = Proxy::before(&endpoint(&host));
    let client = quick().peer(&proxy.endpoint).start().unwrap();
    client.sync(WAIT).unwrap();
    let _subscriber = subscribed(&client, &["t"]);
    proxy.silence();
    for _ in 0..200 {
        topic.publish(vec![0; 128 * 1024]).unwrap();
    }
    host.close();
    let lines = lines(&host, &["WARN", "not sent within linger", " unsent="]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    proxy.cut();
}
