//! Nodes, publishers and subscribers as real processes that talk over the loopback.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{NOBODY, Spot, command, spot};

/// A subscriber at `endpoint` whose subscription stands.
fn subscriber(endpoint: &str, args: &[&str]) -> Spot {
    let mut sub = Spot::run(&[&["sub", "--peer", endpoint], args].concat());
    sub.wait_for("subscribed to");
    sub
}

#[test]
fn a_message_goes_from_pub_through_a_node_to_sub() {
    let (_node, endpoint) = Spot::node(&["--topic", "chat:lobby"]);
    let sub = subscriber(&endpoint, &["chat:lobby", "-n", "1"]);
    let published = spot(&["pub", "chat:lobby", "hello", "--peer", &endpoint]);
    assert_eq!((published.code, published.reason().as_str()), (Some(0), ""));
    let received = sub.finish();
    assert_eq!(received.code, Some(0), "{}", received.reason());
    assert_eq!(received.stdout, ["chat:lobby hello"]);
}

#[test]
fn a_node_that_relays_connects_nodes_that_know_only_it() {
    let (_hub, hub) = Spot::node(&["--relay"]);
    let mut owner = Spot::run(&["node", "--topic", "far:away", "--peer", &hub]);
    owner.wait_for("up");
    let sub = subscriber(&hub, &["far:away", "-n", "1"]);
    let published = spot(&["pub", "far:away", "hello", "--peer", &hub]);
    assert_eq!((published.code, published.reason().as_str()), (Some(0), ""));
    assert_eq!(sub.finish().stdout, ["far:away hello"]);
}

#[test]
fn all_lines_of_standard_input_arrive_in_order_also_the_last() {
    let (_node, endpoint) = Spot::node(&["--topic", "log"]);
    let sub = subscriber(&endpoint, &["log", "-n", "500", "--overflow", "block"]);
    let mut publisher = Spot::run(&["pub", "log", "--peer", &endpoint]);
    let lines: Vec<String> = (1..=500).map(|number| format!("line {number}")).collect();
    publisher.type_in(lines.join("\n").as_bytes());
    assert_eq!(publisher.finish().code, Some(0));
    let expected: Vec<String> = lines.iter().map(|line| format!("log {line}")).collect();
    assert_eq!(sub.finish().stdout, expected);
}

#[test]
fn a_pattern_receives_the_topics_of_several_nodes() {
    let (_a, at_a) = Spot::node(&["--topic", "sensor:temp,other"]);
    let (mut b, at_b) = Spot::node(&["--topic", "sensor:wind", "--peer", &at_a]);
    b.wait_for("up");
    let peers = format!("{at_a},{at_b}");
    let sub = subscriber(&peers, &["sensor:*", "-n", "2"]);
    assert_eq!(spot(&["pub", "other", "no", "--peer", &at_a]).code, Some(0));
    // Through the one node to a topic of the other needs no relay: pub joins both.
    assert_eq!(
        spot(&["pub", "sensor:temp", "-5", "--peer", &peers]).code,
        Some(0)
    );
    assert_eq!(
        spot(&["pub", "sensor:wind", "9", "--peer", &peers]).code,
        Some(0)
    );
    let mut received = sub.finish().stdout;
    received.sort();
    assert_eq!(received, ["sensor:temp -5", "sensor:wind 9"]);
}

#[test]
fn a_hosting_pub_waits_for_its_subscriber() {
    let mut publisher = Spot::run(&[
        "pub",
        "news",
        "extra",
        "-n",
        "3",
        "--bind",
        "tcp://127.0.0.1:0",
    ]);
    let endpoint = publisher.endpoint();
    let received = spot(&["sub", "news", "-n", "3", "--peer", &endpoint]);
    assert_eq!(received.stdout, ["news extra"; 3], "{}", received.reason());
    assert_eq!(publisher.finish().code, Some(0));
}

#[test]
fn a_rate_is_kept_to_the_last_message() {
    let (_node, endpoint) = Spot::node(&["--topic", "tick"]);
    let sub = subscriber(&endpoint, &["tick", "-n", "20"]);
    let args = [
        "pub", "tick", "t", "-n", "20", "--rate", "200", "--peer", &endpoint,
    ];
    assert_eq!(spot(&args).code, Some(0));
    assert_eq!(sub.finish().stdout.len(), 20);
}

#[test]
fn json_is_an_object_a_line_whatever_the_bytes() {
    let (_node, endpoint) = Spot::node(&["--topic", "t"]);
    let sub = subscriber(&endpoint, &["t", "-n", "3", "--json"]);
    let mut publisher = Spot::run(&["pub", "t", "--peer", &endpoint]);
    publisher.type_in(b"plain \"\xc3\xbc\"\n\xff\n\n");
    assert_eq!(publisher.finish().code, Some(0));
    let objects: Vec<Value> = sub
        .finish()
        .stdout
        .iter()
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect();
    assert_eq!(
        objects,
        [
            json!({"topic": "t", "data": "plain \"ü\"", "seq": 1}),
            json!({"topic": "t", "data_base64": "/w==", "seq": 2}),
            json!({"topic": "t", "data": "", "seq": 3}),
        ]
    );
}

