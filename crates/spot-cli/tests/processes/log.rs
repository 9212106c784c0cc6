//! Where the log of a node goes, in which form, and what happens when nobody takes it.

use std::fs;
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{DEADLINE, NOBODY, Spot, command, spot};

/// A node at a free port whose log is as it is by default, but for these arguments.
fn node(args: &[&str]) -> Spot {
    Spot::spawn(logging(args))
}

fn logging(args: &[&str]) -> Command {
    let mut command = command(&[&["node", "--bind", "tcp://127.0.0.1:0"], args].concat());
    command.env_remove("SPOT_LOG_FORMAT");
    command
}

/// A daemon that takes datagrams at a path.
struct Daemon(UnixDatagram);

impl Daemon {
    fn new(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).expect("bound");
        socket.set_read_timeout(Some(DEADLINE)).expect("set");
        Self(socket)
    }

    /// The next entry with this text.
    #[track_caller]
    fn hears(&self, text: &str) -> String {
        let (mut heard, mut entry) = (Vec::new(), [0; 64 * 1024]);
        loop {
            let Ok(len) = self.0.recv(&mut entry) else {
                panic!("no {text:?} in {heard:#?}");
            };
            let entry = String::from_utf8_lossy(&entry[..len]).into_owned();
            if entry.contains(text) {
                return entry;
            }
            heard.push(entry);
        }
    }
}

fn object(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|_| panic!("no object: {line}"))
}

#[test]
fn programs_get_an_object_a_line_with_the_node_and_what_happened_to_whom() {
    let mut node = node(&["--name", "a", "--peer", NOBODY]);
    let listening = object(&node.wait_for("listening on"));
    assert_eq!(listening["node"], "a");
    assert_eq!(listening["event"], "listening");
    let endpoint = listening["endpoint"].as_str().expect("where").to_owned();
    let failed = object(&node.wait_for("connect-failed"));
    assert_eq!(
        (&failed["level"], &failed["peer"]),
        (&"WARN".into(), &NOBODY.into())
    );
    assert!(
        failed["reason"]
            .as_str()
            .is_some_and(|reason| !reason.is_empty()),
        "{failed}"
    );
    let other = Spot::run(&["node", "--name", "b", "--topic", "t", "--peer", &endpoint]);
    let up = object(&node.wait_for("peer-up"));
    assert!(
        up["peer"]
            .as_str()
            .is_some_and(|peer| peer.starts_with("b (tcp://")),
        "{up}"
    );
    assert_eq!(object(&node.wait_for("topic-added"))["topic"], "t");
    other.signal(Signal::KILL);
    let down = object(&node.wait_for("peer-down"));
    assert_eq!(down["level"], "WARN");
    assert!(down["reason"].is_string(), "{down}");
}

#[test]
fn a_node_without_a_name_is_known_in_its_log_by_its_id() {
    let mut node = node(&[]);
    let started = object(&node.wait_for("started"));
    let id = started["node"].as_str().expect("an id").to_owned();
    assert_eq!(id.len(), 32, "{started}");
    assert_eq!(object(&node.wait_for("listening"))["node"], id);
}

#[test]
fn journald_gets_fields_and_a_priority() {
    let dir = TempDir::new().expect("a temporary directory");
    let path = dir.path().join("journal");
    let journald = Daemon::new(&path);
    let output = format!("log.output=journald:{}", path.display());
    let node = node(&["--name", "a", "--peer", NOBODY, "--set", &output]);
    let entry = journald.hears("SPOT_EVENT=connect-failed");
    for line in [
        "PRIORITY=4",
        "SYSLOG_IDENTIFIER=spot",
        "SPOT_NODE=a",
        &format!("SPOT_PEER={NOBODY}"),
    ] {
        assert!(
            entry.lines().any(|found| found == line),
            "no {line} in {entry}"
        );
    }
    assert!(
        entry.starts_with("MESSAGE=cannot connect to tcp://127.0.0.1:1: "),
        "{entry}"
    );
    node.signal(Signal::TERM);
    let done = node.finish();
    assert_eq!((done.code, done.stderr.len()), (Some(0), 0), "{done:?}");
    journald.hears("MESSAGE=stopped");
}

#[test]
fn syslog_gets_lines_for_people_unless_json_is_wanted() {
    let dir = TempDir::new().expect("a temporary directory");
    let path = dir.path().join("log");
    let syslog = Daemon::new(&path);
    let output = format!("log.output=syslog:{}", path.display());
    let text = node(&["--set", &output]);
    let line = syslog.hears("listening on");
    let head = format!("<30>spot[{}]: listening on tcp://", text.id());
    assert!(line.starts_with(&head), "{line}");
    drop(text);
    let json = node(&["--set", &output, "--set", "log.format=json"]);
    let line = syslog.hears(&format!("spot[{}]: {{", json.id()));
    let (_, text) = line.split_once(": ").expect("a head");
    assert_eq!(object(text)["level"], "INFO", "{line}");
}

