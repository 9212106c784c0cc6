//! The admin server of a node, as curl, Prometheus, a probe and a page see it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::prometheus::{self, Samples};
use crate::support::{DEADLINE, Spot, spot};

/// A node with an admin server: itself, its endpoint, the address of the server.
pub(crate) fn node(args: &[&str]) -> (Spot, String, String) {
    let (mut node, endpoint) = Spot::node(&[args, &["--admin", "127.0.0.1:0"]].concat());
    let line = node.wait_for("admin server at http://");
    let (_, address) = line.split_once("http://").expect("waited for it");
    (node, endpoint, address.to_owned())
}

/// Sends a request and reads the whole answer: status, head, body.
fn ask(address: &str, request: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(DEADLINE)).expect("set");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    let (head, body) = answer.split_once("\r\n\r\n").expect("HTTP");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (
        status.expect("a status"),
        head.to_lowercase(),
        body.to_owned(),
    )
}

pub(crate) fn get(address: &str, path: &str) -> (u16, String, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    ask(address, &request)
}

#[track_caller]
pub(crate) fn json(address: &str, path: &str) -> Value {
    let (status, head, body) = get(address, path);
    assert_eq!(status, 200, "{path}: {body}");
    assert!(head.contains("content-type: application/json"), "{head}");
    serde_json::from_str(&body).expect("JSON")
}

#[track_caller]
fn metrics(address: &str) -> Samples {
    let (status, head, body) = get(address, "/metrics");
    assert_eq!(status, 200);
    assert!(
        head.contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );
    prometheus::parse(&body).unwrap_or_else(|error| panic!("{error}\n{body}"))
}

