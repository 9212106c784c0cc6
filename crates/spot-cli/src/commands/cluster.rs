//! `spot cluster`: the cluster as the peers see it, or as a node itself does.

use serde_json::{Value, json};
use serverlink::{ClusterStatus, MemberInfo, MemberState};

use crate::cli::ClusterArgs;
use crate::client::Client;
use crate::failure::Failure;
use crate::http;
use crate::output::{Output, table};

/// The largest answer of an admin server: some 100,000 members.
const MAX_ANSWER_BYTES: u64 = 64 << 20;

pub(crate) fn run(args: &ClusterArgs) -> Result<(), Failure> {
    match &args.admin {
        Some(admin) => as_a_node_sees_it(args, admin),
        None => as_the_peers_tell(args),
    }
}

/// Members and who is reachable. What a majority is, only nodes know, which are told how large the cluster is to be.
fn as_the_peers_tell(args: &ClusterArgs) -> Result<(), Failure> {
    let client = Client::start(
        &args.ask.join,
        &[],
        |options| options.cluster_size = args.cluster_size,
        serverlink::Node::close,
    )?;
    let synced = client.sync(args.ask.timeout);
    // Who is connected to nobody knows nothing of the cluster.
    if synced.is_ok() || client.is_connected() {
        let mut cluster = object(&client.node.cluster());
        if args.cluster_size.is_none() {
            (cluster["quorum"], cluster["has_quorum"]) = (Value::Null, Value::Null);
        }
        print(&cluster, args.ask.json)?;
    }
    synced
}

/// What a node judges, and a failure if it has no majority.
fn as_a_node_sees_it(args: &ClusterArgs, admin: &str) -> Result<(), Failure> {
    let address = http::address(admin)?;
    let cluster = http::get_json(
        address,
        "/api/v1/cluster",
        args.ask.timeout,
        MAX_ANSWER_BYTES,
    )?;
    print(&cluster, args.ask.json)?;
    if cluster["has_quorum"] == true {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "the node has no majority: it reaches {} of {} members, {} are one",
        cluster["reachable"], cluster["size"], cluster["quorum"]
    )))
}

fn print(cluster: &Value, as_json: bool) -> Result<(), Failure> {
    let mut output = Output::new();
    if as_json {
        output.line(&cluster.to_string())?;
    } else {
        output.line(&summary(cluster))?;
        let members = cluster["members"].as_array();
        let rows: Vec<_> = members.into_iter().flatten().map(row).collect();
        for line in table(["NAME", "STATE", "NODE", "ENDPOINTS"], &rows) {
            output.line(&line)?;
        }
    }
    output.flush()
}

/// How many are reachable, what that makes of them, and what is the matter with the others.
fn summary(cluster: &Value) -> String {
    let count = |name: &str| cluster[name].as_u64().unwrap_or_default();
    let (reachable, size) = (count("reachable"), count("size"));
    let (majority, of) = match cluster["has_quorum"].as_bool() {
        Some(true) => (Some("a majority"), "members"),
        Some(false) => (Some("no majority"), "members"),
        None => (None, "known members"),
    };
    let others = if cluster["partitioned"] == true {
        "partitioned".into()
    } else if reachable < size {
        format!("{} not there", size - reachable)
    } else {
        "whole".into()
    };
    let told: Vec<_> = majority
        .map(String::from)
        .into_iter()
        .chain([others])
        .collect();
    format!("{reachable} of {size} {of} reachable: {}", told.join(", "))
}

/// A cluster as an object.
pub(crate) fn object(cluster: &ClusterStatus) -> Value {
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

fn member(member: &MemberInfo) -> Value {
    json!({
        "node": member.node.to_string(),
        "name": member.name,
        "incarnation": member.incarnation,
        "endpoints": member.endpoints,
        "state": state(member.state),
        "reachable": member.reachable,
    })
}

fn row(member: &Value) -> [String; 4] {
    let text = |name: &str| member[name].as_str().unwrap_or("-").to_owned();
    let endpoints: Vec<_> = member["endpoints"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let endpoints = match endpoints[..] {
        [] => "-".into(),
        _ => endpoints.join(","),
    };
    [text("name"), text("state"), text("node"), endpoints]
}

fn state(state: MemberState) -> &'static str {
    match state {
        MemberState::Alive => "alive",
        MemberState::Suspect => "suspect",
        MemberState::Down => "down",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_that_lacks_members_was_whole() {
        let told = |reachable: u32, size: u32, has_quorum: Option<bool>, partitioned: bool| {
            summary(&json!({
                "reachable": reachable, "size": size, "has_quorum": has_quorum, "partitioned": partitioned,
            }))
        };
        for (cluster, expected) in [
            (
                told(3, 3, Some(true), false),
                "3 of 3 members reachable: a majority, whole",
            ),
            (
                told(3, 3, None, false),
                "3 of 3 known members reachable: whole",
            ),
            (
                told(1, 5, Some(false), false),
                "1 of 5 members reachable: no majority, 4 not there",
            ),
            (
                told(1, 3, Some(false), true),
                "1 of 3 members reachable: no majority, partitioned",
            ),
            (
                told(2, 3, None, true),
                "2 of 3 known members reachable: partitioned",
            ),
        ] {
            assert_eq!(cluster, expected);
        }
    }
}
