//! What the user wants.

use std::path::{Path, PathBuf};

use bench_child::{Contender, Spec};

const HELP: &str = "\
Measures ServerLink SPOT against libzmq, plain sockets and others, in one run.

    --quick             a self-check of everything, in under two minutes; the figures mean little
    --only NAME,...     only groups or workloads whose names begin so (see --list)
    --with NAME,...     only these contenders: c c-resolved rust rust-named baseline zmq tcp64 tcp256 ring futex zenoh nats
    --rounds N          how often each is measured (5)
    --seconds S         how long each time (1)
    --no-syscalls       no count of system calls
    --baseline LIBRARY  another libserverlink.so, measured as `baseline` beside `c`
    --library LIBRARY   the libserverlink.so to measure, instead of building it
    --json FILE         writes all values
    --from FILE         measures nothing: reports what --json wrote
    --docs              rewrites docs/performance.md between its markers, and its plots
    --instructions      counts instructions with callgrind instead; rewrites benches/instructions.txt
    --list              the workloads
";

#[derive(Debug, Clone)]
pub struct Settings {
    pub quick: bool,
    pub only: Vec<String>,
    pub with: Vec<Contender>,
    pub rounds: usize,
    pub seconds: f64,
    pub syscalls: bool,
    pub library: Option<PathBuf>,
    pub baseline: Option<PathBuf>,
    pub json: Option<PathBuf>,
    pub from: Option<PathBuf>,
    pub docs: bool,
    pub instructions: bool,
    pub list: bool,
}

impl Settings {
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut settings = Self {
            quick: false,
            only: Vec::new(),
            with: Vec::new(),
            rounds: 0,
            seconds: 0.0,
            syscalls: true,
            library: None,
            baseline: None,
            json: None,
            from: None,
            docs: false,
            instructions: false,
            list: false,
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} wants a value"));
            match argument.as_str() {
                "--quick" => settings.quick = true,
                "--only" => settings.only = value()?.split(',').map(String::from).collect(),
                "--with" => settings.with = contenders(&value()?)?,
                "--rounds" => settings.rounds = number(&value()?)?,
                "--seconds" => settings.seconds = number(&value()?)?,
                "--no-syscalls" => settings.syscalls = false,
                "--library" => settings.library = Some(PathBuf::from(value()?)),
                "--baseline" => settings.baseline = Some(PathBuf::from(value()?)),
                "--json" => settings.json = Some(PathBuf::from(value()?)),
                "--from" => settings.from = Some(PathBuf::from(value()?)),
                "--docs" => settings.docs = true,
                "--instructions" => settings.instructions = true,
                "--list" => settings.list = true,
                _ => return Err(format!("{argument} is not known\n\n{HELP}")),
            }
        }
        let (rounds, seconds) = if settings.quick { (1, 0.1) } else { (5, 1.0) };
        if settings.rounds == 0 {
            settings.rounds = rounds;
        }
        if settings.seconds == 0.0 {
            settings.seconds = seconds;
        }
        Ok(settings)
    }

    /// Whether a workload of this name, in this group, is wanted.
    pub fn wants(&self, group: &str, workload: &str) -> bool {
        let wanted = |name: &String| group.starts_with(name) || workload.starts_with(name);
        self.only.is_empty() || self.only.iter().any(wanted)
    }

    pub fn wants_contender(&self, contender: Contender) -> bool {
        self.with.is_empty() || self.with.contains(&contender)
    }

    /// The figures of a full run, or what is enough to see that it works.
    pub fn full_or_quick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Fills in which library the process loads, and how long it is to publish.
    pub fn complete(&self, spec: &Spec) -> Spec {
        let mut spec = spec.clone();
        spec.seconds = self.seconds;
        let library = match spec.contender {
            Contender::Baseline => &self.baseline,
            _ => &self.library,
        };
        spec.library = library.clone().unwrap_or_default();
        spec
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is not a number"))
}

fn contenders(list: &str) -> Result<Vec<Contender>, String> {
    let parse = |name: &str| {
        serde_json::from_value(serde_json::Value::from(name))
            .map_err(|_| format!("{name} is no contender"))
    };
    list.split(',').map(parse).collect()
}

/// The folder of the whole project.
pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("this crate lies in ROOT/benches").to_owned()
}
