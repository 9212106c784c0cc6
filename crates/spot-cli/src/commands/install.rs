//! What a package of the program holds beside it: man pages and completions for shells, made from the command line's
//! own definition.

use std::fs;
use std::io;
use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::{self, ManArgs};
use crate::failure::Failure;
use crate::output::Output;

/// `spot man DIR`: a page for the program and one for each command, also those of commands.
pub(crate) fn man(args: &ManArgs) -> Result<(), Failure> {
    write_pages(&args.dir).map_err(|error| {
        Failure::Failed(format!(
            "cannot write man pages to {}: {error}; name a directory that can be written to",
            args.dir.display()
        ))
    })
}

fn write_pages(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let mut program = cli::command().disable_help_subcommand(true);
    // Gives the commands their full names.
    program.build();
    write_page_and_those_below(dir, &program)
}

fn write_page_and_those_below(dir: &Path, command: &Command) -> io::Result<()> {
    let man = Man::new(command.clone());
    fs::write(dir.join(man.get_filename()), page(command, &man)?)?;
    let mut below = command.get_subcommands().filter(|one| !one.is_hide_set());
    below.try_for_each(|one| write_page_and_those_below(dir, one))
}

fn page(command: &Command, man: &Man) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if command.get_after_help().is_some() {
        let mut notes = Vec::new();
        man.render_extra_section(&mut notes)?;
        // Examples and tables keep their lines.
        let notes = String::from_utf8_lossy(&notes).replace(".SH EXTRA\n", ".SH NOTES\n.nf\n");
        page.extend(notes.bytes());
        page.extend(b".fi\n");
    }
    Ok(page)
}

/// `spot completions SHELL`: the script that makes the shell complete.
pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli::command(), "spot", &mut script);
    let mut output = Output::new();
    output.write(&script)?;
    output.flush()
}