/// Asks until the answer is as it is to be.
#[track_caller]
pub(crate) fn eventually<T: std::fmt::Debug>(
    mut ask: impl FnMut() -> T,
    is_there: impl Fn(&T) -> bool,
) -> T {
    let begun = Instant::now();
    loop {
        let answer = ask();
        if is_there(&answer) {
            return answer;
        }
        assert!(begun.elapsed() < DEADLINE, "it stays {answer:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn counters_are_exactly_what_was_sent() {
    let (_owner, at_owner) = Spot::node(&["--topic", "t"]);
    let (_hub, at_hub, admin) = node(&["--relay", "--peer", &at_owner]);
    let before = metrics(&admin);
    assert_eq!(before["spot_relayed_messages_total"], 0.0);
    let mut sub = Spot::run(&["sub", "t", "-n", "137", "--peer", &at_hub]);
    sub.wait_for("subscribed to");
    let args = ["pub", "t", "12345", "-n", "137", "--peer", &at_hub];
    assert_eq!(spot(&args).code, Some(0));
    assert_eq!(sub.finish().stdout.len(), 137);
    // Once to the owner, and once from it to the subscriber.
    let after = metrics(&admin);
    assert_eq!(after["spot_relayed_messages_total"], 2.0 * 137.0);
    assert_eq!(after["spot_relayed_bytes_total"], 2.0 * 137.0 * 5.0);
    for none in [
        "spot_missed_messages_total",
        "spot_duplicates_refused_total",
        "spot_dropped_messages_total{at=\"sender\"}",
        "spot_rejected_connections_total{reason=\"protocol\"}",
    ] {
        assert_eq!(after[none], 0.0, "{none}");
    }
    assert_eq!(after["spot_cluster_members{state=\"alive\"}"], 2.0);
    assert_eq!(after["spot_ready"], 1.0);
    let stats = json(&admin, "/api/v1/node")["stats"].clone();
    assert_eq!(stats["relayed_messages"], 274);
}

#[test]
fn a_topic_and_a_link_have_counters_of_their_own() {
    let keep = ["--history", "10", "--set", "admin.metrics_topics=1"];
    let (_owner, at_owner, admin) = node(&[&["--topic", "t,idle"], &keep[..]].concat());
    let (_peer, _) = Spot::node(&["--name", "named \"peer\"", "--peer", &at_owner]);
    let mut sub = Spot::run(&["sub", "t", "-n", "137", "--peer", &at_owner]);
    sub.wait_for("subscribed to");
    let args = ["pub", "t", "12345", "-n", "137", "--peer", &at_owner];
    assert_eq!(spot(&args).code, Some(0));
    assert_eq!(sub.finish().stdout.len(), 137);
    let after = eventually(
        || metrics(&admin),
        |samples| {
            let is_linked = samples.keys().any(|name| name.starts_with("spot_peer_up"));
            samples["spot_link_sent_messages_total"] == 137.0 && is_linked
        },
    );
    for (name, value) in [
        ("spot_topic_received_messages_total", 137.0),
        ("spot_topic_received_bytes_total", 137.0 * 5.0),
        ("spot_topic_published_messages_total", 0.0),
        ("spot_topic_dropped_messages_total", 0.0),
        ("spot_topic_gaps_total", 0.0),
        ("spot_topic_history_messages", 10.0),
        ("spot_topic_history_bytes", 50.0),
    ] {
        assert_eq!(after[&format!("{name}{{topic=\"t\"}}")], value, "{name}");
    }
    assert_eq!(after["spot_link_received_messages_total"], 137.0);
    assert!(after["spot_link_sent_bytes_total"] > 137.0 * 5.0);
    // The programs have come and gone, and left no label behind.
    let up = |samples: &Samples| {
        let peers = samples
            .iter()
            .filter(|(name, _)| name.starts_with("spot_peer_up"));
        peers
            .map(|(name, up)| (name.clone(), *up))
            .collect::<Vec<_>>()
    };
    let named = ("spot_peer_up{peer=\"named \\\"peer\\\"\"}".to_owned(), 1.0);
    assert_eq!(up(&after), [named]);
    let topics = json(&admin, "/api/v1/topics")["topics"].clone();
    let topic = topics
        .as_array()
        .expect("a list")
        .iter()
        .find(|topic| topic["topic"] == "t");
    let topic = topic.expect("it is known");
    assert_eq!(
        (&topic["received_messages"], &topic["history_messages"]),
        (&137.into(), &10.into())
    );
}

#[test]
fn what_a_subscriber_loses_is_counted_by_policy_topic_and_link() {
    let (_owner, at_owner, admin) = node(&[
        "--topic",
        "t",
        "--set",
        "limits.hwm=5",
        "--set",
        "admin.metrics_topics=1",
    ]);
    let mut sub = Spot::run(&["sub", "t", "--peer", &at_owner]);
    sub.wait_for("subscribed to");
    sub.signal(Signal::STOP);
    // The kernel takes some of it, then the link's queue is full, and the owner goes on without that subscriber.
    let payload = "x".repeat(60_000);
    let args = ["pub", "t", &payload, "-n", "300", "--peer", &at_owner];
    assert_eq!(spot(&args).code, Some(0));
    eventually(
        || metrics(&admin),
        |samples| samples["spot_topic_received_messages_total{topic=\"t\"}"] == 300.0,
    );
    // What is told first on a page may be older than what made this true.
    let samples = metrics(&admin);
    let dropped = samples["spot_dropped_messages_total{at=\"sender\"}"];
    assert!(dropped > 0.0, "{samples:#?}");
    for same in [
        "spot_dropped_by_policy_messages_total{at=\"sender\",policy=\"drop_newest\"}",
        "spot_topic_dropped_messages_total{topic=\"t\"}",
    ] {
        assert_eq!(samples[same], dropped, "{same}");
    }
    assert_eq!(samples["spot_link_queue_high_water_messages"], 5.0);
    let peers = json(&admin, "/api/v1/peers")["peers"].clone();
    let slow = peers
        .as_array()
        .expect("a list")
        .iter()
        .max_by_key(|peer| peer["queued_messages"].as_u64());
    let slow = slow.expect("it is linked");
    assert_eq!(slow["dropped_messages"].as_f64(), Some(dropped));
    assert_eq!(slow["queue_high_water_messages"], 5);
    sub.signal(Signal::CONT);
    // It is told what it missed, and the rest was sent.
    let sent = || metrics(&admin)["spot_link_sent_messages_total"];
    eventually(sent, |sent| *sent == 300.0 - dropped);
    assert_eq!(
        metrics(&admin)["spot_dropped_messages_total{at=\"sender\"}"],
        dropped
    );
}

#[test]
fn a_peer_that_is_down_keeps_its_label() {
    let (peer, at_peer) = Spot::node(&["--name", "p"]);
    let (_node, _, admin) = node(&["--peer", &at_peer, "--set", "heartbeat.interval_ms=50"]);
    let of = |name: &str| format!("{name}{{peer=\"{at_peer}\"}}");
    let (up, trip) = (of("spot_peer_up"), of("spot_peer_round_trip_seconds"));
    let samples = eventually(|| metrics(&admin), |samples| samples.contains_key(&trip));
    assert!(samples[&trip] > 0.0 && samples[&up] == 1.0, "{samples:#?}");
    peer.signal(Signal::KILL);
    let samples = eventually(|| metrics(&admin), |samples| samples[&up] == 0.0);
    assert!(
        !samples.contains_key(&trip),
        "there is none while it is down"
    );
    eventually(
        || metrics(&admin),
        |samples| samples["spot_connect_failures_total"] >= 1.0,
    );
    let bind = at_peer.clone();
    drop(peer);
    let mut back = Spot::run(&["node", "--name", "p", "--bind", &bind]);
    back.endpoint();
    let reconnects = of("spot_peer_reconnects_total");
    eventually(
        || metrics(&admin),
        |samples| samples[&reconnects] == 1.0 && samples[&up] == 1.0,
    );
}

#[test]
fn a_peer_that_dialled_in_and_was_killed_is_told_by_members_only() {
    let (_node, endpoint, admin) = node(&["--name", "a", "--cluster-size", "2"]);
    let (peer, _) = Spot::node(&["--name", "b", "--peer", &endpoint]);
    let all = "spot_cluster_reachable_members";
    eventually(|| metrics(&admin), |samples| samples[all] == 2.0);
    assert_eq!(metrics(&admin)["spot_peer_up{peer=\"b\"}"], 1.0);
    peer.signal(Signal::KILL);
    let down = "spot_cluster_members{state=\"down\"}";
    let samples = eventually(|| metrics(&admin), |samples| samples[down] == 1.0);
    assert!(samples[all] < samples["spot_cluster_size"], "{samples:#?}");
    // Where it listens, its own side knew: there is nothing here that could try again.
    assert!(!samples.contains_key("spot_peer_up{peer=\"b\"}"));
    assert_eq!(samples["spot_peers{state=\"waiting\"}"], 0.0);
}

#[test]
fn connections_that_speak_no_zmtp_are_counted() {
    let (_node, endpoint, admin) = node(&[]);
    let address = endpoint.strip_prefix("tcp://").expect("bound to TCP");
    for _ in 0..3 {
        let mut stranger = TcpStream::connect(address).expect("connected");
        stranger
            .write_all(b"GET / HTTP/1.1\r\nHost: spot\r\n\r\nGET / HTTP/1.1\r\nHost: spot\r\n\r\n")
            .expect("sent");
        let _ = stranger.read_to_end(&mut Vec::new());
    }
    let rejected = "spot_rejected_connections_total{reason=\"handshake\"}";
    eventually(|| metrics(&admin)[rejected], |count| *count == 3.0);
    let failed = "spot_handshake_failures_total{reason=\"greeting\"}";
    assert_eq!(metrics(&admin)[failed], 3.0);
}

#[test]
fn topics_have_metrics_of_their_own_where_asked_for() {
    let topics = ["--topic", "busy \"quoted\" \\ one", "--topic", "idle,other"];
    let (_node, endpoint, admin) =
        node(&[&topics[..], &["--set", "admin.metrics_topics=1"]].concat());
    let mut sub = Spot::run(&["sub", "busy*", "--peer", &endpoint]);
    sub.wait_for("subscribed to");
    let busy = "spot_topic_subscribers{topic=\"busy \\\"quoted\\\" \\\\ one\"}";
    let samples = metrics(&admin);
    assert_eq!(samples.get(busy), Some(&1.0), "{samples:#?}");
    let of_topics = samples
        .keys()
        .filter(|name| name.starts_with("spot_topic_subscribers"));
    assert_eq!(of_topics.count(), 1);
    let (_quiet, _, admin) = node(&["--topic", "t"]);
    assert!(metrics(&admin).keys().all(|name| !name.contains("topic=")));
}

#[test]
fn a_node_is_ready_once_it_has_its_peers_and_a_majority() {
    let wants = ["--cluster-size", "3", "--set", "admin.minimum_peers=2"];
    let (_node, endpoint, admin) = node(&wants);
    let health = |args: &[&str]| spot(&[&["health", "--admin", &admin], args].concat());
    assert_eq!(health(&[]).code, Some(0));
    let (status, _, body) = get(&admin, "/readyz");
    assert_eq!(status, 503);
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(answer["ready"], false);
    let checks: Vec<_> = answer["reasons"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|r| r["check"].clone())
        .collect();
    assert_eq!(checks, ["minimum_peers", "quorum"]);
    let done = health(&["--ready"]);
    assert_eq!((done.code, done.stdout.len()), (Some(1), 0));
    assert!(
        done.reason().contains("1 of 3 members"),
        "{}",
        done.reason()
    );

    // A tool that looks in is no member.
    let mut tool = Spot::run(&["events", "--peer", &endpoint]);
    assert!(tool.line().starts_with("peer-up"));
    let (_, _, body) = get(&admin, "/readyz");
    assert!(body.contains("0 of at least 2 members"), "{body}");

    let (second, _) = Spot::node(&["--peer", &endpoint]);
    let (_third, _) = Spot::node(&["--peer", &endpoint]);
    eventually(|| health(&["--ready"]).code, |code| *code == Some(0));
    let reasons = json(&admin, "/readyz")["reasons"].clone();
    assert_eq!(reasons, Value::Array(vec![]));
    second.signal(Signal::KILL);
    let missing = eventually(|| get(&admin, "/readyz"), |(status, ..)| *status == 503);
    assert!(
        missing.2.contains("1 of at least 2 members"),
        "{}",
        missing.2
    );
    assert_eq!(get(&admin, "/healthz").0, 200);
}

#[test]
fn health_without_a_node_or_a_server_is_a_failure() {
    let done = spot(&["health", "--admin", "127.0.0.1:1", "--timeout", "2"]);
    assert_eq!(done.code, Some(1));
    assert!(done.reason().contains("127.0.0.1:1"), "{}", done.reason());
    // As in a container whose node has none.
    let done = spot(&["health"]);
    assert_eq!(done.code, Some(1));
    assert!(done.reason().contains("off"), "{}", done.reason());
}

#[test]
fn json_tells_the_node_its_topics_peers_subscriptions_and_cluster() {
    let (_other, at_other) = Spot::node(&["--name", "other", "--topic", "there"]);
    let (_node, endpoint, admin) = node(&["--name", "here", "--topic", "t", "--peer", &at_other]);
    let mut sub = Spot::run(&["sub", "t", "--peer", &endpoint]);
    sub.wait_for("subscribed to");
    let node = json(&admin, "/api/v1/node");
    assert_eq!(
        (&node["name"], &node["relay"]),
        (&"here".into(), &false.into())
    );
    assert_eq!(node["endpoints"], serde_json::json!([endpoint]));
    let topics = eventually(
        || json(&admin, "/api/v1/topics")["topics"].clone(),
        |topics| topics.as_array().is_some_and(|list| list.len() == 2),
    );
    let peers = json(&admin, "/api/v1/peers")["peers"].clone();
    let peer = peers
        .as_array()
        .expect("a list")
        .iter()
        .find(|peer| peer["name"] == "other");
    let peer = peer.expect("linked");
    assert_eq!(
        (&peer["state"], &peer["endpoint"], &peer["relays_for"]),
        (
            &"connected".into(),
            &at_other.into(),
            &serde_json::json!([])
        )
    );
    let there = serde_json::json!({
        "topic": "there", "place": "remote", "reachable": true, "subscribers": 0, "owners": [peer["node"]],
        "published_messages": 0, "published_bytes": 0, "received_messages": 0, "received_bytes": 0,
        "dropped_messages": 0, "missed_messages": 0, "gaps": 0, "history_messages": 0, "history_bytes": 0,
    });
    assert!(
        topics.as_array().expect("a list").contains(&there),
        "{topics}"
    );
    let listened = json(&admin, "/api/v1/subscriptions");
    let expected = serde_json::json!({"filters": 0, "topics": [{"topic": "t", "subscribers": 1}]});
    assert_eq!(listened, expected);
    let cluster = eventually(
        || json(&admin, "/api/v1/cluster"),
        |cluster| cluster["size"] == 2,
    );
    assert_eq!(
        (&cluster["quorum"], &cluster["has_quorum"]),
        (&2.into(), &true.into())
    );
}

#[test]
fn what_is_reached_through_a_hub_names_the_hub_and_the_host() {
    let (_hub, at_hub) = Spot::node(&["--name", "hub", "--relay"]);
    let (far, _, admin_far) = node(&["--name", "far", "--topic", "t", "--peer", &at_hub]);
    let (_node, _, admin) = node(&["--peer", &at_hub]);
    let far_id = json(&admin_far, "/api/v1/node")["node"].clone();
    let through = || {
        let peers = json(&admin, "/api/v1/peers")["peers"].clone();
        (peers[0]["name"].clone(), peers[0]["relays_for"].clone())
    };
    let only_far = serde_json::json!([far_id]);
    eventually(through, |(name, of)| *name == "hub" && *of == only_far);
    let topics = json(&admin, "/api/v1/topics")["topics"].clone();
    assert_eq!(topics[0]["owners"], only_far, "{topics}");
    drop(far);
    eventually(through, |(_, of)| of.as_array().is_some_and(Vec::is_empty));
}

/// Lines of a stream of events.
pub(crate) fn follow(address: &str, last: Option<&str>) -> impl Iterator<Item = String> {
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(DEADLINE)).expect("set");
    let last = last.map_or(String::new(), |id| format!("Last-Event-ID: {id}\r\n"));
    let request = format!("GET /api/v1/events/stream HTTP/1.1\r\nHost: {address}\r\n{last}\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut lines = BufReader::new(stream)
        .lines()
        .map(|line| line.expect("in time"));
    let ended = lines.by_ref().find(|line| line.is_empty());
    assert!(ended.is_some(), "the head has an end");
    lines
}

#[test]
fn events_are_streamed_and_a_client_that_returns_goes_on_after_the_last() {
    let (node, endpoint, admin) = node(&[]);
    let mut stream = follow(&admin, None);
    let (_peer, _) = Spot::node(&["--name", "p", "--topic", "x:y", "--peer", &endpoint]);
    let mut wait_for = |text: &str| {
        let line = stream.by_ref().find(|line| line.contains(text));
        line.unwrap_or_else(|| panic!("no {text}"))
    };
    let up = wait_for("\"peer-up\"");
    let data: Value = serde_json::from_str(up.strip_prefix("data: ").expect("data")).expect("JSON");
    assert_eq!(data["name"], "p");
    wait_for("\"topic-added\"");
    let id = data["id"].as_str().expect("an id");
    // What came after it, and nothing before.
    let mut again = follow(&admin, Some(id));
    let first = again
        .by_ref()
        .find(|line| line.starts_with("data: "))
        .expect("one");
    let kept = json(&admin, "/api/v1/events")["events"].clone();
    let kept = kept.as_array().expect("a list");
    let at = kept
        .iter()
        .position(|event| event["id"] == id)
        .expect("kept");
    let first: Value = serde_json::from_str(&first["data: ".len()..]).expect("JSON");
    assert_eq!(first, kept[at + 1]);
    // That of an earlier life is before all of this one.
    let mut other_life = follow(&admin, Some("1-77"));
    let first = other_life
        .by_ref()
        .find(|line| line.starts_with("id: "))
        .expect("one");
    assert_eq!(
        first["id: ".len()..],
        *kept[0]["id"].as_str().expect("an id")
    );
    // An open stream holds up no end.
    node.signal(Signal::TERM);
    assert_eq!(node.finish().code, Some(0));
}

#[test]
fn an_id_that_is_none_was_taken_for_from_now_on() {
    let (_node, _, admin) = node(&[]);
    let stream = "/api/v1/events/stream";
    for id in [
        "",
        "x",
        "-",
        "1-",
        "-1",
        "1-x",
        "1 - 2",
        "99999999999999999999-1",
    ] {
        let (status, _, body) = get(
            &admin,
            &format!("{stream}?after={}", id.replace(' ', "%20")),
        );
        assert_eq!(status, 400, "{id:?}: {body}");
        assert!(body.contains("no id of an event"), "{body}");
        let request = format!(
            "GET {stream} HTTP/1.1\r\nHost: {admin}\r\nLast-Event-ID: {id}\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(ask(&admin, &request).0, 400, "{id:?}");
    }
}

#[test]
fn streams_of_events_starve_no_probe() {
    let (_node, _, admin) = node(&[]);
    let streams: Vec<_> = (0..32).map(|_| follow(&admin, None)).collect();
    assert_eq!(get(&admin, "/api/v1/events/stream").0, 503);
    assert_eq!(get(&admin, "/healthz").0, 200);
    drop(streams);
    let request = format!("GET /api/v1/events/stream HTTP/1.1\r\nHost: {admin}\r\n\r\n");
    let first_line = || {
        let mut stream = TcpStream::connect(&admin).expect("connected");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut line = String::new();
        BufReader::new(stream)
            .read_line(&mut line)
            .expect("answered");
        line
    };
    eventually(first_line, |line| line.contains("200"));
}

#[test]
fn pages_of_others_and_what_is_not_there_get_no_answer() {
    let (_node, _, admin) = node(&[]);
    let with = |headers: &str| {
        let request = format!("GET /healthz HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
        ask(&admin, &request).0
    };
    let (port, host) = (
        admin.split_once(':').expect("a port").1,
        format!("Host: {admin}\r\n"),
    );
    assert_eq!(with(&format!("Host: localhost:{port}\r\n")), 200);
    assert_eq!(with("Host: rebound.example\r\n"), 403);
    assert_eq!(with(&format!("{host}Origin: http://{admin}\r\n")), 200);
    assert_eq!(
        with(&format!("{host}Origin: http://other.example\r\n")),
        403
    );
    assert_eq!(with(&format!("{host}Origin: null\r\n")), 403);
    assert_eq!(get(&admin, "/nothing").0, 404);
    let post = format!("POST /healthz HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
    assert_eq!(ask(&admin, &post).0, 405);
}

#[test]
fn an_admin_port_that_was_asked_for_and_is_in_use_ends_the_node() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = taken.local_addr().expect("bound").to_string();
    let done = spot(&["node", "--bind", "tcp://127.0.0.1:0", "--admin", &address]);
    assert_eq!(done.code, Some(1));
    for word in ["admin.address", &address, "in use", "off"] {
        assert!(done.reason().contains(word), "{}", done.reason());
    }
    assert!(!done.reason().contains("started"), "{}", done.reason());
}

#[test]
fn a_tool_has_no_name_in_the_events() {
    let (_node, endpoint, admin) = node(&["--topic", "t"]);
    assert_eq!(spot(&["topics", "--peer", &endpoint]).code, Some(0));
    let events = || json(&admin, "/api/v1/events")["events"].clone();
    let events = eventually(events, |events| events.to_string().contains("peer-down"));
    let events = events.as_array().expect("a list");
    let up = events.iter().find(|event| event["event"] == "peer-up");
    assert_eq!(up.expect("told")["name"], Value::Null);
}
