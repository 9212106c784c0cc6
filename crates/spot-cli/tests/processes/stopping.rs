//! A node between the signal and its end.

use rustix::process::Signal;
use serde_json::Value;

use crate::admin::{eventually, get, json, node};
use crate::support::{Spot, spot};

#[test]
fn a_node_that_sends_the_rest_before_its_end_said_that_it_is_ready() {
    let (mut owner, endpoint, admin) = node(&["--topic", "t", "--set", "linger_ms=80000000"]);
    let mut sub = Spot::run(&["sub", "t", "--peer", &endpoint]);
    sub.wait_for("subscribed to");
    assert_eq!(get(&admin, "/readyz").0, 200);
    sub.signal(Signal::STOP);
    // More than the kernel takes for a subscriber that stands still.
    let payload = "x".repeat(60_000);
    let args = ["pub", "t", &payload, "-n", "300", "--peer", &endpoint];
    assert_eq!(spot(&args).code, Some(0));
    let queued = || {
        let peers = json(&admin, "/api/v1/peers")["peers"].clone();
        let peers = peers.as_array().expect("a list").clone();
        let queued = peers.iter().map(|peer| peer["queued_messages"].as_u64());
        queued.map(Option::unwrap_or_default).sum::<u64>()
    };
    eventually(queued, |queued| *queued > 0);
    owner.signal(Signal::TERM);
    let told = owner.wait_for("stopping: ");
    assert!(!told.contains("stopping: 0 messages"), "{told}");
    assert!(told.contains("80000000 ms (linger_ms)"), "{told}");
    let (status, _, body) = get(&admin, "/readyz");
    assert_eq!(status, 503, "{body}");
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(answer["reasons"][0]["check"], "stopping");
    let (_, _, metrics) = get(&admin, "/metrics");
    assert!(metrics.contains("\nspot_ready 0\n"), "{metrics}");
    let done = spot(&["health", "--ready", "--admin", &admin]);
    assert_eq!(done.code, Some(1));
    assert!(done.reason().contains("told the node to stop"), "{done:?}");
    // The subscriber goes on, and so the node ends.
    sub.signal(Signal::CONT);
    assert_eq!(owner.finish().code, Some(0));
}
