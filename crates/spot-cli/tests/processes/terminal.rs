//! What peers choose, names and topics, has no effect on the terminal of those who look at it.

use serde_json::Value;

use crate::support::{Spot, spot};

/// Clears the screen, forges a line, recolours by the one-character CSI, and turns the text around.
const EVIL: &str = "x\u{1b}[2J\nforged\t\u{9b}31m\u{202e}\\n";
const SHOWN: &str = r"x\x1b[2J\nforged\t\xc2\x9b31m\xe2\x80\xae\\n";

/// In a sentence: the backslash of the name stays single.
const QUOTED: &str = r"x\x1b[2J\nforged\t\xc2\x9b31m\xe2\x80\xae\n";

#[track_caller]
fn harmless(lines: &[String]) {
    for line in lines {
        let acts = |c: char| c.is_control() || c == '\u{202e}';
        assert!(!line.contains(acts), "{line:?}");
    }
}

#[test]
fn topics_and_peers_printed_control_characters_of_others() {
    let (_node, endpoint) = Spot::node(&["--topic", EVIL, "--name", EVIL]);
    for command in ["topics", "peers"] {
        let done = spot(&[command, "--peer", &endpoint]);
        assert_eq!((done.code, done.stdout.len()), (Some(0), 2), "{done:?}");
        harmless(&done.stdout);
        harmless(&done.stderr);
        assert!(done.stdout[1].contains(SHOWN), "{:?}", done.stdout);
    }
    let done = spot(&["topics", "--json", "--peer", &endpoint]);
    let topic: Value = serde_json::from_str(&done.stdout[0]).expect("an object");
    assert_eq!(topic["topic"], EVIL);
}

#[test]
fn sub_printed_the_topic_raw_and_a_backslash_like_an_escape() {
    let (_node, endpoint) = Spot::node(&["--topic", EVIL, "--name", EVIL]);
    let subscribed = |args: &[&str]| {
        let args = [&["sub", "x*", "-n", "1", "--peer", &endpoint], args].concat();
        let mut sub = Spot::run(&args);
        sub.wait_for("subscribed to");
        sub
    };
    let (text, json, raw) = (
        subscribed(&[]),
        subscribed(&["--json"]),
        subscribed(&["--raw"]),
    );
    let published = spot(&["pub", EVIL, EVIL, "--peer", &endpoint]);
    assert_eq!(published.code, Some(0), "{}", published.reason());
    let text = text.finish();
    assert_eq!(text.stdout, [format!("{SHOWN} {SHOWN}")]);
    harmless(&text.stderr);
    let json: Value = serde_json::from_str(&json.finish().stdout[0]).expect("an object");
    assert_eq!(
        (&json["topic"], &json["data"]),
        (&EVIL.into(), &EVIL.into())
    );
    assert_eq!(raw.finish().stdout.join("\n"), EVIL);
}

#[test]
fn a_node_logged_control_characters_of_its_peers() {
    let (mut node, endpoint) = Spot::node(&["--log", "debug"]);
    let (mut other, _) = Spot::node(&["--topic", EVIL, "--name", EVIL, "--peer", &endpoint]);
    other.wait_for(" up");
    let offered = format!("topic {QUOTED} offered");
    let up = format!("peer {QUOTED} (");
    node.wait_for_each(vec![offered, up]);
    drop(other);
    node.wait_for(" lost");
    node.signal(rustix::process::Signal::TERM);
    harmless(&node.finish().stderr);
}

#[test]
fn sub_told_a_loss_with_the_control_characters_of_the_name() {
    let (node, endpoint) = Spot::node(&["--topic", "t", "--name", EVIL]);
    let mut sub = Spot::run(&["sub", "t", "--peer", &endpoint]);
    sub.wait_for("subscribed to");
    drop(node);
    let told = sub.wait_for("lost node");
    assert!(told.contains(QUOTED), "{told:?}");
}
