//! `spot top` on a pseudo terminal, with nodes that die and return.

use rustix::process::Signal;
use serde_json::Value;

use crate::pty::OnTerminal;
use crate::support::{Spot, command, spot};

/// A node with an admin server at a port of its own, or at this address.
fn watched(admin: &str, args: &[&str]) -> (Spot, String, String) {
    let mut command = command(&[&["node", "--bind", "tcp://127.0.0.1:0"], args].concat());
    command.env("SPOT_ADMIN", admin);
    let mut node = Spot::spawn(command);
    let endpoint = node.endpoint();
    let line = node.wait_for("admin server at http://");
    let (_, address) = line.split_once("http://").expect("waited for it");
    let address = address.to_owned();
    (node, endpoint, address)
}

#[test]
fn a_member_that_is_killed_and_a_node_that_returns_are_seen() {
    let (node, endpoint, admin) = watched("127.0.0.1:0", &["--name", "watched", "--topic", "t:1"]);
    let (other, at_other) = Spot::node(&["--name", "other", "--topic", "t:2", "--peer", &endpoint]);
    let mut top = OnTerminal::run(&["top", "--admin", &admin, "--interval", "0.1"], 24, 120);
    top.wait_for_text("2 of 2 members reachable, a majority; ready");
    top.wait_for_text(&at_other);
    top.press("3");
    top.wait_for("both topics", |screen| {
        screen.contains("t:1") && screen.contains("t:2")
    });
    top.press("1");
    other.signal(Signal::KILL);
    drop(other);
    top.wait_for("that it is down", |screen| {
        screen.contains("PARTITIONED, out of reach: other") && screen.contains("DOWN")
    });
    // The node itself dies, which is told over what was known of it, and returns.
    drop(node);
    top.wait_for("that it is gone", |screen| {
        screen.contains("CANNOT REACH") && screen.contains("watched (")
    });
    let (_node, ..) = watched(&admin, &["--name", "watched", "--topic", "t:3"]);
    top.wait_for_text("1 of 1 members reachable, a majority; ready");
    top.press("3");
    top.wait_for_text("t:3");
    top.press("q");
    assert_eq!(top.ends_and_gives_the_terminal_back(), Some(0));
}

#[test]
fn another_size_is_taken_up_and_a_signal_gives_the_terminal_back() {
    let (_node, _, admin) = watched("127.0.0.1:0", &["--name", "a"]);
    for signal in [Signal::TERM, Signal::INT] {
        let mut top = OnTerminal::run(&["top", "--admin", &admin], 24, 100);
        top.wait_for_text("q quit  1-4 Tab views  arrows PgUp PgDn scroll  s sort");
        top.resize(12, 40);
        top.wait_for("a small screen", |screen| {
            screen.lines().count() == 12
                && screen
                    .lines()
                    .last()
                    .is_some_and(|line| line.starts_with("q quit"))
        });
        top.signal(signal);
        assert_eq!(top.ends_and_gives_the_terminal_back(), Some(0));
    }
}

#[test]
fn a_snapshot_needs_no_terminal_and_watching_does() {
    let (_node, _, admin) = watched("127.0.0.1:0", &["--name", "a", "--topic", "t"]);
    let refused = spot(&["top", "--admin", &admin]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.reason().contains("--once"), "{refused:?}");
    let once = spot(&["top", "--admin", &admin, "--once"]);
    assert_eq!(once.code, Some(0), "{once:?}");
    let text = once.stdout.join("\n");
    assert!(
        text.contains("1 of 1 members reachable, a majority; ready"),
        "{text}"
    );
    assert!(text.contains("Topics: 1\nTOPIC"), "{text}");
    let named = admin.replace("127.0.0.1", "localhost");
    let json = spot(&["top", "--admin", &named, "--once", "--json"]);
    let object: Value = serde_json::from_str(&json.stdout[0]).expect("an object");
    assert_eq!(object["node"]["name"], "a");
    assert_eq!(object["topics"][0]["topic"], "t");
    assert_eq!(object["ready"]["ready"], true);
}

#[test]
fn a_port_of_nodes_was_taken_for_one_that_does_not_answer() {
    let (_node, endpoint, _) = watched("127.0.0.1:0", &[]);
    let address = endpoint.trim_start_matches("tcp://");
    for args in [
        &["health", "--admin", address][..],
        &["top", "--once", "--admin", address],
    ] {
        let done = spot(args);
        assert_eq!(done.code, Some(1), "{done:?}");
        assert!(
            done.reason()
                .contains("this is where a node listens for other nodes"),
            "{done:?}"
        );
    }
}
