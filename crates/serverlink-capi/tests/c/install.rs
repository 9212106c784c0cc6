//! `make install`, and programs that use what it installed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use tempfile::TempDir;

use crate::support::{LIBRARY, Program, root, run, skip};

/// The installed tree. The prefix is the real one, so that no DESTDIR is left in the files.
static INSTALLED: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    let dir = TempDir::new().expect("a temporary directory");
    let prefix = dir.path().join("usr");
    make("install", &[format!("PREFIX={}", prefix.display())]);
    (dir, prefix)
});

#[test]
fn programs_build_with_pkg_config() {
    let prefix = &INSTALLED.1;
    let mut args = pkg_config(prefix, &["--cflags", "--libs", "serverlink"]);
    args.push(format!("-Wl,-rpath,{}/lib", prefix.display()));
    let printed = Program::compile(&root().join("examples/c/single_node.c"), args).run(&["2"]);
    assert_eq!(printed, "chat:lobby: hello\ngame:player:spawn: hello\n");
}

#[test]
fn programs_link_statically() {
    let prefix = &INSTALLED.1;
    let mut args = pkg_config(prefix, &["--cflags", "--libs", "--static", "serverlink"]);
    let archive = format!("{}/lib/libserverlink.a", prefix.display());
    for arg in &mut args {
        if arg == "-lserverlink" {
            arg.clone_from(&archive);
        }
    }
    Program::compile(&root().join("examples/c/single_node.c"), args).run(&["2"]);
}

#[test]
fn programs_build_with_cmake() {
    check_cmake(&INSTALLED.1);
}

#[test]
fn uninstall_leaves_no_file() {
    let dir = TempDir::new().expect("a temporary directory");
    let destdir = [format!("DESTDIR={}", dir.path().display())];
    make("install", &destdir);
    make("uninstall", &destdir);
    assert_eq!(files(dir.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_configuration_that_was_changed_stays() {
    let dir = TempDir::new().expect("a temporary directory");
    let args = [
        format!("DESTDIR={}", dir.path().display()),
        String::from("PREFIX=/usr"),
    ];
    make("install", &args);
    let config = dir.path().join("etc/spot/spot.toml");
    std::fs::write(&config, "topics = ['mine']\n").expect("a file can be written");
    make("install", &args);
    make("uninstall", &args);
    assert_eq!(files(dir.path()), std::slice::from_ref(&config));
    let text = std::fs::read_to_string(config).expect("it is there");
    assert_eq!(text, "topics = ['mine']\n");
}

#[test]
fn the_program_is_there_with_all_that_belongs_to_it() {
    let prefix = &INSTALLED.1;
    check_program(&prefix.join("bin/spot"), &prefix.join("etc/spot/spot.toml"));
    let share = prefix.join("share");
    for file in [
        "man/man1/spot.1",
        "man/man1/spot-node.1",
        "bash-completion/completions/spot",
        "zsh/site-functions/_spot",
        "fish/vendor_completions.d/spot.fish",
    ] {
        let text = std::fs::read_to_string(share.join(file)).expect(file);
        assert!(text.contains("--bind") || text.contains("spot"), "{file}");
    }
}

#[test]
fn systemd_accepts_the_service() {
    let prefix = &INSTALLED.1;
    let unit = prefix.join("lib/systemd/system/spot.service");
    let text = std::fs::read_to_string(&unit).expect("the unit");
    let start = format!(
        "ExecStart={0}/bin/spot node --config {0}/etc/spot/spot.toml\n",
        prefix.display()
    );
    assert!(text.contains(&start), "{text}");
    if Command::new("systemd-analyze")
        .arg("--version")
        .output()
        .is_err()
    {
        skip("there is no systemd-analyze here, which would check the unit");
        return;
    }
    let output = run(Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&unit));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    // How much of the system the service is exposed to, in tenths; an unprotected one has 96.
    run(Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=20"])
        .arg(&unit));
}

/// A project of CMake that uses what is installed below a prefix is built and runs.
pub(crate) fn check_cmake(prefix: &Path) {
    if Command::new("cmake").arg("--version").output().is_err() {
        skip("there is no cmake here");
        return;
    }
    let project = TempDir::new().expect("a temporary directory");
    let source = root().join("examples/c/single_node.c");
    std::fs::write(project.path().join("CMakeLists.txt"), cmake_lists(&source))
        .expect("a file can be written");
    let build = project.path().join("build");
    run(Command::new("cmake")
        .arg("-S")
        .arg(project.path())
        .arg("-B")
        .arg(&build)
        .arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display())));
    run(Command::new("cmake").arg("--build").arg(&build));
    run(Command::new(build.join("shared")).arg("2"));
    run(Command::new(build.join("static")).arg("2"));
}

fn cmake_lists(source: &Path) -> String {
    format!(
        "cmake_minimum_required(VERSION 3.10)\n\
         project(consumer C)\n\
         find_package(serverlink 0.1 REQUIRED)\n\
         add_executable(shared {source})\n\
         target_link_libraries(shared serverlink::serverlink)\n\
         add_executable(static {source})\n\
         target_link_libraries(static serverlink::static)\n",
        source = source.display()
    )
}

/// The program runs, and has nothing to complain of in the configuration.
pub(crate) fn check_program(program: &Path, config: &Path) {
    let version = run(Command::new(program).arg("--version"));
    let wanted = format!("spot {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8_lossy(&version.stdout), wanted);
    run(Command::new(program)
        .args(["node", "--check-config", "--config"])
        .arg(config));
}

/// Makes a goal of the Makefile, with this test's cargo and target directory.
fn make(goal: &str, args: &[String]) {
    let mut make = Command::new("make");
    make.args(["-C".as_ref(), root().as_os_str()])
        .arg(goal)
        .args(args);
    run(as_this_build(&mut make).arg(format!("CARGO={}", env!("CARGO"))));
}

/// Sets what a command that runs cargo needs to use the target directory of this test.
pub(crate) fn as_this_build(command: &mut Command) -> &mut Command {
    let target_dir = LIBRARY
        .parent()
        .expect("the profile lies in the target directory");
    command
        .env("CARGO_TARGET_DIR", target_dir)
        .env("CARGO", env!("CARGO"))
        // Of the cargo and the make that may run this test.
        .env_remove("MAKEFLAGS")
        .env_remove("MFLAGS")
}

/// All below a directory that is none itself.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let found = run(Command::new("find").arg(dir).args(["!", "-type", "d"]));
    let found = String::from_utf8_lossy(&found.stdout);
    found.lines().map(PathBuf::from).collect()
}

fn pkg_config(prefix: &Path, args: &[&str]) -> Vec<String> {
    let output = run(Command::new("pkg-config")
        .args(args)
        .env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")));
    String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}
