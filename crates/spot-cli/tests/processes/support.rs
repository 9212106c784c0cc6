//! Runs the real program, and waits for what it says with a deadline. No test of these sleeps.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Far above what anything here takes; reached only by what hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_spot");

/// An endpoint where nobody listens: port 1 is below those the system gives out.
pub(crate) const NOBODY: &str = "tcp://127.0.0.1:1";

/// A running `spot`, killed when dropped.
pub(crate) struct Spot {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    /// What was read from standard error so far, for messages.
    told: Vec<String>,
}

/// What a program left behind.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: Vec<String>,
}

impl Done {
    /// Standard error as one text.
    pub(crate) fn reason(&self) -> String {
        self.stderr.join("\n")
    }
}

/// The program with these arguments and none of its variables set.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    for variable in [
        "SPOT_BIND",
        "SPOT_CLUSTER",
        "SPOT_CLUSTER_SIZE",
        "SPOT_CONFIG",
        "SPOT_DISCOVERY",
        "SPOT_HISTORY",
        "SPOT_LOG",
        "SPOT_MINORITY",
        "SPOT_NAME",
        "SPOT_RELAY",
        "SPOT_ROUTES",
        "SPOT_TOPICS",
        // Of these tests, and means nothing to the program.
        "SPOT_TEST_IMAGES",
    ] {
        command.env_remove(variable);
    }
    command.args(args);
    command
}

impl Spot {
    pub(crate) fn run(args: &[&str]) -> Self {
        Self::spawn(command(args))
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        // Tests run side by side, and there is one default port.
        if command.get_envs().all(|(name, _)| name != "SPOT_ADMIN") {
            command.env("SPOT_ADMIN", "off");
        }
        // Tests read it as people do, though it is no terminal.
        if command
            .get_envs()
            .all(|(name, _)| name != "SPOT_LOG_FORMAT")
        {
            command.env("SPOT_LOG_FORMAT", "text");
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("spot starts");
        Self {
            stdin: child.stdin.take(),
            stdout: lines(child.stdout.take().expect("piped")),
            stderr: lines(child.stderr.take().expect("piped")),
            child,
            told: Vec::new(),
        }
    }

    /// A node on a free port of the loopback, and its endpoint.
    pub(crate) fn node(args: &[&str]) -> (Self, String) {
        let mut node = Self::run(&[&["node", "--bind", "tcp://127.0.0.1:0"], args].concat());
        let endpoint = node.endpoint();
        (node, endpoint)
    }

    /// The endpoint it says it listens at.
    pub(crate) fn endpoint(&mut self) -> String {
        let line = self.wait_for("listening on ");
        let (_, endpoint) = line.split_once("listening on ").expect("waited for it");
        endpoint.to_owned()
    }

    /// The next line of standard error that contains `text`.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.stderr.recv_timeout(left) else {
                panic!("{text:?} was not told; told: {:#?}", self.told);
            };
            self.told.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Reads standard error until it has told each of these, in any order.
    #[allow(dead_code, reason = "for tests with several peers")]
    pub(crate) fn wait_for_each(&mut self, mut texts: Vec<String>) {
        let begun = Instant::now();
        while !texts.is_empty() {
            assert!(begun.elapsed() < DEADLINE, "not told: {texts:#?}");
            let line = self.wait_for("");
            texts.retain(|text| !line.contains(text));
        }
    }

    /// The next line of standard output.
    pub(crate) fn line(&mut self) -> String {
        let line = self.stdout.recv_timeout(DEADLINE);
        line.unwrap_or_else(|_| panic!("no line came; told: {:#?}", self.told))
    }

    /// Writes to standard input.
    pub(crate) fn type_in(&mut self, text: &[u8]) {
        let stdin = self.stdin.as_mut().expect("not closed");
        stdin.write_all(text).expect("written");
    }

    /// Closes standard output on our side.
    pub(crate) fn stop_reading(&mut self) {
        // Without a receiver the reading thread ends at the next line, and its pipe with it.
        self.stdout = channel().1;
    }

    /// The number of its process.
    #[allow(dead_code, reason = "for measurements")]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("signalled");
    }

    /// Closes standard input and waits for the end.
    pub(crate) fn finish(mut self) -> Done {
        self.stdin = None;
        self.end()
    }

    /// Waits for the end while standard input stays open.
    pub(crate) fn end(mut self) -> Done {
        let stderr = drain(&self.stderr, &self.told);
        let stdout = drain(&self.stdout, &self.told);
        // Both ends were closed by its exit, so that this does not wait.
        let status: ExitStatus = self.child.wait().expect("waited");
        let stderr = self.told.drain(..).chain(stderr).collect();
        Done {
            code: status.code(),
            stdout,
            stderr,
        }
    }
}

impl Drop for Spot {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs to the end.
pub(crate) fn spot(args: &[&str]) -> Done {
    Spot::run(args).finish()
}

fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|len| len > 0) {
            let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line));
            if sender.send(text.into_owned()).is_err() {
                break;
            }
            line.clear();
        }
    });
    receiver
}

/// All lines until the pipe is closed.
fn drain(lines: &Receiver<String>, told: &[String]) -> Vec<String> {
    let deadline = Instant::now() + DEADLINE;
    let mut drained = Vec::new();
    loop {
        use std::sync::mpsc::RecvTimeoutError::{Disconnected, Timeout};
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => drained.push(line),
            Err(Disconnected) => return drained,
            Err(Timeout) => panic!("it did not end; told: {told:#?} {drained:#?}"),
        }
    }
}
