//! What the screen shows in each state of a node, on a terminal made of memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::{Color, Modifier};
use serde_json::{Value, json};

use super::app::App;
use super::draw::draw;
use super::once;
use super::snapshot::Snapshot;

fn app(snapshot: Snapshot) -> App {
    let mut app = App::new("127.0.0.1:8222".parse().unwrap());
    app.hear(Ok(snapshot));
    app
}

fn press(app: &mut App, keys: &[KeyCode]) {
    for code in keys {
        app.take(&Event::Key(KeyEvent::new(*code, KeyModifiers::NONE)));
    }
}

fn typed(app: &mut App, text: &str) {
    let keys: Vec<_> = text.chars().map(KeyCode::Char).collect();
    press(app, &keys);
}

/// A screen of this size, as lines.
fn screen(app: &mut App, width: u16, height: u16) -> Vec<String> {
    let terminal = drawn(app, width, height);
    let buffer = terminal.backend().buffer().clone();
    let row = |y| {
        (0..width)
            .map(|x| buffer[(x, y)].symbol().to_owned())
            .collect::<String>()
    };
    (0..height).map(|y| row(y).trim_end().to_owned()).collect()
}

fn drawn(app: &mut App, width: u16, height: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(app, frame)).unwrap();
    terminal
}

#[track_caller]
fn shows(lines: &[String], text: &str) {
    assert!(
        lines.iter().any(|line| line.contains(text)),
        "no {text:?} in {lines:#?}"
    );
}

/// A node `a` linked to `b`, a hub that relays for `c`.
fn healthy() -> Snapshot {
    let member = |node: &str, name: &str, state: &str| json!({"node": node, "name": name, "state": state, "endpoints": [format!("tcp://{name}:5555")]});
    Snapshot {
        at: Instant::now(),
        node: json!({
            "node": "aaaa0000", "name": "a", "version": "0.1.0", "uptime_seconds": 3725.0,
            "stats": {"links": 1, "reconnects": 2, "received_messages": 1000, "missed_messages": 0},
        }),
        ready: json!({"ready": true, "reasons": []}),
        cluster: json!({
            "size": 3, "reachable": 3, "quorum": 2, "has_quorum": true, "partitioned": false,
            "members": [member("aaaa0000", "a", "alive"), member("bbbb0000", "b", "alive"), member("cccc0000", "c", "alive")],
        }),
        peers: Arc::new(vec![json!({
            "endpoint": "tcp://b:5555", "name": "b", "node": "bbbb0000", "state": "connected", "topics": 4,
            "relays_for": ["cccc0000"], "connected_seconds": 61.0, "queued_messages": 7,
            "round_trip_seconds": 0.0015, "dropped_messages": 2, "reconnects": 3, "sent_messages": 100, "received_messages": 10,
        })]),
        topics: Arc::new(vec![
            json!({"topic": "t:here", "place": "local", "reachable": true, "subscribers": 3, "owners": []}),
            json!({"topic": "t:far", "place": "remote", "reachable": true, "subscribers": 0, "owners": ["cccc0000"]}),
        ]),
        events: Arc::new(vec![
            json!({"id": "1-1", "at_ms": 0, "event": "peer-up", "name": "b"}),
            json!({"id": "1-2", "at_ms": 45_296_000, "event": "gap", "topic": "t:far", "missed": 3}),
        ]),
        rates: Default::default(),
    }
}

fn set(snapshot: &mut Snapshot, member: usize, state: &str) {
    snapshot.cluster["members"][member]["state"] = json!(state);
}

#[test]
fn a_healthy_cluster_is_shown_with_its_members_peers_topics_and_events() {
    let mut app = app(healthy());
    let lines = screen(&mut app, 100, 20);
    assert_eq!(lines[0], "a (aaaa0000), version 0.1.0, up 1 h 2 min");
    assert_eq!(lines[1], "3 of 3 members reachable, a majority; ready");
    shows(&lines, "links 1  reconnects 2");
    shows(&lines, "a        alive   this node  tcp://a:5555  aaaa0000");
    shows(&lines, "b        alive   direct     tcp://b:5555");
    shows(&lines, "c        alive   through b  tcp://c:5555");
    press(&mut app, &[KeyCode::Char('2')]);
    let lines = screen(&mut app, 100, 20);
    shows(
        &lines,
        "PEER   STATE       ROUND TRIP   QUEUED   OUT   IN   DROPS   RECONNECTS",
    );
    shows(
        &lines,
        "1.5 ms        7     -    -       2            3  1 min 1 s",
    );
    press(&mut app, &[KeyCode::Tab]);
    let lines = screen(&mut app, 100, 20);
    shows(&lines, "t:here  this node");
    shows(&lines, "t:far   c");
    press(&mut app, &[KeyCode::Char('4')]);
    let lines = screen(&mut app, 100, 20);
    assert_eq!(
        lines[5], "12:34:56  gap      topic=t:far missed=3",
        "the latest first"
    );
    assert_eq!(lines[6], "00:00:00  peer-up  name=b");
}

