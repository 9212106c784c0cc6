//! What a package of the program holds beside it: man pages and completions for shells, made from the command line's
//! own definition.

use std::fs;

use clap_complete::Shell;

use crate::cli::{self, ManArgs};
use crate::failure::Failure;
use crate::output::Output;

/// `spot man DIR`: a page for the program and one for each command.
pub(crate) fn man(args: &ManArgs) -> Result<(), Failure> {
    let pages = cli::command().disable_help_subcommand(true);
    fs::create_dir_all(&args.dir)
        .and_then(|()| clap_mangen::generate_to(pages, &args.dir))
        .map_err(|error| {
            Failure::Failed(format!(
                "cannot write man pages to {}: {error}; name a directory that can be written to",
                args.dir.display()
            ))
        })
}

/// `spot completions SHELL`: the script that makes the shell complete.
pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli::command(), "spot", &mut script);
    let mut output = Output::new();
    output.write(&script)?;
    output.flush()
}
