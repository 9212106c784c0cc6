//! `spot sync`: whether every peer answers.

use serde_json::json;

use crate::cli::AskArgs;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn run(args: &AskArgs) -> Result<(), Failure> {
    let client = Client::asking(&args.join)?;
    let synced = client.sync(args.timeout);
    let topics = client.node.topics().len();
    synced?;
    let peers = client.peers.len();
    let line = if args.json {
        json!({ "ok": true, "peers": peers, "topics": topics }).to_string()
    } else {
        format!("ok: every peer answered ({peers}), topics known: {topics}")
    };
    let mut output = Output::new();
    output.line(&line)?;
    output.flush()
}