#[test]
fn raw_is_the_data_alone() {
    let (_node, endpoint) = Spot::node(&["--topic", "t"]);
    let sub = subscriber(&endpoint, &["t", "-n", "2", "--raw"]);
    assert_eq!(
        spot(&["pub", "t", "ab", "-n", "2", "--peer", &endpoint]).code,
        Some(0)
    );
    assert_eq!(sub.finish().stdout, ["abab"]);
}

#[test]
fn what_is_received_is_printed_before_the_next_wait() {
    let (_node, endpoint) = Spot::node(&["--topic", "t"]);
    let mut sub = subscriber(&endpoint, &["t"]);
    for data in ["one", "two"] {
        assert_eq!(spot(&["pub", "t", data, "--peer", &endpoint]).code, Some(0));
        assert_eq!(sub.line(), format!("t {data}"));
    }
    sub.signal(Signal::INT);
    let done = sub.finish();
    assert_eq!(done.code, Some(0), "{}", done.reason());
}

#[test]
fn a_closed_pipe_ends_sub_cleanly_though_nothing_comes() {
    let (_node, endpoint) = Spot::node(&["--topic", "t"]);
    let mut sub = subscriber(&endpoint, &["t"]);
    sub.stop_reading();
    // One message, by which the reader of the pipe notices that it is to end.
    assert_eq!(spot(&["pub", "t", "x", "--peer", &endpoint]).code, Some(0));
    let done = sub.finish();
    assert_eq!(done.code, Some(0), "{}", done.reason());
}

#[test]
fn variables_stand_for_flags_and_flags_win() {
    let mut hosting = command(&["node"]);
    hosting
        .env("SPOT_BIND", "tcp://127.0.0.1:0")
        .env("SPOT_TOPICS", "x:one, x:two");
    let mut hosting = Spot::spawn(hosting);
    let endpoint = hosting.endpoint();

    let mut asked = command(&["topics", "--json"]);
    asked.env("SPOT_CLUSTER", &endpoint);
    let topics = Spot::spawn(asked).finish();
    assert_eq!(topics.stdout.len(), 2, "{}", topics.reason());
    assert!(topics.stdout[0].contains("x:one") && topics.stdout[1].contains("x:two"));

    let mut overruled = command(&["sync", "--peer", &endpoint]);
    overruled
        .env("SPOT_CLUSTER", NOBODY)
        .env("SPOT_BIND", "nonsense");
    let synced = Spot::spawn(overruled).finish();
    assert_eq!(synced.code, Some(0), "{}", synced.reason());
}

#[test]
fn a_subscription_outlives_a_restart_of_the_node() {
    let (node, endpoint) = Spot::node(&["--topic", "t", "--name", "n"]);
    let mut sub = subscriber(&endpoint, &["t", "-n", "1"]);
    node.signal(Signal::TERM);
    assert_eq!(node.finish().code, Some(0));
    sub.wait_for("lost node");
    let mut again = Spot::run(&["node", "--bind", &endpoint, "--topic", "t", "--name", "n"]);
    again.endpoint();
    sub.wait_for("subscribed to");
    let hosted = spot(&["pub", "t", "back", "--peer", &endpoint]);
    assert_eq!(hosted.code, Some(0), "{}", hosted.reason());
    assert_eq!(sub.finish().stdout, ["t back"]);
}

#[test]
fn pub_goes_on_through_the_peer_that_is_there_when_another_is_not() {
    let (_node, endpoint) = Spot::node(&["--topic", "t"]);
    let sub = subscriber(&endpoint, &["t", "-n", "1"]);
    let peers = format!("{NOBODY},{endpoint}");
    // It would wait for longer than the test does.
    let mut publisher = Spot::run(&["pub", "t", "--peer", &peers, "--timeout", "3600"]);
    publisher.type_in(b"hello\n");
    assert_eq!(sub.finish().stdout, ["t hello"]);
    assert_eq!(publisher.finish().code, Some(0));
}

/// Lines for `pub --rate 100`, enough for it to be publishing until the test is over.
fn numbered_lines() -> String {
    (1..=6000).map(|number| format!("{number}\n")).collect()
}

