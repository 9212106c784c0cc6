//! The program `spot`: a node of a SPOT cluster, and the tools to publish, subscribe and look around.

mod admin;
mod cli;
mod client;
mod commands;
mod config;
mod demo;
mod failure;
mod http;
mod interrupt;
mod output;
mod text;

use std::env;
use std::process::ExitCode;

use clap::FromArgMatches;
use clap::error::{ContextKind, ContextValue};

use cli::{Cli, Command};
use failure::Failure;

fn main() -> ExitCode {
    let parsed = cli::command().try_get_matches().and_then(|matches| {
        let cli = Cli::from_arg_matches(&matches)?;
        Ok((cli, matches))
    });
    let (cli, mut matches) = match parsed {
        Ok(parsed) => parsed,
        Err(told) => return tell(&told),
    };
    let mut matches = || matches.remove_subcommand().map(|(_, given)| given);
    let done = match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Node(args) => commands::node::run(&args, matches().unwrap_or_default()),
        Command::Pub(args) => commands::publish::run(&args),
        Command::Sub(args) => commands::subscribe::run(&args),
        Command::Topics(args) => commands::topics::run(&args),
        Command::Peers(args) => commands::peers::run(&args),
        Command::Sync(args) => commands::sync::run(&args),
        Command::Cluster(args) => commands::cluster::run(&args),
        Command::Events(args) => commands::events::run(&args),
        Command::Bench(args) => commands::bench::run(&args),
        Command::Top(args) => commands::top::run(&args),
        Command::Health(args) => commands::health::run(&args),
        Command::Completions { shell } => commands::install::completions(shell),
        Command::Man(args) => commands::install::man(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

/// The help or the version that was asked for, or what is wrong with the arguments.
fn tell(told: &clap::Error) -> ExitCode {
    let printed = told.print();
    if let Some((variable, flag)) = variable_meant(told) {
        output::note(format_args!(
            "this value is that of {variable}, which stands for {flag}"
        ));
    }
    match printed {
        Err(error) if !told.use_stderr() => report(&Failure::Output(error)),
        _ if told.use_stderr() => ExitCode::from(cli::USAGE_EXIT_CODE),
        _ => ExitCode::SUCCESS,
    }
}

/// The variable that a wrong value came from, and the flag that it stands for: only the flag is named otherwise.
fn variable_meant(told: &clap::Error) -> Option<(String, String)> {
    let Some(ContextValue::String(argument)) = told.get(ContextKind::InvalidArg) else {
        return None;
    };
    let flag = argument.split(' ').next()?;
    let mut given = env::args_os().map(|given| given.to_string_lossy().into_owned());
    if given.any(|given| given.split('=').next() == Some(flag)) {
        return None;
    }
    let commands = cli::command();
    let mut arguments = commands
        .get_subcommands()
        .flat_map(clap::Command::get_arguments);
    let variable = arguments.find_map(|argument| {
        let is_it = argument.get_long() == flag.strip_prefix("--");
        argument
            .get_env()
            .filter(|variable| is_it && env::var_os(variable).is_some())
    })?;
    Some((variable.to_string_lossy().into_owned(), flag.to_owned()))
}

fn report(failure: &Failure) -> ExitCode {
    // A signal closes the node under the command, which then fails with "closed": the signal is the true reason.
    if interrupt::happened() {
        return ExitCode::from(interrupt::EXIT_CODE);
    }
    if failure.is_broken_pipe() {
        return ExitCode::SUCCESS;
    }
    for line in failure.lines() {
        output::note(line);
    }
    ExitCode::from(failure.exit_code())
}
