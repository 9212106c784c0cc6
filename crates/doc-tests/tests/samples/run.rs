//! Running a sample as a process, with a deadline.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::blocks::Block;
use crate::root;

/// Far more than each of them needs; what takes longer hangs.
const BUILD_DEADLINE: Duration = Duration::from_secs(900);
const SAMPLE_DEADLINE: Duration = Duration::from_secs(120);

/// What every C sample compiles with, without a warning.
const STRICT: [&str; 5] = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"];

/// What surrounds a C sample that is no program: the body of a function.
const BODY_BEGIN: &str = "#include <serverlink/serverlink.h>\n#include <stdio.h>\n#include <string.h>\n\
    int sample(slk_ctx_t *ctx, slk_spot_t *spot);\n\
    int sample(slk_ctx_t *ctx, slk_spot_t *spot)\n{\n(void)ctx; (void)spot;\n";
const BODY_END: &str = "return 0;\n}\n";

/// Where the library and the program lie. Built on first use: cargo builds neither for the tests of this crate.
static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = std::env::current_exe().expect("this test has a path");
    // target/PROFILE/deps/samples-HASH
    let profile = test
        .ancestors()
        .nth(2)
        .expect("cargo runs tests from PROFILE/deps");
    let target = profile
        .parent()
        .expect("the profile lies in the target directory");
    let mut build = Command::new(env!("CARGO"));
    build.args([
        "build",
        "-p",
        "serverlink-capi",
        "-p",
        "spot-cli",
        "--target-dir",
    ]);
    build.arg(target);
    if profile.ends_with("release") {
        build.arg("--release");
    }
    succeed(build.current_dir(root()), "the build", BUILD_DEADLINE);
    profile.to_owned()
});

/// Compiles a C sample. One with a `main` is a program: it is run, and what it prints is returned.
pub(crate) fn c(block: &Block, shown: &str) -> Option<String> {
    let dir = TempDir::new().expect("a temporary directory");
    let source = dir.path().join("sample.c");
    let is_program = block.text.contains("int main(");
    let text = if is_program {
        block.text.clone()
    } else {
        format!("{BODY_BEGIN}{}{BODY_END}", block.text)
    };
    std::fs::write(&source, text).expect("a file can be written");
    let mut cc = Command::new("cc");
    cc.args(STRICT)
        .arg("-I")
        .arg(root().join("crates/serverlink-capi/include"))
        .arg(&source);
    if !is_program {
        succeed(cc.arg("-fsyntax-only"), shown, SAMPLE_DEADLINE);
        return None;
    }
    let library = BUILT.display();
    cc.args([
        format!("-L{library}"),
        format!("-Wl,-rpath,{library}"),
        "-lserverlink".into(),
    ]);
    succeed(
        cc.arg("-pthread").arg("-o").arg(dir.path().join("program")),
        shown,
        SAMPLE_DEADLINE,
    );
    let output = succeed(
        &mut Command::new(dir.path().join("program")),
        shown,
        SAMPLE_DEADLINE,
    );
    Some(String::from_utf8(output.stdout).expect("samples print UTF-8"))
}

/// Runs a shell sample in a directory of its own, and returns what it prints.
///
/// Unix sockets take the place of the TCP ports of this machine, so that samples run side by side.
pub(crate) fn shell(block: &Block, shown: &str) -> String {
    let dir = TempDir::new().expect("a temporary directory");
    let script = block.text.replace("tcp://127.0.0.1:", "ipc://port-");
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &script])
        .current_dir(dir.path());
    bash.env("PATH", path_with(&BUILT));
    for variable in ["SPOT_BIND", "SPOT_CLUSTER", "SPOT_TOPICS", "SPOT_NAME"] {
        bash.env_remove(variable);
    }
    bash.env("SPOT_ADMIN", "off");
    let output = succeed(&mut bash, shown, SAMPLE_DEADLINE);
    String::from_utf8(output.stdout).expect("samples print UTF-8")
}

fn path_with(first: &Path) -> std::ffi::OsString {
    let old = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(first.to_owned()).chain(std::env::split_paths(&old));
    std::env::join_paths(all).expect("no separator in these paths")
}

/// Runs a command to its end, which must be a success. After the deadline it is killed with all it has started.
fn succeed(command: &mut Command, shown: &str, deadline: Duration) -> Output {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("{shown}: {command:?}: {error}"));
    let group = format!("-{}", child.id());
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(child.wait_with_output()));
    let Ok(output) = result.recv_timeout(deadline) else {
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        panic!("{shown} did not end within {deadline:?}");
    };
    let output = output.expect("it can be waited for");
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "{shown}: {}\n{out}\n{err}",
        output.status
    );
    output
}
