//! `spot cluster`: the cluster as the peers see it.

use serde_json::json;
use serverlink::{ClusterStatus, MemberInfo, MemberState};

use crate::cli::ClusterArgs;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Output, table};

pub(crate) fn run(args: &ClusterArgs) -> Result<(), Failure> {
    let client = Client::start(
        &args.ask.join,
        &[],
        |options| options.cluster_size = args.cluster_size,
        serverlink::Node::close,
    )?;
    let synced = client.sync(args.ask.timeout);
    // Who is connected to nobody knows nothing of the cluster.
    if synced.is_ok() || client.is_connected() {
        print(&client.node.cluster(), args.ask.json)?;
    }
    synced
}

fn print(cluster: &ClusterStatus, as_json: bool) -> Result<(), Failure> {
    let mut output = Output::new();
    if as_json {
        output.line(&object(cluster).to_string())?;
    } else {
        output.line(&summary(cluster))?;
        let rows: Vec<_> = cluster.members.iter().map(row).collect();
        for line in table(["NAME", "STATE", "NODE", "ENDPOINTS"], &rows) {
            output.line(&line)?;
        }
    }
    output.flush()
}

fn summary(cluster: &ClusterStatus) -> String {
    let majority = if cluster.has_quorum {
        "a majority"
    } else {
        "no majority"
    };
    let parts = if cluster.partitioned {
        "partitioned"
    } else {
        "whole"
    };
    let ClusterStatus {
        reachable, size, ..
    } = cluster;
    format!("{reachable} of {size} members reachable: {majority}, {parts}")
}

/// A cluster as an object.
pub(crate) fn object(cluster: &ClusterStatus) -> serde_json::Value {
    let members: Vec<_> = cluster.members.iter().map(member).collect();
    json!({
        "size": cluster.size,
        "reachable": cluster.reachable,
        "quorum": cluster.quorum,
        "has_quorum": cluster.has_quorum,
        "partitioned": cluster.partitioned,
        "members": members,
    })
}

fn member(member: &MemberInfo) -> serde_json::Value {
    json!({
        "node": member.node.to_string(),
        "name": member.name,
        "incarnation": member.incarnation,
        "endpoints": member.endpoints,
        "state": state(member.state),
        "reachable": member.reachable,
    })
}

fn row(member: &MemberInfo) -> [String; 4] {
    let endpoints = member.endpoints.join(",");
    [
        member.name.clone().unwrap_or_else(|| "-".into()),
        state(member.state).into(),
        member.node.to_string(),
        if endpoints.is_empty() {
            "-".into()
        } else {
            endpoints
        },
    ]
}

fn state(state: MemberState) -> &'static str {
    match state {
        MemberState::Alive => "alive",
        MemberState::Suspect => "suspect",
        MemberState::Down => "down",
    }
}
