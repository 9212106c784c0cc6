//! What nodes, topics and links cost in memory, each measured in a process of its own by the example `footprint`.
#![cfg(target_os = "linux")]

use std::path::PathBuf;
use std::process::Command;

#[test]
fn an_idle_node_takes_less_than_4_mib() {
    assert!(figure("idle_node", "idle_node") < 4 * 1024);
}

#[test]
fn a_topic_of_a_million_takes_less_than_300_bytes() {
    assert!(figure("topic", "topic") < 300);
}

#[test]
fn an_idle_link_takes_less_than_16_kib_at_each_end() {
    assert!(figure("link", "link") < 2 * 16 * 1024);
}

#[test]
fn a_member_takes_less_than_a_kib_at_each_node_that_knows_it() {
    assert!(figure("member", "member") < 1024);
}

/// Runs the example and reads a figure from what it prints.
fn figure(run: &str, name: &str) -> usize {
    let output = Command::new(example())
        .arg(run)
        .output()
        .expect("the example runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("figures are text");
    let line = text
        .lines()
        .find(|line| line.split(' ').next() == Some(name));
    let line = line.unwrap_or_else(|| panic!("no figure {name} in {text}"));
    line.split(' ')
        .nth(1)
        .and_then(|value| value.parse().ok())
        .expect("a figure is a number")
}

/// The example's program, built in case only this test was asked for.
fn example() -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    let target = test
        .ancestors()
        .nth(2)
        .expect("tests are in target/<profile>/deps");
    let mut build = Command::new(env!("CARGO"));
    build.args([
        "build",
        "--quiet",
        "--package",
        "serverlink",
        "--example",
        "footprint",
    ]);
    if target.ends_with("release") {
        build.arg("--release");
    }
    assert!(
        build.status().is_ok_and(|status| status.success()),
        "the example is built"
    );
    target.join("examples/footprint")
}
