//! Measured processes, as the harness sees them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use bench_child::{Contender, Spec, WAIT};

use crate::settings::{Settings, root};

/// What a process reports, by name.
pub type Figures = BTreeMap<String, f64>;

/// Ends with its handle, whatever went wrong.
pub struct Process {
    child: Child,
    stdin: ChildStdin,
    lines: mpsc::Receiver<String>,
    name: String,
}

impl Process {
    pub fn start(settings: &Settings, spec: &Spec) -> Result<Self, String> {
        let spec = settings.complete(spec);
        let name = format!("{:?} of {}", spec.role, spec.contender.label());
        let program = match spec.contender {
            Contender::Zenoh | Contender::Nats => program_of(spec.contender),
            _ => std::env::current_exe().map_err(|error| error.to_string())?,
        };
        let mut child = Command::new(program)
            .arg("--child")
            .arg(serde_json::to_string(&spec).expect("a spec can be written"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{name} does not start: {error}"))?;
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Ok(Self {
            child,
            stdin,
            lines,
            name,
        })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that begins with `word`; the rest of it.
    pub fn hear(&self, word: &str) -> Result<String, String> {
        let line = self.lines.recv_timeout(WAIT);
        let line = line.map_err(|_| format!("{} says nothing where {word} is due", self.name))?;
        match line.strip_prefix(word) {
            Some(rest) => Ok(rest.trim_start().to_owned()),
            None => Err(format!("{} says {line:?} instead of {word}", self.name)),
        }
    }

    pub fn tell(&mut self, what: &str) -> Result<(), String> {
        let told = writeln!(self.stdin, "{what}").and_then(|()| self.stdin.flush());
        told.map_err(|error| format!("{} is gone: {error}", self.name))
    }

    pub fn report(&self) -> Result<Figures, String> {
        let line = self.hear("report")?;
        serde_json::from_str(&line).map_err(|error| format!("{}: {error}", self.name))
    }

    /// Ends it without warning.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where the program is that measures a contender with a package of its own, once built.
pub fn program_of(contender: Contender) -> std::path::PathBuf {
    let name = format!("release/peer-{}", contender.label().to_lowercase());
    let built = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().join("benches/target"), std::path::PathBuf::from);
    built.join(name)
}
