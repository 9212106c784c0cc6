//! The demo checks itself; here it is checked that it says so.

use std::fs::File;
use std::process::Stdio;

use crate::support::{command, spot};

#[test]
fn the_demo_loses_nothing_untold() {
    let done = spot(&["demo"]);
    let story = done.stdout.join("\n");
    assert_eq!(done.code, Some(0), "{}\n{story}", done.reason());
    assert_eq!(done.reason(), "");
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