#[test]
fn a_daemon_that_is_away_is_told_once_and_its_lines_go_to_standard_error_until_it_is_back() {
    let dir = TempDir::new().expect("a temporary directory");
    let path = dir.path().join("journal");
    let output = format!("log.output=journald:{}", path.display());
    let mut node = node(&["--topic", "t", "--set", &output]);
    node.wait_for(&format!(
        "journald takes no lines of the log at {}",
        path.display()
    ));
    let line = node.wait_for("listening on ");
    let (_, endpoint) = line.split_once("listening on ").expect("waited for it");
    let journald = Daemon::new(&path);
    let other = Spot::run(&["node", "--name", "b", "--peer", endpoint]);
    node.wait_for("journald takes the lines of the log again");
    journald.hears("SPOT_EVENT=peer-up");
    // So that its end is several lines: a child that another test is just starting may hold the socket for a moment.
    journald.hears("SPOT_EVENT=member-up");
    // Gone again, which is news again.
    drop(journald);
    drop(other);
    node.wait_for("journald takes no lines of the log");
    node.wait_for("peer b");
    node.signal(Signal::TERM);
    let done = node.finish();
    assert_eq!(done.code, Some(0), "{done:?}");
    let told = done
        .stderr
        .iter()
        .filter(|line| line.contains("takes no lines"));
    assert_eq!(told.count(), 2, "{done:?}");
}

#[test]
fn a_daemon_that_takes_nothing_holds_up_no_node() {
    let dir = TempDir::new().expect("a temporary directory");
    let path = dir.path().join("log");
    // It never reads: its queue is full after a few lines, which are sent no further.
    let _stopped = UnixDatagram::bind(&path).expect("bound");
    let output = format!("log.output=syslog:{}", path.display());
    let endpoint = format!("ipc://{}", dir.path().join("node").display());
    let debug = ["--log", "debug"];
    let mut node =
        command(&[&["node", "--bind", &endpoint, "--set", &output][..], &debug].concat());
    node.env_remove("SPOT_LOG_FORMAT");
    let mut node = Spot::spawn(node);
    // Every process that looks in is two lines of the log at least.
    let looked_in = || crate::support::spot(&["sync", "--peer", &endpoint]);
    let longest = fs::read_to_string("/proc/sys/net/unix/max_dgram_qlen").expect("told by Linux");
    let longest: usize = longest.trim().parse().expect("a number");
    for _ in 0..=longest / 2 {
        assert_eq!(looked_in().code, Some(0));
    }
    node.wait_for("syslog takes no lines of the log");
    node.signal(Signal::TERM);
    assert_eq!(node.finish().code, Some(0));
}

#[test]
fn a_stranger_that_knocks_again_and_again_does_not_fill_the_log() {
    let (mut node, endpoint) = Spot::node(&[]);
    let address = endpoint.trim_start_matches("tcp://");
    for _ in 0..60 {
        let stranger = TcpStream::connect(address).expect("connected");
        std::io::Write::write_all(&mut &stranger, b"GET / HTTP/1.1\r\n\r\n").expect("written");
        // Until the node has closed it.
        let _ = std::io::Read::read_to_end(&mut &stranger, &mut Vec::new());
    }
    // Comes after all of that.
    let _other = Spot::run(&["node", "--name", "b", "--peer", &endpoint]);
    node.wait_for("peer b");
    node.signal(Signal::TERM);
    let done = node.finish();
    let told = done
        .stderr
        .iter()
        .filter(|line| line.contains("rejected the connection"));
    assert_eq!(told.count(), 20, "{done:#?}");
}

#[test]
fn each_thing_was_logged_twice_at_debug() {
    let (mut node, endpoint) = Spot::node(&["--name", "a", "--log", "debug"]);
    let (other, _) = Spot::node(&["--name", "b", "--peer", &endpoint]);
    node.wait_for("member b is there");
    other.signal(Signal::TERM);
    node.wait_for("peer b (");
    node.signal(Signal::TERM);
    let told = node.finish().stderr;
    let of = |text: &str| told.iter().filter(|line| line.contains(text)).count();
    assert_eq!(
        (of("peer b"), of("peer up"), of("member down")),
        (2, 0, 0),
        "{told:#?}"
    );
}

#[test]
fn a_tool_that_looks_in_was_two_lines_of_the_log() {
    let (mut node, endpoint) = Spot::node(&["--name", "a", "--log", "debug", "--topic", "t"]);
    let done = spot(&["topics", "--peer", &endpoint]);
    assert_eq!(done.code, Some(0), "{done:?}");
    for kind in ["peer-up", "peer-down"] {
        let line = node.wait_for(kind);
        assert!(line.contains(" DEBUG "), "{line}");
    }
    // A node without a name is told all the same.
    let (_other, _) = Spot::node(&["--peer", &endpoint]);
    node.wait_for(" INFO member ");
}

#[test]
fn a_link_that_fell_silent_was_said_to_be_rejected() {
    let often = ["--set", "heartbeat.interval_ms=100"];
    let (mut node, endpoint) = Spot::node(&[&["--name", "a"][..], &often].concat());
    let (other, _) = Spot::node(&[&["--name", "b", "--peer", &endpoint][..], &often].concat());
    node.wait_for("peer b");
    other.signal(Signal::STOP);
    let told = node.wait_for("the connection with");
    assert!(told.contains("closed the connection with"), "{told}");
    assert!(told.contains("silent past the heartbeat timeout"), "{told}");
}

#[test]
fn many_topics_are_one_line_and_one_that_looks_like_a_pattern_is_told() {
    let topics: Vec<_> = (0..21).map(|number| format!("t:{number}")).collect();
    let (mut node, _) = Spot::node(&["--topic", &topics.join(",")]);
    node.wait_for("hosting 21 topics");
    node.signal(Signal::TERM);
    let done = node.finish();
    assert!(!done.reason().contains("hosting t:"), "{done:#?}");
    let (mut node, _) = Spot::node(&["--topic", "a,sensor:*"]);
    node.wait_for("hosting a");
    let told = node.wait_for("and no pattern");
    assert!(told.contains(" WARN hosting sensor:*"), "{told}");
}