#[test]
fn a_member_that_is_suspect_or_down_is_seen_at_once() {
    let mut snapshot = healthy();
    set(&mut snapshot, 2, "suspect");
    let lines = screen(&mut app(snapshot.clone()), 100, 20);
    assert_eq!(
        lines[1],
        "suspect: c; 3 of 3 members reachable, a majority; ready"
    );
    set(&mut snapshot, 2, "down");
    snapshot.cluster["reachable"] = json!(2);
    snapshot.cluster["partitioned"] = json!(true);
    let mut app = app(snapshot);
    let lines = screen(&mut app, 100, 20);
    assert_eq!(
        lines[1],
        "PARTITIONED, out of reach: c; 2 of 3 members reachable, a majority; ready"
    );
    // Problems come first, whichever view.
    assert!(lines[5].starts_with("c        DOWN"), "{lines:#?}");
    let terminal = drawn(&mut app, 100, 20);
    let (state, row) = (
        &terminal.backend().buffer()[(0, 1)],
        &terminal.backend().buffer()[(0, 5)],
    );
    assert!(
        state.modifier.contains(Modifier::REVERSED),
        "not by colour alone"
    );
    assert_eq!((state.fg, row.fg), (Color::Red, Color::Red));
}

#[test]
fn the_minority_of_a_partition_says_so_and_why_it_is_not_ready() {
    let mut snapshot = healthy();
    set(&mut snapshot, 1, "down");
    set(&mut snapshot, 2, "down");
    for (name, value) in [
        ("reachable", json!(1)),
        ("has_quorum", json!(false)),
        ("partitioned", json!(true)),
    ] {
        snapshot.cluster[name] = value;
    }
    snapshot.ready = json!({"ready": false, "reasons": [{"check": "quorum", "reason": "1 of 3 members reachable"}]});
    let lines = screen(&mut app(snapshot), 120, 20);
    shows(
        &lines,
        "PARTITIONED, out of reach: b, c; 1 of 3 members reachable, NO MAJORITY; NOT READY: 1 of 3",
    );
}

#[test]
fn a_node_that_does_not_answer_is_told_over_what_was_known_until_it_does() {
    let mut app = App::new("127.0.0.1:8222".parse().unwrap());
    shows(&screen(&mut app, 100, 20), "asking http://127.0.0.1:8222");
    app.hear(Err("connection refused".into()));
    shows(
        &screen(&mut app, 100, 20),
        "CANNOT REACH http://127.0.0.1:8222: connection refused",
    );
    app.hear(Ok(Snapshot {
        at: Instant::now().checked_sub(Duration::from_secs(90)).unwrap(),
        ..healthy()
    }));
    app.hear(Err("connection refused".into()));
    let lines = screen(&mut app, 120, 20);
    shows(&lines, "CANNOT REACH");
    shows(&lines, "what is shown is 1 min 30 s old");
    shows(&lines, "tcp://c:5555");
    app.hear(Ok(healthy()));
    assert_eq!(
        screen(&mut app, 100, 20)[1],
        "3 of 3 members reachable, a majority; ready"
    );
}

fn with_topics(count: usize) -> Snapshot {
    let topic = |number| json!({"topic": format!("topic:{number:05}"), "place": "local", "reachable": number != 7_777, "subscribers": number});
    Snapshot {
        topics: Arc::new((0..count).map(topic).collect()),
        ..healthy()
    }
}

#[test]
fn ten_thousand_topics_are_scrolled_sorted_and_filtered() {
    let mut app = app(with_topics(10_000));
    press(&mut app, &[KeyCode::Char('3')]);
    let lines = screen(&mut app, 80, 24);
    shows(&lines, "1-18 of 10000");
    assert!(
        lines[5].starts_with("topic:07777  OUT OF REACH"),
        "{lines:#?}"
    );
    press(&mut app, &[KeyCode::End]);
    shows(&screen(&mut app, 80, 24), "topic:09999");
    press(
        &mut app,
        &[
            KeyCode::PageUp,
            KeyCode::Down,
            KeyCode::Home,
            KeyCode::PageDown,
        ],
    );
    shows(&screen(&mut app, 80, 24), "19-36 of 10000");
    // By the third column, the highest first, then the other way round.
    press(&mut app, &[KeyCode::Home]);
    typed(&mut app, "sss");
    assert!(screen(&mut app, 80, 24)[5].starts_with("topic:09999"));
    typed(&mut app, "r");
    assert!(screen(&mut app, 80, 24)[5].starts_with("topic:00000"));
    typed(&mut app, "/TOPIC:0123");
    press(&mut app, &[KeyCode::Enter]);
    let lines = screen(&mut app, 80, 24);
    shows(&lines, "1-10 of 10 (of 10000: /TOPIC:0123)");
    press(&mut app, &[KeyCode::Esc]);
    shows(&screen(&mut app, 80, 24), "of 10000");
}

