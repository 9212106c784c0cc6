//! Exchanging a node for a newer one, as docs/operations.md tells it, loses nothing.

use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::Spot;

const BATCH: u32 = 500;

/// A publisher that ends once all of its batch is on its way.
fn publish(batch: u32, endpoint: &str) {
    let mut publisher = Spot::run(&["pub", "t", "--peer", endpoint, "--linger", "30"]);
    for number in batch * BATCH..(batch + 1) * BATCH {
        publisher.type_in(format!("{number}\n").as_bytes());
    }
    let done = publisher.finish();
    assert_eq!(done.code, Some(0), "{}", done.reason());
}

#[test]
fn a_node_is_exchanged_between_two_runs_of_its_publisher_without_loss() {
    let dir = TempDir::new().expect("a temporary directory");
    let endpoint = format!("ipc://{}", dir.path().join("owner").display());
    let owner = || {
        let mut args = vec![
            "node",
            "--name",
            "owner",
            "--topic",
            "t",
            "--history",
            "1000",
            // Which tells when programs come and go.
            "--log",
            "debug",
        ];
        args.extend(["--bind", &endpoint, "--set", "linger_ms=30000"]);
        let mut owner = Spot::run(&args);
        owner.endpoint();
        owner
    };
    let mut node = owner();
    let total = (3 * BATCH).to_string();
    let args = ["sub", "t", "--history", "1000", "--overflow", "block"];
    let mut sub = Spot::run(&[&args[..], &["-n", &total, "--peer", &endpoint]].concat());
    for batch in 0..3 {
        sub.wait_for("subscribed to");
        publish(batch, &endpoint);
        // It has heard of the publisher's end, and so of all before that on the same connection.
        node.wait_for("peer-down ");
        node.signal(Signal::TERM);
        let done = node.finish();
        assert_eq!(done.code, Some(0), "{}", done.reason());
        node = owner();
    }
    let done = sub.end();
    let wanted: Vec<_> = (0..3 * BATCH).map(|number| format!("t {number}")).collect();
    assert_eq!(done.stdout, wanted, "{}", done.reason());
    assert!(!done.reason().contains("missed"), "{}", done.reason());
}
