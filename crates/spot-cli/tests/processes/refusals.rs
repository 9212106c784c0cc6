//! What is wrong is told in one line, with the value, and has its exit code.

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
        &["pub", "u", "x", "--peer", &endpoint],
        1,
        &["\"u\"", &endpoint, "--topic u", "--bind"],
    );
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
