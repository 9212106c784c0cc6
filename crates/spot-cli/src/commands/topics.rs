//! `spot topics`: what the peers offer.

use serde_json::json;
use serverlink::{TopicInfo, TopicPlace};

use crate::cli::AskArgs;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Output, note, table};

pub(crate) fn run(args: &AskArgs) -> Result<(), Failure> {
    let client = Client::asking(&args.join)?;
    let synced = client.sync(args.timeout);
    let topics = client.node.topics();
    print(&topics, args.json)?;
    if topics.is_empty() && synced.is_ok() {
        note("the peers offer no topics");
    }
    synced
}

fn print(topics: &[TopicInfo], as_json: bool) -> Result<(), Failure> {
    let mut output = Output::new();
    if as_json {
        for topic in topics {
            output.line(&object(topic).to_string())?;
        }
    } else if !topics.is_empty() {
        let rows: Vec<_> = topics.iter().map(row).collect();
        for line in table(["TOPIC", "PLACE", "REACHABLE"], &rows) {
            output.line(&line)?;
        }
    }
    output.flush()
}

/// A topic as an object.
pub(crate) fn object(topic: &TopicInfo) -> serde_json::Value {
    json!({
        "topic": &*topic.name,
        "place": place(topic.place),
        "reachable": topic.reachable,
    })
}

fn row(topic: &TopicInfo) -> [String; 3] {
    let reachable = if topic.reachable { "yes" } else { "no" };
    [
        topic.name.to_string(),
        place(topic.place).into(),
        reachable.into(),
    ]
}

fn place(place: TopicPlace) -> &'static str {
    match place {
        TopicPlace::Local => "local",
        TopicPlace::Routed => "routed",
        _ => "remote",
    }
}