#[test]
fn pub_waits_for_its_node_to_come_back_and_goes_on_with_the_next_line() {
    let (node, endpoint) = Spot::node(&["--topic", "t"]);
    let args = [
        "pub",
        "t",
        "--rate",
        "100",
        "--timeout",
        "60",
        "--peer",
        &endpoint,
    ];
    let mut publisher = Spot::run(&args);
    publisher.type_in(numbered_lines().as_bytes());
    let mut sub = subscriber(&endpoint, &["t"]);
    sub.line();
    node.signal(Signal::TERM);
    assert_eq!(node.finish().code, Some(0));
    let told = publisher.wait_for("waits up to 60 s: no node that hosts t is connected");
    let words = told.split(' ').skip_while(|word| *word != "message");
    let waiting: u64 = words
        .skip(1)
        .flat_map(str::parse)
        .next()
        .expect("its number");

    let mut again = Spot::run(&["node", "--bind", &endpoint, "--topic", "t"]);
    again.endpoint();
    // What came before the loss is printed first; each line is waited for with a deadline.
    while number(&sub.line()) < waiting {}
}

fn number(line: &str) -> u64 {
    let data = line.strip_prefix("t ").expect("on the topic");
    data.parse().expect("a number")
}

#[test]
fn pub_gives_up_when_its_node_does_not_come_back_in_time() {
    let (node, endpoint) = Spot::node(&["--topic", "t"]);
    let args = [
        "pub",
        "t",
        "--rate",
        "100",
        "--timeout",
        "3",
        "--peer",
        &endpoint,
    ];
    let mut publisher = Spot::run(&args);
    publisher.type_in(numbered_lines().as_bytes());
    let mut sub = subscriber(&endpoint, &["t"]);
    sub.line();
    node.signal(Signal::TERM);
    assert_eq!(node.finish().code, Some(0));
    let done = publisher.end();
    assert_eq!(done.code, Some(3), "{}", done.reason());
    for part in ["was not published within 3 s", "\"t\"", "--timeout"] {
        assert!(done.reason().contains(part), "{}", done.reason());
    }
}

#[test]
fn a_pub_whose_way_was_lost_at_the_end_of_its_input_was_content() {
    let (node, endpoint) = Spot::node(&["--topic", "t"]);
    let mut sub = subscriber(&endpoint, &["t"]);
    let mut publisher = Spot::run(&["pub", "t", "--peer", &endpoint]);
    publisher.type_in(b"one\n");
    assert_eq!(sub.line(), "t one");
    node.signal(Signal::KILL);
    drop(node);
    sub.wait_for("lost node");
    let done = publisher.finish();
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(
        done.reason().contains("of 1 message some may be lost"),
        "{done:?}"
    );
}

#[test]
fn a_pub_whose_node_took_its_leave_has_lost_nothing() {
    let (node, endpoint) = Spot::node(&["--topic", "t"]);
    let mut sub = subscriber(&endpoint, &["t"]);
    let mut publisher = Spot::run(&["pub", "t", "--peer", &endpoint]);
    publisher.type_in(b"one\n");
    assert_eq!(sub.line(), "t one");
    node.signal(Signal::TERM);
    assert_eq!(node.finish().code, Some(0));
    let done = publisher.finish();
    assert_eq!((done.code, done.reason().as_str()), (Some(0), ""));
}

#[test]
fn a_pub_whose_node_reads_no_more_was_content() {
    let (node, endpoint) = Spot::node(&["--topic", "t"]);
    let mut sub = subscriber(&endpoint, &["t"]);
    let mut publisher = Spot::run(&["pub", "t", "--peer", &endpoint, "--linger", "0.5"]);
    publisher.type_in(b"one\n");
    assert_eq!(sub.line(), "t one");
    node.signal(Signal::STOP);
    publisher.type_in(b"two\n");
    let done = publisher.finish();
    node.signal(Signal::CONT);
    assert_eq!(done.code, Some(3), "{done:?}");
    assert!(
        done.reason()
            .contains("did not say within 500 ms that it has read all"),
        "{done:?}"
    );
}

#[test]
fn a_message_that_was_too_large_for_the_node_was_lost_in_silence() {
    let (mut node, endpoint) =
        Spot::node(&["--topic", "t", "--set", "limits.max_message_bytes=1000"]);
    let large = "x".repeat(100_000);
    let done = spot(&["pub", "t", &large, "--peer", &endpoint]);
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(
        done.reason().contains("limits.max_message_bytes"),
        "{done:?}"
    );
    node.wait_for("rejected the connection");
    // The one that is too large is in the middle: the link comes back, but what was lost is lost.
    let mut publisher = Spot::run(&["pub", "t", "--peer", &endpoint]);
    publisher.type_in(format!("one\n{large}\n").as_bytes());
    node.wait_for("rejected the connection");
    publisher.type_in(b"two\n");
    let done = publisher.finish();
    assert_eq!(done.code, Some(1), "{done:?}");
    // One that is not passes, and nothing is said of it.
    let done = spot(&["pub", "t", "small", "--peer", &endpoint]);
    assert_eq!((done.code, done.reason().as_str()), (Some(0), ""));
}
