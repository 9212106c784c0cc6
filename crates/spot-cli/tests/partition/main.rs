//! A real partition: five nodes on five hosts, that is network namespaces joined by two switches, and the cable between
//! the switches pulled. Packets are lost in silence, as in a real network; nothing is reset.
//!
//! The namespaces belong to a namespace of users, so that no rights are needed where the system allows that. Where it
//! does not, the test says so and is skipped. It is a program of its own, because it starts itself anew inside.

mod hosts;
mod member;
mod nodes;
mod story;
#[path = "../processes/support.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

use std::process::{Command, ExitCode, Stdio};

/// Set inside the namespaces.
const INSIDE: &str = "SPOT_TEST_INSIDE_NAMESPACES";

fn main() -> ExitCode {
    if let Ok(host) = std::env::var(member::HOST) {
        let host = host.parse().expect("a number");
        member::run(host, story::HOSTS);
    }
    if std::env::var_os(INSIDE).is_some() {
        story::tell();
        return ExitCode::SUCCESS;
    }
    if let Err(reason) = hosts::are_possible() {
        eprintln!(
            "\n*** SKIPPED: the partition test. This machine gives no network namespaces: {reason}\n"
        );
        return ExitCode::SUCCESS;
    }
    let this = std::env::current_exe().expect("this test has a path");
    let mut inside = hosts::unshared(&[this.to_str().expect("a path in UTF-8")]);
    let status = inside.env(INSIDE, "1").status().expect("it starts");
    if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs a tool that must succeed; what it says otherwise.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}
