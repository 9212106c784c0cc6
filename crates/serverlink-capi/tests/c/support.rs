//! Building the library and C programs, and running them.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Far more than any program here needs; one that takes longer hangs.
const DEADLINE: Duration = Duration::from_secs(120);
/// The same for tools, one of which may build the workspace from nothing.
const TOOL_DEADLINE: Duration = Duration::from_secs(900);

const CRATE: &str = env!("CARGO_MANIFEST_DIR");

/// What every C program must compile with, without a warning.
const STRICT: [&str; 5] = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"];

/// Where the library lies; built on first use, as cargo does not build one for tests.
pub(crate) static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = std::env::current_exe().expect("this test has a path");
    // target/PROFILE/deps/c-HASH
    let profile = test
        .ancestors()
        .nth(2)
        .expect("cargo runs tests from PROFILE/deps");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--package", "serverlink-capi", "--target-dir"]);
    build.arg(
        profile
            .parent()
            .expect("the profile lies in the target directory"),
    );
    if profile.ends_with("release") {
        build.arg("--release");
    }
    run(build.current_dir(CRATE));
    profile.to_owned()
});

pub(crate) fn include_dir() -> PathBuf {
    Path::new(CRATE).join("include")
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(CRATE)
        .ancestors()
        .nth(2)
        .expect("the crate lies in ROOT/crates")
        .to_owned()
}

/// A compiled program; its file goes with it.
pub(crate) struct Program {
    dir: TempDir,
}

impl Program {
    /// Compiles one of `tests/c/programs`.
    pub(crate) fn test(name: &str) -> Self {
        let source = Path::new(CRATE).join("tests/c/programs").join(name);
        Self::compile(&source, Self::shared())
    }

    /// Compiles one of `examples/c`.
    pub(crate) fn example(name: &str) -> Self {
        Self::compile(&root().join("examples/c").join(name), Self::shared())
    }

    /// Compiles `source` with these arguments beside the strict ones.
    pub(crate) fn compile(source: &Path, args: Vec<String>) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let mut cc = Command::new("cc");
        if source
            .extension()
            .is_some_and(|extension| extension == "cpp")
        {
            cc.args([
                "-x",
                "c++",
                "-std=c++98",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-pedantic",
            ]);
        } else {
            cc.args(STRICT);
        }
        cc.arg(source)
            .arg("-o")
            .arg(dir.path().join("program"))
            .args(args)
            .arg("-pthread");
        run(&mut cc);
        Self { dir }
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.dir.path().join("program"));
        command.args(args);
        command
    }

    /// Runs to its end, which must be a success; what it printed.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        let output = run_within(DEADLINE, &mut self.command(args));
        String::from_utf8(output.stdout).expect("tests print UTF-8")
    }

    /// Starts in the background.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        Running::start(&mut self.command(args))
    }

    fn shared() -> Vec<String> {
        let (include, library) = (include_dir(), LIBRARY.display());
        vec![
            format!("-I{}", include.display()),
            format!("-L{library}"),
            format!("-Wl,-rpath,{library}"),
            String::from("-lserverlink"),
        ]
    }
}

/// A process in the background; killed if the test ends first.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Receiver<String>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        Self {
            stdin: child.stdin.take(),
            stdout: lines(child.stdout.take().expect("piped")),
            child,
        }
    }

    /// The next line it prints.
    pub(crate) fn line(&self) -> String {
        let line = self.stdout.recv_timeout(DEADLINE);
        line.expect("the program prints another line")
    }

    /// Reads lines until one is wanted; that one.
    pub(crate) fn wait_for(&self, mut wanted: impl FnMut(&str) -> bool) -> String {
        let mut passed = Vec::new();
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.stdout.recv_timeout(left) {
                Ok(line) if wanted(&line) => return line,
                Ok(line) => passed.push(line),
                Err(_) => panic!("not told; told: {passed:#?}"),
            }
        }
    }

    /// Reads lines until one has begun with each of these, in any order.
    pub(crate) fn wait_for_each(&self, beginnings: &[&str]) {
        let mut missing = beginnings.to_vec();
        self.wait_for(|line| {
            missing.retain(|beginning| !line.starts_with(beginning));
            missing.is_empty()
        });
    }

    /// Sends a signal by its name, as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        send(name, self.child.id());
    }

    /// Closes its input and waits for its end, which must be a success; what it printed since the last line.
    pub(crate) fn finish(mut self) -> String {
        self.stdin = None;
        within(DEADLINE, self.child.id(), move || {
            let rest: String = self.stdout.iter().map(|line| line + "\n").collect();
            let status = self.child.wait().expect("it can be waited for");
            assert!(status.success(), "{status}, after printing {rest}");
            rest
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(stdout: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines() {
            if sender.send(line.expect("its output is text")).is_err() {
                break;
            }
        }
    });
    receiver
}

fn send(signal: &str, pid: u32) {
    let _ = Command::new("kill")
        .args([format!("-{signal}"), pid.to_string()])
        .status();
}

/// Says that a test, or a part of it, is skipped: also where it counts as passed, whose output is captured otherwise.
pub(crate) fn skip(reason: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}");
}

/// Runs a tool to its end, which must be a success.
pub(crate) fn run(command: &mut Command) -> Output {
    run_within(TOOL_DEADLINE, command)
}

fn run_within(deadline: Duration, command: &mut Command) -> Output {
    let shown = format!("{command:?}");
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{shown}: {error}"));
    let pid = child.id();
    let output = within(deadline, pid, move || {
        child.wait_with_output().expect("it can be waited for")
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success(),
        "{shown}\n{}\n{out}\n{err}",
        output.status
    );
    output
}

/// What `wait` returns; after the deadline process `pid` is killed and the test fails.
fn within<T: Send + 'static>(
    deadline: Duration,
    pid: u32,
    wait: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (done, result) = mpsc::channel();
    let waiter = thread::spawn(move || done.send(wait()));
    match result.recv_timeout(deadline) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => {
            send("KILL", pid);
            panic!("the program did not end within {deadline:?}");
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            let panic = waiter.join().expect_err("it ended without a result");
            std::panic::resume_unwind(panic);
        }
    }
}
