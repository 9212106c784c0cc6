//! Measures ServerLink SPOT against libzmq, plain sockets and others, in one run; see `--help`.

mod child;
mod contender;
mod docs;
mod instructions;
mod measure;
mod plots;
mod process;
mod run;
mod settings;
mod syscalls;
mod table;
mod targets;
mod workload;

use std::process::ExitCode;

use settings::Settings;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|first| first == "--child").is_some() {
        let spec = arguments.next().expect("a spec follows");
        child::run(&serde_json::from_str(&spec).expect("the harness writes specs"));
        return ExitCode::SUCCESS;
    }
    let done = Settings::parse(arguments).and_then(run::run);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
