//! What is wrong is told in one line, with the value, and has its exit code.

use rustix::process::Signal;

use crate::support::{NOBODY, Spot, command, spot};

/// Runs to the end, which must be a failure with this code and a reason that contains each of `words`.
#[track_caller]
fn refused(args: &[&str], code: i32, words: &[&str]) {
    let done = spot(args);
    let reason = done.reason();
    assert_eq!(
        (done.code, done.stdout.len()),
        (Some(code), 0),
        "{args:?}: {reason}"
    );
    for word in words {
        assert!(reason.contains(word), "{args:?}: no {word:?} in: {reason}");
    }
}

#[test]
fn malformed_endpoints_are_usage_errors() {
    refused(
        &["node", "--bind", "tcp://127.0.0.1"],
        2,
        &["tcp://127.0.0.1", "port"],
    );
    refused(&["node", "--bind", "http://*:80"], 2, &["http://*:80"]);
    refused(
        &["node", "--bind", "tcp://127.0.0.1:0", "--peer", "a"],
        2,
        &["\"a\""],
    );
    refused(&["sync", "--peer", "tcp://*:5555"], 2, &["tcp://*:5555"]);
    refused(&["sub", "t", "--peer", "tcp://a:99999"], 2, &["99999"]);
}

#[test]
fn malformed_topics_are_usage_errors() {
    let long = "x".repeat(256);
    refused(&["pub", &long, "d"], 2, &["256"]);
    refused(&["sub", &long], 2, &["256"]);
    refused(&["sub", "a[b"], 2, &["a[b"]);
    refused(
        &["node", "--bind", "tcp://127.0.0.1:0", "--topic", &long],
        2,
        &["256"],
    );
}

#[cfg(unix)]
#[test]
fn a_topic_that_is_not_utf8_is_a_usage_error() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let mut command = command(&["sub"]);
    command.arg(OsStr::from_bytes(b"t\xff"));
    let done = Spot::spawn(command).finish();
    assert_eq!(done.code, Some(2));
    assert!(done.reason().contains("UTF-8"), "{}", done.reason());
}

#[test]
fn unknown_commands_and_flags_are_usage_errors() {
    refused(&["frob"], 2, &["frob"]);
    refused(&["sub", "t", "--frob"], 2, &["--frob"]);
}

#[test]
fn a_port_in_use_is_told() {
    let (_node, endpoint) = Spot::node(&[]);
    refused(&["node", "--bind", &endpoint], 1, &[&endpoint, "in use"]);
}

#[test]
fn a_topic_that_nobody_hosts_is_told_with_the_remedy() {
    let (_node, endpoint) = Spot::node(&["--topic", "t"]);
    refused(
        &["pub", "u", "x", "--peer", &endpoint, "--timeout", "0.3"],
        3,
        &["\"u\"", &endpoint, "within 300 ms", "--topic u", "--bind"],
    );
}

#[test]
fn the_timeout_meant_nothing_where_nobody_hosts_the_topic_yet() {
    let (_hub, endpoint) = Spot::node(&["--relay"]);
    let mut publisher = Spot::run(&["pub", "u", "x", "--peer", &endpoint, "--timeout", "60"]);
    publisher.wait_for("offers topic \"u\" yet: waiting up to 60 s");
    let (_owner, _) = Spot::node(&["--topic", "u", "--peer", &endpoint]);
    let done = publisher.finish();
    assert_eq!(done.code, Some(0), "{done:?}");
}

#[test]
fn a_node_that_is_not_there_is_told_with_the_reason() {
    let peer = ["--peer", NOBODY, "--timeout", "0.5"];
    for command in [&["pub", "t", "x"][..], &["topics"], &["sync"]] {
        refused(&[command, &peer].concat(), 3, &[NOBODY, "refused"]);
    }
    refused(
        &[&["sub", "t"][..], &peer].concat(),
        3,
        &[NOBODY, "refused", "0 messages"],
    );
}

#[test]
fn a_name_that_does_not_resolve_is_told() {
    // RFC 6761 keeps "invalid" out of every DNS.
    let peer = "tcp://nowhere.invalid:5555";
    refused(
        &["sync", "--peer", peer, "--timeout", "5"],
        3,
        &[peer, "resolve"],
    );
}

#[test]
fn too_few_messages_in_time_is_a_timeout() {
    let (_node, endpoint) = Spot::node(&["--topic", "t"]);
    refused(
        &[
            "sub",
            "t",
            "-n",
            "2",
            "--timeout",
            "0.5",
            "--peer",
            &endpoint,
        ],
        3,
        &["0 messages"],
    );
}

#[test]
fn too_few_subscribers_in_time_is_a_timeout() {
    let args = [
        "pub",
        "t",
        "x",
        "--bind",
        "tcp://127.0.0.1:0",
        "--timeout",
        "0.2",
    ];
    refused(
        &args,
        3,
        &["0 of 1 subscribers", "spot sub t --peer tcp://127.0.0.1:"],
    );
}

#[test]
fn a_topic_at_another_member_was_said_to_be_nowhere() {
    let (mut seed, at_seed) = Spot::node(&["--name", "seed"]);
    let gossip = ["--discovery", "gossip", "--peer", &at_seed];
    let (_owner, at_owner) = Spot::node(&[&["--topic", "t"], &gossip[..]].concat());
    seed.wait_for("topic t offered");
    let told = ["named with --peer", "--relay", "spot cluster"];
    let args = ["pub", "t", "x", "--peer", &at_seed, "--timeout", "0.3"];
    refused(&args, 3, &told);
    let mut sub = Spot::run(&["sub", "t", "-n", "1", "--peer", &at_seed]);
    let line = sub.wait_for("offers t yet");
    for word in told {
        assert!(line.contains(word), "no {word:?} in: {line}");
    }
    let done = spot(&["pub", "t", "x", "--peer", &at_owner]);
    assert_eq!(done.code, Some(0), "{}", done.reason());
}

