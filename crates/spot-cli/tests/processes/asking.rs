//! `topics`, `peers` and `sync`, and how nodes stop.

use std::io::Write;
use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{NOBODY, PROGRAM, Spot, spot};

#[test]
fn topics_lists_what_the_peer_offers() {
    let (_node, endpoint) = Spot::node(&["--topic", "b", "--topic", "a:long"]);
    let done = spot(&["topics", "--peer", &endpoint]);
    assert_eq!(done.code, Some(0), "{}", done.reason());
    let words: Vec<Vec<&str>> = done
        .stdout
        .iter()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        words,
        [
            ["TOPIC", "PLACE", "REACHABLE"],
            ["a:long", "remote", "yes"],
            ["b", "remote", "yes"]
        ]
    );
}

#[test]
fn no_topics_is_no_failure() {
    let (_node, endpoint) = Spot::node(&[]);
    let done = spot(&["topics", "--peer", &endpoint]);
    assert_eq!((done.code, done.stdout.len()), (Some(0), 0));
    assert!(done.reason().contains("no topics"), "{}", done.reason());
}

#[test]
fn peers_tells_the_name_and_whose_links_these_are() {
    let (_node, endpoint) = Spot::node(&["--name", "hub", "--topic", "t"]);
    let done = spot(&["peers", "--json", "--peer", &endpoint]);
    assert_eq!(done.code, Some(0), "{}", done.reason());
    let peer: Value = serde_json::from_str(&done.stdout[0]).expect("an object");
    assert_eq!(peer["name"], "hub");
    assert_eq!(peer["state"], "connected");
    assert_eq!(peer["topics"], 1);
    assert!(
        done.reason().contains("links of this program"),
        "{}",
        done.reason()
    );
}

#[test]
fn sync_is_ok_when_every_peer_answers() {
    let (_a, at_a) = Spot::node(&["--topic", "t"]);
    let (_b, at_b) = Spot::node(&[]);
    let done = spot(&["sync", "--peer", &at_a, "--peer", &at_b]);
    assert_eq!(done.code, Some(0), "{}", done.reason());
    assert_eq!(
        done.stdout,
        ["ok: every peer answered (2), topics known: 1"]
    );
}

#[test]
fn sync_names_the_peer_that_is_missing_and_why() {
    let (_node, endpoint) = Spot::node(&[]);
    let done = spot(&[
        "sync",
        "--peer",
        &endpoint,
        "--peer",
        NOBODY,
        "--timeout",
        "0.5",
    ]);
    assert_eq!((done.code, done.stdout.len()), (Some(3), 0));
    let reason = done.reason();
    assert!(
        reason.contains(NOBODY) && !reason.contains(&endpoint),
        "{reason}"
    );
    assert!(reason.contains("refused"), "{reason}");
}

#[test]
fn topics_prints_what_it_learnt_although_a_peer_is_missing() {
    let (_node, endpoint) = Spot::node(&["--topic", "t"]);
    let peers = format!("{endpoint},{NOBODY}");
    let done = spot(&["topics", "--json", "--peer", &peers, "--timeout", "1"]);
    assert_eq!(
        (done.code, done.stdout.len()),
        (Some(3), 1),
        "{}",
        done.reason()
    );
}

#[test]
fn each_signal_stops_a_node_cleanly() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (node, _) = Spot::node(&["--topic", "t"]);
        node.signal(signal);
        let done = node.finish();
        assert_eq!(done.code, Some(0), "{}", done.reason());
    }
}

#[test]
fn a_node_logs_the_coming_and_going_of_peers() {
    let (mut node, endpoint) = Spot::node(&[]);
    let (mut other, _) = Spot::node(&["--name", "other", "--peer", &endpoint]);
    // Both, so that each side of the link stands and can be taken leave of.
    other.wait_for(" up");
    assert!(node.wait_for(" up").contains("other"));
    other.signal(Signal::TERM);
    assert_eq!(other.finish().code, Some(0));
    assert!(node.wait_for(" left").contains("other"));
}

#[test]
fn an_interrupted_pub_has_sent_what_it_read() {
    let (_node, endpoint) = Spot::node(&["--topic", "t"]);
    let mut sub = Spot::run(&["sub", "t", "-n", "1", "--peer", &endpoint]);
    sub.wait_for("subscribed");
    let mut publisher = Spot::run(&["pub", "t", "--peer", &endpoint]);
    publisher.type_in(b"first\n");
    assert_eq!(sub.finish().stdout, ["t first"]);
    publisher.signal(Signal::INT);
    assert_eq!(publisher.end().code, Some(130));
}

#[test]
fn an_interrupted_wait_is_no_success() {
    let mut sub = Spot::run(&["sub", "t", "-n", "1", "--bind", "tcp://127.0.0.1:0"]);
    let mut publisher = Spot::run(&["pub", "t", "x", "--bind", "tcp://127.0.0.1:0"]);
    publisher.wait_for("waiting for 1 subscriber");
    sub.wait_for("subscribed");
    for waiting in [sub, publisher] {
        waiting.signal(Signal::INT);
        assert_eq!(waiting.finish().code, Some(130));
    }
}

