//! Nodes that die, freeze and return, as a subscriber in another process sees it. It calls nothing to get over it.

use rustix::process::Signal;

use crate::support::{Spot, spot};

/// A node that hosts "t" on a port of its own, and a subscriber whose subscription stands.
fn owner_and_subscriber(args: &[&str]) -> (Spot, String, Spot) {
    let (owner, endpoint) = Spot::node(&["--topic", "t", "--name", "owner"]);
    let mut sub = Spot::run(&[&["sub", "t", "--peer", &endpoint], args].concat());
    sub.wait_for("subscribed to");
    (owner, endpoint, sub)
}

fn publish(endpoint: &str, data: &str) {
    let published = spot(&["pub", "t", data, "--peer", endpoint]);
    assert_eq!(published.code, Some(0), "{}", published.reason());
}

#[test]
fn an_owner_that_is_killed_is_told_and_heard_again_after_its_restart() {
    let (owner, endpoint, mut sub) = owner_and_subscriber(&["-n", "3"]);
    publish(&endpoint, "before");
    assert_eq!(sub.line(), "t before");

    owner.signal(Signal::KILL);
    assert_eq!(owner.finish().code, None, "a signal ended it");
    sub.wait_for("lost node owner");

    let restart = [
        "node", "--bind", &endpoint, "--topic", "t", "--name", "owner",
    ];
    let mut again = Spot::run(&restart);
    again.endpoint();
    sub.wait_for("subscribed to");
    publish(&endpoint, "after");
    assert_eq!(sub.line(), "t after");

    // It was lost once, so it is told once, and the second life is as good as the first.
    publish(&endpoint, "last");
    let done = sub.finish();
    assert_eq!(done.stdout, ["t last"]);
    let lost = done.stderr.iter().filter(|line| line.contains("lost node"));
    assert_eq!(lost.count(), 1, "{}", done.reason());
}

#[test]
fn what_an_owner_published_after_its_restart_before_it_was_heard_again_is_counted() {
    let (owner, endpoint, mut sub) = owner_and_subscriber(&["-n", "2"]);
    publish(&endpoint, "before");
    assert_eq!(sub.line(), "t before");

    // It stands still while the owner says farewell, returns and publishes.
    sub.signal(Signal::STOP);
    owner.signal(Signal::TERM);
    assert_eq!(owner.finish().code, Some(0));
    let restart = [
        "node", "--bind", &endpoint, "--topic", "t", "--name", "owner",
    ];
    let mut again = Spot::run(&restart);
    again.endpoint();
    for unheard in ["1", "2", "3"] {
        publish(&endpoint, unheard);
    }
    sub.signal(Signal::CONT);
    sub.wait_for("lost node owner");
    sub.wait_for("missed 3 messages of t");
    publish(&endpoint, "heard");
    assert_eq!(sub.finish().stdout, ["t heard"]);
}

#[test]
fn an_owner_that_only_goes_silent_is_told_and_heard_again_when_it_wakes() {
    let (owner, endpoint, mut sub) = owner_and_subscriber(&["-n", "1"]);
    owner.signal(Signal::STOP);
    // No reset and no farewell: only the heartbeats can tell.
    sub.wait_for("lost node owner");
    owner.signal(Signal::CONT);
    sub.wait_for("subscribed to");
    publish(&endpoint, "awake");
    assert_eq!(sub.finish().stdout, ["t awake"]);
}

#[test]
fn a_subscriber_that_is_killed_costs_its_owner_and_the_others_nothing() {
    let (owner, endpoint, sub) = owner_and_subscriber(&["--overflow", "block", "--hwm", "1"]);
    let mut other = Spot::run(&["sub", "t", "-n", "100", "--hwm", "0", "--peer", &endpoint]);
    other.wait_for("subscribed to");
    // It holds publishers up as long as it lives, once its window is full.
    sub.signal(Signal::STOP);
    let publisher = Spot::run(&["pub", "t", "x", "-n", "100", "--peer", &endpoint]);
    assert_eq!(other.line(), "t x");
    sub.signal(Signal::KILL);
    assert_eq!(publisher.finish().code, Some(0));
    assert_eq!(other.finish().stdout.len(), 99);
    owner.signal(Signal::TERM);
    assert_eq!(owner.finish().code, Some(0));
}