#[test]
fn negative_numbers_were_taken_for_flags() {
    let join = ["--peer", NOBODY];
    for (args, flag) in [
        (&["sub", "t", "--timeout", "-1"][..], "--timeout"),
        (&["sub", "t", "--hwm", "-1"], "--hwm"),
        (&["sub", "t", "-n", "-1"], "--count"),
        (&["pub", "t", "x", "-n", "-1"], "--count"),
        // Nothing at all was done for none, or only after a connection was made.
        (&["sub", "t", "-n", "0"], "--count"),
        (&["pub", "t", "x", "-n", "0"], "--count"),
        (&["events", "-n", "0"], "--count"),
        (&["pub", "t", "x", "--rate", "-0.5"], "--rate"),
        (&["pub", "t", "x", "--linger", "-1"], "--linger"),
        (&["pub", "t", "x", "--timeout", "-1"], "--timeout"),
        (
            &[
                "pub",
                "t",
                "x",
                "--bind",
                "ipc://x",
                "--wait-subscribers",
                "-1",
            ],
            "--wait-subscribers",
        ),
        (&["sync", "--timeout", "-2"], "--timeout"),
    ] {
        let args = [args, &join].concat();
        refused(&args, 2, &[flag, "invalid value", "at least"]);
    }
}

#[test]
fn a_node_said_that_it_runs_before_it_refused_its_arguments() {
    for wrong in [
        ["--bind", "tcp://127.0.0.1"],
        ["--peer", "nonsense"],
        ["--topic", &"x".repeat(256)],
        ["--name", &"x".repeat(256)],
    ] {
        let args = [&["node", "--topic", "t"], &wrong[..]].concat();
        let done = spot(&args);
        let reason = done.reason();
        assert_eq!(done.code, Some(2), "{args:?}: {reason}");
        for said in ["started", "hosting", "listening"] {
            assert!(!reason.contains(said), "{args:?}: {reason}");
        }
    }
}

#[test]
fn empty_values_were_silently_left_out() {
    for (option, value) in [
        ("--topic", ""),
        ("--topic", "a,,b"),
        ("--topic", "a, "),
        ("--name", ""),
        ("--peer", ""),
        ("--peer", "tcp://127.0.0.1:1,"),
        ("--bind", ","),
    ] {
        refused(&["node", option, value], 2, &[option, "empty"]);
    }
    refused(&["sync", "--peer", ""], 2, &["--peer", "empty"]);

    let mut listed = command(&["node", "--bind", "tcp://127.0.0.1:0"]);
    listed.env("SPOT_TOPICS", "a,,b");
    let done = Spot::spawn(listed).finish();
    assert_eq!(done.code, Some(2));
    assert!(done.reason().contains("--topic"), "{}", done.reason());
}

#[test]
fn any_word_in_the_relay_variable_made_a_hub() {
    let node = |value: &str| {
        let mut node = command(&["node", "--bind", "tcp://127.0.0.1:0"]);
        node.env("SPOT_RELAY", value);
        Spot::spawn(node)
    };
    node("1").wait_for("relaying");
    let done = node("yes").finish();
    assert_eq!(done.code, Some(2), "{}", done.reason());
    for word in ["yes", "--relay", "1 or true", "0 or false"] {
        assert!(done.reason().contains(word), "{}", done.reason());
    }
    for off in ["0", ""] {
        let mut node = node(off);
        node.endpoint();
        node.signal(Signal::TERM);
        assert!(!node.finish().reason().contains("relaying"), "{off:?}");
    }
}

#[test]
fn an_empty_variable_is_not_set() {
    let mut node = command(&["node", "--bind", "tcp://127.0.0.1:0"]);
    for variable in ["SPOT_BIND", "SPOT_CLUSTER", "SPOT_TOPICS", "SPOT_NAME"] {
        node.env(variable, "");
    }
    Spot::spawn(node).endpoint();
}

#[test]
fn endpoints_where_nobody_can_be_were_taken() {
    for args in [
        &["node", "--bind", "inproc://x"][..],
        &["node", "--peer", "inproc://x"],
        &["sub", "t", "--peer", "inproc://x"],
        &["pub", "t", "x", "--bind", "inproc://x"],
        &["sync", "--peer", "inproc://x"],
    ] {
        refused(args, 2, &["inproc://x", "tcp:// or ipc://"]);
    }
    let done = spot(&["sync", "--peer", "http://a:1"]);
    assert!(!done.reason().contains("inproc"), "{}", done.reason());
}

#[test]
fn times_were_told_as_rust_prints_them() {
    let nobody = ["--peer", NOBODY, "--timeout"];
    refused(
        &[&["sub", "t"][..], &nobody, &["0"]].concat(),
        3,
        &["0 messages received within 0 ms"],
    );
    refused(
        &[&["sync"][..], &nobody, &["0.25"]].concat(),
        3,
        &["within 250 ms"],
    );
    let args = [
        "pub",
        "t",
        "x",
        "--bind",
        "tcp://127.0.0.1:0",
        "--timeout",
        "0.2",
    ];
    refused(
        &args,
        3,
        &["waiting for 1 subscriber of t", "within 200 ms"],
    );
}