/// The bind was made inside the line that tells of it, which a quiet log never made.
#[test]
fn a_node_with_a_quiet_log_listened_nowhere() {
    let path = std::env::temp_dir().join(format!("spot-quiet-{}", std::process::id()));
    let endpoint = format!("ipc://{}", path.display());
    let args = [
        "node", "--bind", &endpoint, "--topic", "t", "--log", "error",
    ];
    let _node = Spot::run(&args);
    let done = spot(&["topics", "--peer", &endpoint, "--timeout", "30"]);
    assert_eq!(done.code, Some(0), "{}", done.reason());
    assert_eq!(done.stdout.len(), 2);
}

/// `nohup` asks to outlive the terminal.
#[test]
fn a_hang_up_that_is_ignored_stays_ignored() {
    let mut command = std::process::Command::new("nohup");
    command.args([PROGRAM, "node", "--bind", "tcp://127.0.0.1:0"]);
    let mut node = Spot::spawn(command);
    let endpoint = node.endpoint();
    node.signal(Signal::HUP);
    assert_eq!(spot(&["sync", "--peer", &endpoint]).code, Some(0));
    node.signal(Signal::TERM);
    assert_eq!(node.finish().code, Some(0));
}

/// A node that hung up took no leave, so that its peers had lost it.
#[test]
fn a_node_whose_terminal_closed_took_no_leave() {
    let (mut node, endpoint) = Spot::node(&[]);
    let (mut other, _) = Spot::node(&["--name", "other", "--peer", &endpoint]);
    other.wait_for(" up");
    node.wait_for(" up");
    other.signal(Signal::HUP);
    let done = other.finish();
    assert_eq!(done.code, Some(0));
    assert!(!done.reason().contains("WARN"), "{}", done.reason());
    assert!(node.wait_for(" left").contains("other"));
}

#[test]
fn a_node_out_of_descriptors_was_silent() {
    let mut command = std::process::Command::new("sh");
    let script =
        format!("ulimit -n 32; exec {PROGRAM} node --bind tcp://127.0.0.1:0 --admin 127.0.0.1:0");
    command.args(["-c", &script]);
    let mut node = Spot::spawn(command);
    let endpoint = node.endpoint();
    let line = node.wait_for("admin server at http://");
    let (_, admin) = line.split_once("http://").expect("waited for it");
    let address = endpoint.strip_prefix("tcp://").expect("bound to TCP");
    let crowd: Vec<_> = (0..32).map(|_| TcpStream::connect(address)).collect();
    let told = node.wait_for("WARN");
    for part in [&endpoint, "Too many open files", "ulimit -n"] {
        assert!(told.contains(part), "{told}");
    }
    // Those who ask how it is are not kept out by a crowd.
    let health = spot(&["health", "--admin", admin]);
    assert_eq!(health.code, Some(0), "{}", health.reason());
    drop(crowd);
    // Whoever waited is served once there is room again.
    assert_eq!(spot(&["sync", "--peer", &endpoint]).code, Some(0));
    node.signal(Signal::TERM);
    let told = node.finish().stderr;
    let warnings = told.iter().filter(|line| line.contains("ulimit"));
    assert_eq!(warnings.count(), 1, "{told:#?}");
}

#[test]
fn a_plain_subscriber_that_closed_alarmed() {
    let (mut node, endpoint) = Spot::node(&["--topic", "t"]);
    let address = endpoint.strip_prefix("tcp://").expect("bound to TCP");
    let plain = plain_subscriber(address);
    node.wait_for(" up");
    drop(plain);
    let gone = node.wait_for(" gone");
    assert!(gone.contains("INFO"), "{gone}");
    node.signal(Signal::TERM);
    let done = node.finish();
    assert!(!done.reason().contains("WARN"), "{}", done.reason());
}

/// A ZeroMQ SUB socket, by its bytes: greeting and READY.
fn plain_subscriber(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("connected");
    let mut greeting = [0_u8; 64];
    greeting[0] = 0xff;
    greeting[9] = 0x7f;
    greeting[10] = 3;
    greeting[12..16].copy_from_slice(b"NULL");
    let ready = b"\x05READY\x0bSocket-Type\0\0\0\x03SUB";
    let size = u8::try_from(ready.len()).expect("short");
    stream.write_all(&greeting).expect("written");
    stream.write_all(&[4, size]).expect("written");
    stream.write_all(ready).expect("written");
    stream
}

/// Both endpoints were said to have answered, of two nodes that are one to everybody else.
#[test]
fn a_node_left_out_for_its_name_was_said_to_answer() {
    let (_first, at_first) = Spot::node(&["--name", "same"]);
    let (_second, at_second) = Spot::node(&["--name", "same"]);
    let peers = format!("{at_first},{at_second}");
    let synced = spot(&["sync", "--peer", &peers]);
    let told = format!("{at_first} and {at_second} lead to one node");
    assert!(synced.reason().contains(&told), "{}", synced.reason());
    assert_eq!(
        synced.stdout,
        ["ok: every peer answered (1 at 2 endpoints), topics known: 0"]
    );
    let listed = spot(&["peers", "--peer", &peers]);
    assert!(listed.reason().contains(&told), "{}", listed.reason());
    let shared = listed
        .stdout
        .iter()
        .filter(|line| line.contains("connected, shared"));
    assert_eq!(shared.count(), 2, "{:#?}", listed.stdout);
    let mut sub = Spot::run(&["sub", "t*", "--peer", &peers]);
    sub.wait_for("one is left out");
}
