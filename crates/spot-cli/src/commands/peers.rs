//! `spot peers`: the links of this program.

use serde_json::json;
use serverlink::{PeerInfo, PeerState};

use crate::cli::AskArgs;
use crate::client::{Client, note_shared, shared};
use crate::failure::Failure;
use crate::output::{Output, note, table};

pub(crate) fn run(args: &AskArgs) -> Result<(), Failure> {
    let client = Client::asking(&args.join)?;
    let synced = client.sync(args.timeout);
    let peers = client.node.peers();
    note("these are the links of this program; a node's own links are not told to others");
    note_shared(&peers);
    print(&peers, args.json)?;
    synced
}

fn print(peers: &[PeerInfo], as_json: bool) -> Result<(), Failure> {
    let mut output = Output::new();
    let shared = shared(peers);
    let is_shared = |peer: &PeerInfo| shared.iter().flatten().any(|other| *other == peer.endpoint);
    if as_json {
        for peer in peers {
            let line = json!({
                "endpoint": peer.endpoint,
                "name": peer.name,
                "node": peer.node.map(|id| id.to_string()),
                "state": state(peer.state),
                "shared": is_shared(peer),
                "topics": peer.topics,
            });
            output.line(&line.to_string())?;
        }
    } else {
        let rows: Vec<_> = peers
            .iter()
            .map(|peer| row(peer, is_shared(peer)))
            .collect();
        for line in table(["ENDPOINT", "STATE", "TOPICS", "NAME", "NODE"], &rows) {
            output.line(&line)?;
        }
    }
    output.flush()
}

fn row(peer: &PeerInfo, is_shared: bool) -> [String; 5] {
    let sharing = if is_shared { ", shared" } else { "" };
    [
        peer.endpoint.clone(),
        format!("{}{sharing}", state(peer.state)),
        peer.topics.to_string(),
        peer.name.clone().unwrap_or_else(|| "-".into()),
        peer.node.map_or_else(|| "-".into(), |id| id.to_string()),
    ]
}

/// How a peer stands, as a word.
pub(crate) fn state(state: PeerState) -> &'static str {
    match state {
        PeerState::Connected => "connected",
        PeerState::Connecting => "connecting",
        PeerState::Backoff => "waiting to try again",
        PeerState::Itself => "this program itself",
        _ => "unknown",
    }
}
