//! `cluster`, `events`, and nodes that find each other or refuse.

use rustix::process::Signal;
use serde_json::Value;

use crate::admin;
use crate::support::{DEADLINE, Done, NOBODY, Spot, command, spot};

/// The cluster as the node at `endpoint` sees it.
fn cluster(endpoint: &str) -> Value {
    let done = spot(&["cluster", "--json", "--peer", endpoint]);
    assert_eq!(done.code, Some(0), "{}", done.reason());
    serde_json::from_str(&done.stdout[0]).expect("an object")
}

/// Asks until the answer is as wanted.
fn eventually(endpoint: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = std::time::Instant::now() + DEADLINE;
    loop {
        let seen = cluster(endpoint);
        if wanted(&seen) {
            return seen;
        }
        assert!(std::time::Instant::now() < deadline, "still {seen}");
    }
}

fn three() -> ([Spot; 3], String) {
    let (a, at_a) = Spot::node(&["--name", "a"]);
    let others = ["b", "c"].map(|name| Spot::node(&["--name", name, "--peer", &at_a]).0);
    let [b, c] = others;
    eventually(&at_a, |seen| seen["reachable"] == 3);
    ([a, b, c], at_a)
}

#[test]
fn a_node_that_was_dialled_is_told_why_another_of_its_name_puts_it_out() {
    let (mut first, at_first) = Spot::node(&["--name", "dup", "--topic", "one"]);
    let (mut witness, at_witness) = Spot::node(&["--name", "w", "--peer", &at_first]);
    witness.wait_for("topic one offered");
    let (mut second, at_second) = Spot::node(&["--name", "dup", "--peer", &at_witness]);
    second.wait_for("peer w");
    let told = first.wait_for("peer w (");
    let told = if told.contains(" up") {
        first.wait_for("peer w (")
    } else {
        told
    };
    assert!(told.contains("two nodes have the same name"), "{told}");
    // Nor is one left in the dark that is dialled by somebody who knows its namesake.
    let (_third, _) = Spot::node(&["--name", "z", "--peer", &format!("{at_second},{at_first}")]);
    first.wait_for("two nodes have the same name");
}

#[test]
fn two_nodes_of_one_name_that_dialled_each_other_said_nothing() {
    let place = |which| {
        let file = format!("spot-namesakes-{}-{which}", std::process::id());
        format!("ipc://{}", std::env::temp_dir().join(file).display())
    };
    let (at_a, at_b) = (place("a"), place("b"));
    let node = |name: &str, own: &str, other: &str| {
        let mut node = Spot::run(&["node", "--name", name, "--bind", own, "--peer", other]);
        node.endpoint();
        node
    };
    let remedy = "two nodes have the same name, give each its own: \"x\"";
    let mut a = node("x", &at_a, &at_b);
    let mut b = node("x", &at_b, &at_a);
    for (node, own, other) in [(&mut a, &at_a, &at_b), (&mut b, &at_b, &at_a)] {
        node.wait_for_each(vec![
            format!("cannot connect to {other}: {remedy}"),
            format!("rejected the connection with {own}: {remedy}"),
        ]);
    }
    b.signal(Signal::TERM);
    assert_eq!(b.finish().code, Some(0));
    let _y = node("y", &at_b, &at_a);
    a.wait_for("peer y");
}

#[test]
fn cluster_shows_the_members_and_not_itself() {
    let (_nodes, at_a) = three();
    let seen = cluster(&at_a);
    assert_eq!(
        (&seen["size"], &seen["partitioned"]),
        (&3.into(), &false.into())
    );
    // What a majority is, the nodes know, which were told how many there are to be.
    assert_eq!(
        (&seen["quorum"], &seen["has_quorum"]),
        (&Value::Null, &Value::Null)
    );
    let members = seen["members"].as_array().expect("a list");
    let mut names: Vec<_> = members
        .iter()
        .filter_map(|member| member["name"].as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "b", "c"]);
    let done = spot(&["cluster", "--peer", &at_a]);
    assert_eq!(done.stdout[0], "3 of 3 known members reachable: whole");
    assert!(done.stdout[1].starts_with("NAME"), "{:?}", done.stdout);
    assert_eq!(done.stdout.len(), 5);
    let done = spot(&["cluster", "--peer", &at_a, "--cluster-size", "7"]);
    assert_eq!(
        done.stdout[0],
        "3 of 7 members reachable: no majority, 4 not there"
    );
    let done = spot(&["cluster", "--peer", &at_a, "--cluster-size", "3"]);
    assert_eq!(
        done.stdout[0],
        "3 of 3 members reachable: a majority, whole"
    );
}

