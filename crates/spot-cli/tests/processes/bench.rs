//! `spot bench` with two real processes.

use std::thread;
use std::time::Instant;

use rustix::process::Signal;
use serde_json::Value;

use crate::pty::OnTerminal;
use crate::support::{DEADLINE, NOBODY, Spot, spot};

/// The other side, at a free port, and its endpoint.
fn receiver(args: &[&str]) -> (Spot, String) {
    let mut receiver =
        Spot::run(&[&["bench", "sub", "--bind", "tcp://127.0.0.1:0"], args].concat());
    let endpoint = receiver.endpoint();
    (receiver, endpoint)
}

fn object(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|_| panic!("no object: {line}"))
}

#[test]
fn what_is_published_is_counted_by_the_other_side() {
    let (receiver, endpoint) = receiver(&["--json", "-n", "1"]);
    let pubs = [
        "bench",
        "pub",
        "--peer",
        &endpoint,
        "--seconds",
        "0.3",
        "--json",
        "--size",
        "100",
    ];
    let published = spot(&pubs);
    assert_eq!(published.code, Some(0), "{}", published.reason());
    let told = object(&published.stdout[0]);
    let sent = told["messages"].as_u64().unwrap();
    assert!(sent > 0, "{told}");
    assert_eq!(told["bytes"], sent * 100);
    assert!(told["cpu_seconds"].as_f64().unwrap() > 0.0, "{told}");
    let received = receiver.end();
    assert_eq!(received.code, Some(0), "{}", received.reason());
    let counted = object(&received.stdout[0]);
    assert_eq!(told["receivers"][0], counted);
    for (name, value) in [
        ("messages", sent),
        ("sent", sent),
        ("lost", 0),
        ("reordered", 0),
    ] {
        assert_eq!(counted[name], value, "{name}: {counted}");
    }
}

#[test]
fn round_trips_are_answered_and_their_times_are_in_order() {
    let (mut receiver, endpoint) = receiver(&[]);
    let trips = spot(&[
        "bench",
        "rtt",
        "--peer",
        &endpoint,
        "--seconds",
        "0.3",
        "--json",
    ]);
    assert_eq!(trips.code, Some(0), "{}", trips.reason());
    let told = object(&trips.stdout[0]);
    assert!(told["round_trips"].as_u64().unwrap() > 0, "{told}");
    let times = ["min", "p50", "p99", "p99_9", "max"].map(|name| {
        told["microseconds"][name]
            .as_f64()
            .unwrap_or_else(|| panic!("no {name}: {told}"))
    });
    assert!(times[0] > 0.0 && times.is_sorted(), "{told}");
    assert!(receiver.line().starts_with("answered  "));
    // The same side takes one after the other, until it is told to stop.
    let text = spot(&[
        "bench",
        "pub",
        "--peer",
        &endpoint,
        "--seconds",
        "0.1",
        "--rate",
        "1000",
    ]);
    assert_eq!(text.code, Some(0), "{}", text.reason());
    assert!(text.stdout[0].starts_with("published  "), "{text:?}");
    assert!(
        text.stdout[1].ends_with("none lost, none out of order"),
        "{text:?}"
    );
    assert!(receiver.line().starts_with("received  "));
    receiver.signal(Signal::INT);
    assert_eq!(receiver.end().code, Some(0));
}

#[test]
fn who_looks_at_a_terminal_is_told_each_second_how_much_gets_across() {
    let (_receiver, endpoint) = receiver(&[]);
    let args = ["bench", "pub", "--peer", &endpoint, "--seconds", "600"];
    let mut publisher = OnTerminal::run(&args, 24, 100);
    publisher.wait_for("two seconds", |screen| {
        let told = screen.lines().filter(|line| line.contains(" messages/s, "));
        told.count() == 2
    });
    publisher.signal(Signal::INT);
    assert_eq!(publisher.ends_and_gives_the_terminal_back(), Some(130));
}

#[test]
fn losses_are_told_on_both_sides_and_fail_them() {
    // A queue for one message, at a receiver that chose to lose what finds no room.
    let (receiver, endpoint) = receiver(&["-n", "1", "--hwm", "1", "--overflow", "drop-newest"]);
    let published = spot(&[
        "bench",
        "pub",
        "--peer",
        &endpoint,
        "--seconds",
        "0.5",
        "--size",
        "8",
    ]);
    let received = receiver.end();
    assert!(received.stdout[0].contains(" LOST"), "{received:?}");
    assert_eq!(received.code, Some(1), "{received:?}");
    assert!(
        received.reason().contains("1 of 1 measurement"),
        "{received:?}"
    );
    assert_eq!(published.code, Some(1), "{published:?}");
    assert!(published.reason().contains("lost"), "{published:?}");
}

#[test]
fn through_a_hub_nothing_is_lost_either() {
    let (_hub, hub) = Spot::node(&["--relay"]);
    let receiver = Spot::run(&["bench", "sub", "--peer", &hub, "-n", "2"]);
    for measured in ["pub", "rtt"] {
        let done = spot(&[
            "bench",
            measured,
            "--peer",
            &hub,
            "--seconds",
            "0.2",
            "--size",
            "8",
        ]);
        assert_eq!(done.code, Some(0), "{measured}: {}", done.reason());
    }
    assert_eq!(receiver.end().code, Some(0));
}

#[test]
fn a_publisher_that_dies_is_told_as_broken_off() {
    let (mut receiver, endpoint) = receiver(&["--json"]);
    let publisher = Spot::run(&["bench", "pub", "--peer", &endpoint, "--seconds", "600"]);
    // Not before something came: the receiver tells nothing until the end, but its processor works.
    let begun = Instant::now();
    while processor_ticks(receiver.id()) < 5 {
        assert!(begun.elapsed() < DEADLINE, "nothing came");
        thread::yield_now();
    }
    drop(publisher);
    let told = object(&receiver.line());
    assert_eq!(told["complete"], false, "{told}");
    receiver.signal(Signal::TERM);
    // 130: a signal ended it, and not all was well.
    assert_eq!(receiver.end().code, Some(130));
}

/// Processor time of a process so far.
fn processor_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields: Vec<_> = stat
        .rsplit(") ")
        .next()
        .unwrap_or_default()
        .split(' ')
        .collect();
    fields[11..13]
        .iter()
        .map(|ticks| ticks.parse::<u64>().expect("a number"))
        .sum()
}

#[test]
fn without_the_other_side_it_says_what_to_start() {
    for measured in ["pub", "rtt"] {
        let done = spot(&["bench", measured, "--peer", NOBODY, "--timeout", "0.2"]);
        assert_eq!(done.code, Some(3), "{done:?}");
        assert!(done.reason().contains("spot bench sub"), "{done:?}");
    }
    // A node is there, but nobody who counts.
    let (_node, endpoint) = Spot::node(&[]);
    let done = spot(&["bench", "pub", "--peer", &endpoint, "--timeout", "0.2"]);
    assert_eq!(done.code, Some(3), "{done:?}");
    let reason = done.reason();
    assert!(
        reason.contains("nobody counts") || reason.contains("not connected"),
        "{reason}"
    );
}

#[test]
fn what_cannot_be_measured_is_refused() {
    for (args, remedy) in [
        (["--size", "7"], "write bytes, 8 to"),
        (["--seconds", "0"], "above 0"),
        (["--rate", "0"], "messages a second"),
    ] {
        let done = spot(&[&["bench", "pub"], &args[..]].concat());
        assert_eq!(done.code, Some(2), "{done:?}");
        assert!(done.reason().contains(remedy), "{done:?}");
    }
}
