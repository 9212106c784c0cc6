//! `spot sync`: whether every peer answers.

use serde_json::json;

use crate::cli::AskArgs;
use crate::client::{Client, note_shared, shared};
use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn run(args: &AskArgs) -> Result<(), Failure> {
    let client = Client::asking(&args.join)?;
    let synced = client.sync(args.timeout);
    let topics = client.node.topics().len();
    synced?;
    let infos = client.node.peers();
    note_shared(&infos);
    let endpoints = client.peers.len();
    let twice: usize = shared(&infos).iter().map(|same| same.len() - 1).sum();
    let peers = endpoints - twice;
    let line = if args.json {
        json!({ "ok": true, "peers": peers, "topics": topics }).to_string()
    } else if twice > 0 {
        format!(
            "ok: every peer answered ({peers} at {endpoints} endpoints), topics known: {topics}"
        )
    } else {
        format!("ok: every peer answered ({peers}), topics known: {topics}")
    };
    let mut output = Output::new();
    output.line(&line)?;
    output.flush()
}
