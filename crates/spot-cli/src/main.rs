//! The program `spot`: a node of a SPOT cluster, and the tools to publish, subscribe and look around.

mod cli;
mod client;
mod commands;
mod demo;
mod failure;
mod interrupt;
mod output;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use failure::Failure;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Demo => demo::run(),
        Command::Node(args) => commands::node::run(&args),
        Command::Pub(args) => commands::publish::run(&args),
        Command::Sub(args) => commands::subscribe::run(&args),
        Command::Topics(args) => commands::topics::run(&args),
        Command::Peers(args) => commands::peers::run(&args),
        Command::Sync(args) => commands::sync::run(&args),
        Command::Cluster(args) => commands::cluster::run(&args),
        Command::Events(args) => commands::events::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

fn report(failure: &Failure) -> ExitCode {
    // A signal closes the node under the command, which then fails with "closed": the signal is the true reason.
    if interrupt::happened() {
        return ExitCode::from(interrupt::EXIT_CODE);
    }
    if failure.is_broken_pipe() {
        return ExitCode::SUCCESS;
    }
    output::note(failure);
    ExitCode::from(failure.exit_code())
}
