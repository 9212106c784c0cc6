//! The demo checks itself; here it is checked that it says so.

use std::fs::File;
use std::process::Stdio;

use rustix::process::Signal;

use crate::admin::{eventually, get, json};
use crate::support::{Spot, command, spot};

#[test]
fn the_demo_loses_nothing_untold() {
    let done = spot(&["demo"]);
    let story = done.stdout.join("\n");
    assert_eq!(done.code, Some(0), "{}\n{story}", done.reason());
    assert_eq!(done.reason(), "");
    assert!(story.contains("its page at http://127.0.0.1:"), "{story}");
    assert!(
        story.contains("REPORTED MISSING") && !story.contains('✗'),
        "{story}"
    );
}

#[test]
fn what_a_full_disk_swallowed_was_taken_for_told() {
    for args in [
        &["demo"][..],
        &["--help"],
        &["--version"],
        &["sub", "--help"],
    ] {
        let full = File::options()
            .write(true)
            .open("/dev/full")
            .expect("Linux has it");
        let done = command(args)
            .stdout(Stdio::from(full))
            .stdin(Stdio::null())
            .output()
            .expect("spot starts");
        let reason = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{args:?}: {reason}");
        assert!(reason.contains("cannot write standard output"), "{reason}");
    }
}

#[test]
fn a_cluster_that_is_kept_can_be_looked_at_and_joined_until_a_signal() {
    let mut demo = Spot::run(&["demo", "--keep"]);
    let mut after = |text: &str| loop {
        let line = demo.line();
        if let Some((_, rest)) = line.split_once(text) {
            return rest.to_owned();
        }
    };
    let page = after("open http://");
    let (admin, _) = page.split_once(' ').expect("an address");
    let at_alpha = after("spot sub 'sensor:*' --peer ");
    assert!(get(admin, "/").2.contains("<title>"));
    let members = || json(admin, "/api/v1/cluster")["reachable"].clone();
    eventually(members, |count| *count == 3);
    let done = spot(&["sub", "sensor:*", "-n", "3", "--peer", &at_alpha]);
    assert_eq!(
        (done.code, done.stdout.len()),
        (Some(0), 3),
        "{}",
        done.reason()
    );
    let received = || json(admin, "/api/v1/node")["stats"]["received_messages"].as_u64();
    let before = received();
    eventually(received, |now| *now > before);
    demo.signal(Signal::INT);
    assert_eq!(demo.finish().code, Some(0));
}
