//! `make install`, and programs that use what it installed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use tempfile::TempDir;

use crate::support::{LIBRARY, Program, root, run};

/// The installed tree. The prefix is the real one, so that no DESTDIR is left in the files.
static INSTALLED: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    let dir = TempDir::new().expect("a temporary directory");
    let prefix = dir.path().join("usr");
    let target_dir = LIBRARY
        .parent()
        .expect("the profile lies in the target directory");
    run(Command::new("make")
        .args(["-C".as_ref(), root().as_os_str()])
        .arg("install")
        .arg(format!("CARGO={}", env!("CARGO")))
        .arg(format!("PREFIX={}", prefix.display()))
        .env("CARGO_TARGET_DIR", target_dir)
        // Of the cargo and the make that may run this test.
        .env_remove("MAKEFLAGS")
        .env_remove("MFLAGS"));
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
    if Command::new("cmake").arg("--version").output().is_err() {
        eprintln!("there is no cmake here");
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
        .arg(format!("-DCMAKE_PREFIX_PATH={}", INSTALLED.1.display())));
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

#[test]
fn uninstall_leaves_no_file() {
    let dir = TempDir::new().expect("a temporary directory");
    let target_dir = LIBRARY
        .parent()
        .expect("the profile lies in the target directory");
    for goal in ["install", "uninstall"] {
        run(Command::new("make")
            .args(["-C".as_ref(), root().as_os_str()])
            .arg(goal)
            .arg(format!("CARGO={}", env!("CARGO")))
            .arg(format!("DESTDIR={}", dir.path().display()))
            .env("CARGO_TARGET_DIR", target_dir)
            .env_remove("MAKEFLAGS")
            .env_remove("MFLAGS"));
    }
    let left = run(Command::new("find")
        .arg(dir.path())
        .args(["!", "-type", "d"]));
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
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
