//! `spot events`: what happens in the cluster, as the peers tell it.

use std::thread;
use std::time::Instant;

use serde_json::{Value, json};
use serverlink::{Event, Node};

use crate::cli::EventsArgs;
use crate::client::Client;
use crate::commands::subscribe::subscribe;
use crate::failure::Failure;
use crate::interrupt::{self, FOREVER};
use crate::output::{Output, note};
use crate::text::{counted, duration, harmless};

pub(crate) fn run(args: &EventsArgs) -> Result<(), Failure> {
    let client = Client::start(&args.join, &[], |_| (), Node::close)?;
    listen(&client, &args.filters)?;
    let deadline = args.timeout.map(|timeout| Instant::now() + timeout);
    let mut output = Output::new();
    let (mut told, mut was_connected) = (0, false);
    while args.count.is_none_or(|count| told < count) {
        let wait = deadline.map_or(FOREVER, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        });
        let Some(event) = client.events.next_timeout(wait) else {
            return ended(args, &client, told, was_connected);
        };
        was_connected |= matches!(event, Event::PeerUp { .. });
        let line = if args.json {
            Value::Object(object(&event)).to_string()
        } else {
            harmless(&as_line(&event))
        };
        output.line(&line)?;
        output.flush()?;
        told += 1;
        note_alone(&client, &event);
    }
    Ok(())
}

/// Only who listens to a topic hears of what is missing there; the messages themselves are not asked for.
fn listen(client: &Client, filters: &[String]) -> Result<(), Failure> {
    if filters.is_empty() {
        return Ok(());
    }
    let subscriber = subscribe(client, filters)?;
    // Ends with the node.
    thread::spawn(move || while subscriber.recv().is_ok() {});
    Ok(())
}

/// Without a link nothing is known of the members: that they are not reachable says nothing of them.
fn note_alone(client: &Client, event: &Event) {
    if matches!(event, Event::PeerDown { .. }) && !client.is_connected() {
        note("this program is connected to nobody: it cannot tell how the members are");
    }
}

/// What it means that nothing more comes.
fn ended(
    args: &EventsArgs,
    client: &Client,
    told: u64,
    was_connected: bool,
) -> Result<(), Failure> {
    let enough = told >= args.count.unwrap_or(1);
    match args.timeout {
        _ if interrupt::happened() && args.count.is_none() => Ok(()),
        Some(timeout) if !was_connected => Err(Failure::Timeout(format!(
            "not connected within {} to {}",
            duration(timeout),
            client.explain(&client.peers)
        ))),
        Some(timeout) if !enough => Err(Failure::Timeout(format!(
            "{} within {}",
            counted(told, "event"),
            duration(timeout)
        ))),
        Some(_) => Ok(()),
        None => Err(Failure::Failed("the node is closed".into())),
    }
}

type Fields = Vec<(&'static str, Value)>;

fn describe(event: &Event) -> (&'static str, Fields) {
    let text = |name, value: &str| (name, json!(value));
    match event {
        Event::PeerUp {
            endpoint,
            node,
            name,
        } => ("peer-up", peer(endpoint, *node, name)),
        Event::PeerDown {
            endpoint,
            node,
            name,
            reason,
            graceful,
        } => {
            let mut fields = peer(endpoint, *node, name);
            fields.extend([text("reason", reason), ("graceful", json!(graceful))]);
            ("peer-down", fields)
        }
        Event::ConnectFailed { endpoint, reason } => (
            "connect-failed",
            vec![text("endpoint", endpoint), text("reason", reason)],
        ),
        Event::Rejected { endpoint, reason } => (
            "rejected",
            vec![text("endpoint", endpoint), text("reason", reason)],
        ),
        Event::MemberUp { node, name } => ("member-up", member(*node, name)),
        Event::MemberSuspect { node, name } => ("member-suspect", member(*node, name)),
        Event::MemberDown { node, name, left } => {
            let mut fields = member(*node, name);
            fields.push(("left", json!(left)));
            ("member-down", fields)
        }
        Event::Partition {
            reachable,
            size,
            majority,
        } => (
            "partition",
            vec![
                ("reachable", json!(reachable)),
                ("size", json!(size)),
                ("majority", json!(majority)),
            ],
        ),
        Event::Heal { size } => ("heal", vec![("size", json!(size))]),
        Event::TopicAdded { topic } => ("topic-added", vec![text("topic", topic)]),
        Event::TopicRemoved { topic } => ("topic-removed", vec![text("topic", topic)]),
        Event::Gap { topic, missed } => {
            ("gap", vec![text("topic", topic), ("missed", json!(missed))])
        }
        Event::SlowSubscriber { endpoint } => ("slow-subscriber", vec![text("endpoint", endpoint)]),
        other => ("other", vec![text("description", &format!("{other:?}"))]),
    }
}

fn peer(endpoint: &str, node: Option<serverlink::NodeId>, name: &str) -> Fields {
    vec![
        ("endpoint", json!(endpoint)),
        named(name),
        ("node", json!(node.map(|node| node.to_string()))),
    ]
}

fn member(node: serverlink::NodeId, name: &str) -> Fields {
    vec![named(name), ("node", json!(node.to_string()))]
}

/// A name, if there is one.
fn named(name: &str) -> (&'static str, Value) {
    ("name", json!(Some(name).filter(|name| !name.is_empty())))
}

/// An event as an object: its kind as `event`, then what belongs to it.
pub(crate) fn object(event: &Event) -> serde_json::Map<String, Value> {
    let (kind, fields) = describe(event);
    let mut object = serde_json::Map::new();
    object.insert("event".into(), json!(kind));
    object.extend(fields.into_iter().map(|(name, value)| (name.into(), value)));
    object
}

/// An event as a line.
pub(crate) fn as_line(event: &Event) -> String {
    let (kind, fields) = describe(event);
    as_text(kind, &fields)
}

/// The kind, and each field as `name=value`; empty ones are left out.
fn as_text(kind: &str, fields: &Fields) -> String {
    let mut line = kind.to_owned();
    for (name, value) in fields {
        match value {
            Value::Null => {}
            Value::String(text) if text.is_empty() => {}
            Value::String(text)
                if !text.contains([' ', '"']) && !text.contains(char::is_control) =>
            {
                line += &format!(" {name}={text}");
            }
            value => line += &format!(" {name}={value}"),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_the_kind_and_what_belongs_to_it() {
        let event = Event::ConnectFailed {
            endpoint: "tcp://a:1".into(),
            reason: "connection \"refused\"".into(),
        };
        let (kind, fields) = describe(&event);
        assert_eq!(
            as_text(kind, &fields),
            r#"connect-failed endpoint=tcp://a:1 reason="connection \"refused\"""#
        );
        let event = Event::Partition {
            reachable: 2,
            size: 5,
            majority: false,
        };
        let (kind, fields) = describe(&event);
        assert_eq!(
            as_text(kind, &fields),
            "partition reachable=2 size=5 majority=false"
        );
        assert_eq!(
            Value::Object(object(&event)),
            json!({"event": "partition", "reachable": 2, "size": 5, "majority": false})
        );
    }
}