#[test]
fn a_narrow_or_tiny_terminal_shows_what_matters_most() {
    let mut snapshot = healthy();
    set(&mut snapshot, 2, "down");
    snapshot.cluster["partitioned"] = json!(true);
    let mut app = app(snapshot);
    let lines = screen(&mut app, 40, 12);
    shows(&lines, "PARTITIONED, out of reach: c");
    assert!(lines[5].starts_with("c        DOWN"), "{lines:#?}");
    for (width, height) in [(1, 1), (5, 3), (40, 2), (3, 40)] {
        for view in ['1', '2', '3', '4'] {
            typed(&mut app, &view.to_string());
            screen(&mut app, width, height);
        }
    }
    // Larger again: nothing is left of that.
    typed(&mut app, "1");
    shows(&screen(&mut app, 100, 20), "tcp://c:5555");
}

#[test]
fn control_characters_of_peers_do_not_reach_the_terminal() {
    const EVIL: &str = "x\u{1b}[2J\n\u{9b}31m\u{202e}";
    let mut snapshot = healthy();
    snapshot.node["name"] = json!(EVIL);
    snapshot.cluster["partitioned"] = json!(true);
    snapshot.cluster["members"][1] =
        json!({"node": EVIL, "name": EVIL, "state": "down", "endpoints": [EVIL]});
    snapshot.peers = Arc::new(vec![json!({"name": EVIL, "endpoint": EVIL, "state": EVIL})]);
    snapshot.topics = Arc::new(vec![json!({"topic": EVIL, "owners": [EVIL]})]);
    snapshot.events = Arc::new(vec![json!({"event": EVIL, "reason": EVIL, "at_ms": 1})]);
    snapshot.ready = json!({"ready": false, "reasons": [{"reason": EVIL}]});
    let mut app = app(snapshot.clone());
    let mut lines = once::lines(&snapshot);
    for view in ['1', '2', '3', '4'] {
        typed(&mut app, &view.to_string());
        lines.extend(screen(&mut app, 200, 12));
    }
    app.hear(Err(EVIL.into()));
    lines.extend(screen(&mut app, 200, 12));
    for line in &lines {
        let acts = |c: char| c.is_control() || c == '\u{202e}';
        assert!(!line.contains(acts), "{line:?}");
    }
    shows(&lines, r"x\x1b[2J\n\xc2\x9b31m\xe2\x80\xae");
}

#[test]
fn answers_without_the_fields_of_other_versions_are_shown_as_far_as_they_go() {
    let empty = Snapshot {
        at: Instant::now(),
        node: Value::Null,
        ready: Value::Null,
        cluster: Value::Null,
        peers: Arc::new(vec![json!({}), Value::Null]),
        topics: Arc::new(vec![json!({})]),
        events: Arc::new(vec![json!({})]),
        rates: Default::default(),
    };
    let mut app = app(empty.clone());
    for view in ['1', '2', '3', '4'] {
        typed(&mut app, &view.to_string());
        screen(&mut app, 100, 20);
    }
    assert!(once::lines(&empty).len() > 8);
}

#[test]
fn rates_are_those_of_one_life_of_the_node() {
    let before = healthy().compared_with(None);
    let mut after = healthy();
    after.node["uptime_seconds"] = json!(3727.0);
    after.node["stats"]["received_messages"] = json!(4000);
    let rate = |snapshot: &Snapshot| snapshot.rates.node.get("received_messages").copied();
    let compared = after.clone().compared_with(Some(&before));
    assert_eq!(rate(&compared), Some(1500.0));
    shows(&screen(&mut app(compared), 120, 20), "in 1,500/s");
    // Links and topics by their own counters.
    let mut peer = before.peers[0].clone();
    peer["sent_messages"] = json!(120);
    peer["received_messages"] = json!(11);
    after.peers = Arc::new(vec![peer]);
    let topic =
        |published| json!({"topic": "t", "published_messages": published, "received_messages": 5});
    let before = Snapshot {
        topics: Arc::new(vec![topic(0)]),
        ..before
    };
    after.topics = Arc::new(vec![topic(50)]);
    after.at = before.at + Duration::from_secs(2);
    let compared = after.clone().compared_with(Some(&before));
    let mut app = app(compared);
    typed(&mut app, "2");
    shows(&screen(&mut app, 120, 20), "10/s  0.5/s");
    typed(&mut app, "3");
    shows(&screen(&mut app, 120, 20), "25/s");
    // It was started anew, under its name and under none.
    after.node["uptime_seconds"] = json!(1.0);
    assert_eq!(rate(&after.clone().compared_with(Some(&before))), None);
    after.node["uptime_seconds"] = json!(9999.0);
    after.node["node"] = json!("dddd0000");
    assert_eq!(rate(&after.compared_with(Some(&before))), None);
}

#[test]
fn keys_that_end_it_end_it_and_others_do_not() {
    let mut app = app(healthy());
    typed(&mut app, "/q");
    assert!(!app.is_over(), "it is written into the filter");
    press(&mut app, &[KeyCode::Esc]);
    typed(&mut app, "q");
    assert!(app.is_over());
    let mut app = self::app(healthy());
    let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    typed(&mut app, "/");
    app.take(&Event::Key(control_c));
    assert!(app.is_over());
}