#[test]
fn a_lone_node_of_a_cluster_of_three_was_told_as_a_majority_by_the_tool() {
    let (mut node, endpoint, admin) = admin::node(&["--name", "a", "--cluster-size", "3"]);
    node.wait_for("no majority: 1 of 3 members reachable, 2 are one");
    let done = spot(&["cluster", "--peer", &endpoint]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(done.stdout[0], "1 of 1 known members reachable: whole");
    let done = spot(&["cluster", "--admin", &admin]);
    assert_eq!(done.code, Some(1), "{done:?}");
    assert_eq!(
        done.stdout[0],
        "1 of 3 members reachable: no majority, 2 not there"
    );
    assert!(done.stdout[2].starts_with("a "), "{done:?}");
    assert!(
        done.reason().contains("the node has no majority"),
        "{done:?}"
    );
    let (mut second, _) = Spot::node(&["--name", "b", "--cluster-size", "3", "--peer", &endpoint]);
    node.wait_for("a majority: 2 of 3 members reachable");
    let done = spot(&[
        "cluster",
        "--json",
        "--admin",
        &admin.replace("127.0.0.1", "localhost"),
    ]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let seen: Value = serde_json::from_str(&done.stdout[0]).expect("an object");
    assert_eq!(
        (&seen["quorum"], &seen["has_quorum"]),
        (&2.into(), &true.into())
    );
    // One that leaves cuts nobody off, and is missed all the same.
    second.signal(Signal::TERM);
    node.wait_for("no majority: 1 of 3 members reachable");
    second.wait_for("stopped");
    let done = spot(&["cluster", "--admin", "127.0.0.1:1"]);
    assert_eq!((done.code, done.stdout.len()), (Some(1), 0), "{done:?}");
    assert!(
        done.reason().contains("is a node running there"),
        "{done:?}"
    );
}

#[test]
fn cluster_that_connected_to_nobody_told_of_one_that_is_whole() {
    for json in [&[][..], &["--json"]] {
        let args = ["cluster", "--timeout", "0.2", "--peer", NOBODY];
        let done = spot(&[&args, json].concat());
        assert_eq!((done.code, done.stdout.len()), (Some(3), 0), "{done:?}");
        assert!(done.reason().contains("not connected"), "{done:?}");
    }
}

#[test]
fn events_tell_who_leaves_and_who_is_killed() {
    let ([_a, b, c], at_a) = three();
    let mut events = Spot::run(&["events", "--json", "--peer", &at_a]);
    let mut wait_for = |kind: &str| loop {
        let event: Value = serde_json::from_str(&events.line()).expect("an object");
        if event["event"] == kind {
            return event;
        }
    };
    for _ in 0..3 {
        wait_for("member-up");
    }
    b.signal(Signal::TERM);
    assert_eq!(b.finish().code, Some(0));
    let left = wait_for("member-down");
    assert_eq!((&left["name"], &left["left"]), (&"b".into(), &true.into()));
    c.signal(Signal::KILL);
    let suspect = wait_for("member-suspect");
    assert_eq!(suspect["name"], "c");
    let down = wait_for("member-down");
    assert_eq!((&down["name"], &down["left"]), (&"c".into(), &false.into()));
    let partition = wait_for("partition");
    assert_eq!(
        (&partition["reachable"], &partition["size"]),
        (&1.into(), &2.into())
    );
    assert_eq!(partition["majority"], false);
    let (_again, _) = Spot::node(&["--name", "c", "--peer", &at_a]);
    wait_for("heal");
    events.signal(Signal::INT);
    assert_eq!(events.finish().code, Some(0));
}

#[test]
fn events_that_never_connected_were_a_success() {
    let done = spot(&["events", "--timeout", "0.5", "--peer", NOBODY]);
    assert_eq!(done.code, Some(3), "{done:?}");
    assert!(done.reason().contains("not connected within"), "{done:?}");
    assert!(
        done.stdout[0].starts_with("connect-failed "),
        "{:?}",
        done.stdout
    );
}

#[test]
fn events_of_a_program_that_lost_its_only_peer_told_of_a_heal() {
    let ([a, _b, _c], at_a) = three();
    let mut events = Spot::run(&["events", "--peer", &at_a]);
    let mut wait_for = |text: &str| while !events.line().contains(text) {};
    for _ in 0..3 {
        wait_for("member-up ");
    }
    a.signal(Signal::TERM);
    assert_eq!(a.finish().code, Some(0));
    wait_for("partition reachable=0 size=2");
    events.wait_for("connected to nobody");
    events.signal(Signal::INT);
    let done = events.finish();
    assert_eq!(done.code, Some(0));
    let healed = done.stdout.iter().any(|line| line.starts_with("heal"));
    assert!(!healed, "{:?}", done.stdout);
}

#[test]
fn events_told_of_no_gap_as_they_listened_to_no_topic() {
    let (_owner, endpoint, admin) = admin::node(&["--topic", "t", "--set", "limits.hwm=5"]);
    let mut events = Spot::run(&["events", "t", "--json", "--peer", &endpoint]);
    let listeners = || admin::json(&admin, "/api/v1/topics")["topics"][0]["subscribers"].clone();
    admin::eventually(listeners, |count| *count == 1);
    events.signal(Signal::STOP);
    let payload = "x".repeat(60_000);
    let args = ["pub", "t", &payload, "-n", "300", "--peer", &endpoint];
    assert_eq!(spot(&args).code, Some(0));
    events.signal(Signal::CONT);
    let gap = loop {
        let event: Value = serde_json::from_str(&events.line()).expect("an object");
        if event["event"] == "gap" {
            break event;
        }
    };
    assert_eq!(gap["topic"], "t");
    assert!(
        gap["missed"].as_u64().is_some_and(|missed| missed > 0),
        "{gap}"
    );
}

#[test]
fn events_stop_after_a_count_or_a_time() {
    let (_node, endpoint) = Spot::node(&["--name", "a", "--topic", "t"]);
    let done = spot(&["events", "-n", "2", "--peer", &endpoint]);
    assert_eq!(
        (done.code, done.stdout.len()),
        (Some(0), 2),
        "{}",
        done.reason()
    );
    assert!(done.stdout[0].starts_with("peer-up "), "{:?}", done.stdout);
    let done = spot(&["events", "-n", "9", "--timeout", "0.5", "--peer", &endpoint]);
    assert_eq!(done.code, Some(3), "{}", done.reason());
    assert!(done.reason().contains("events within"), "{}", done.reason());
}

#[test]
fn one_seed_is_enough_where_the_environment_says_gossip() {
    let gossip = |args: &[&str]| {
        let mut node = command(&[&["node", "--bind", "tcp://127.0.0.1:0"], args].concat());
        node.env("SPOT_DISCOVERY", "gossip");
        let mut node = Spot::spawn(node);
        let endpoint = node.endpoint();
        (node, endpoint)
    };
    let (_seed, at_seed) = gossip(&["--name", "seed"]);
    let (mut first, _) = gossip(&["--name", "first", "--peer", &at_seed]);
    let (_second, _) = gossip(&["--name", "second", "--peer", &at_seed]);
    assert!(first.wait_for("peer second").contains(" up"));
}

#[test]
fn options_of_the_cluster_are_checked_and_taken() {
    let (_node, endpoint) = Spot::node(&["--name", "a"]);
    let refusing = [
        "--cluster-size",
        "3",
        "--minority",
        "refuse",
        "--peer",
        &endpoint,
    ];
    let (mut node, _) = Spot::node(&[&refusing[..], &["--name", "b", "--topic", "t"]].concat());
    node.wait_for("member a is there");
    let refused: Done = spot(&["node", "--minority", "maybe"]);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.reason().contains("go-on or refuse"),
        "{}",
        refused.reason()
    );
    let refused = spot(&["node", "--cluster-size", "0", "--bind", "tcp://127.0.0.1:0"]);
    assert_eq!(refused.code, Some(2), "{}", refused.reason());
    assert!(
        refused.reason().contains("cluster_size"),
        "{}",
        refused.reason()
    );
}
