//! `--history`: what was said before one listened.

use crate::support::{Spot, command, spot};

#[test]
fn a_late_sub_begins_with_what_the_node_kept() {
    let (_node, endpoint) = Spot::node(&["--topic", "log", "--history", "3"]);
    let mut publisher = Spot::run(&["pub", "log", "--peer", &endpoint]);
    publisher.type_in(b"1\n2\n3\n4\n5\n");
    assert_eq!(publisher.finish().code, Some(0));
    for (asked, expected) in [("1", &["log 5"][..]), ("9", &["log 3", "log 4", "log 5"])] {
        let count = expected.len().to_string();
        let sub = ["sub", "log", "--peer", &endpoint, "-n", &count];
        let received = spot(&[&sub[..], &["--history", asked]].concat());
        assert_eq!(received.stdout, expected, "{}", received.reason());
    }
    let nothing = spot(&["sub", "log", "--peer", &endpoint, "--timeout", "0.2"]);
    assert_eq!((nothing.code, nothing.stdout), (Some(3), vec![]));
}

#[test]
fn the_environment_may_say_so_and_a_hosting_pub_keeps_too() {
    let args = [
        "pub",
        "news",
        "--bind",
        "tcp://127.0.0.1:0",
        "--wait-subscribers",
        "0",
    ];
    let mut publishing = command(&args);
    publishing.env("SPOT_HISTORY", "2");
    let mut publisher = Spot::spawn(publishing);
    let endpoint = publisher.endpoint();
    let mut first = Spot::run(&["sub", "news", "--peer", &endpoint, "-n", "3"]);
    first.wait_for("subscribed to");
    publisher.type_in(b"a\nb\nc\n");
    assert_eq!(first.line(), "news a");
    assert_eq!(first.finish().stdout, ["news b", "news c"]);
    let mut late = command(&["sub", "news", "--peer", &endpoint, "-n", "2"]);
    late.env("SPOT_HISTORY", "10");
    assert_eq!(Spot::spawn(late).finish().stdout, ["news b", "news c"]);
    let wrong = spot(&["node", "--history", "-1"]);
    assert_eq!(wrong.code, Some(2));
}
