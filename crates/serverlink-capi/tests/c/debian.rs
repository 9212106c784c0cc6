//! The Debian packages: what is in them, and programs that use them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use tempfile::TempDir;

use crate::install::{as_this_build, check_cmake, check_program, files};
use crate::support::{Program, root, run, skip};

/// The packages, in the order in which they depend on each other.
const PACKAGES: [&str; 3] = ["libserverlink0", "libserverlink-dev", "spot"];

/// The directory with the packages; `None` where there is no `dpkg-deb` to make them.
static BUILT: LazyLock<Option<TempDir>> = LazyLock::new(|| {
    if Command::new("dpkg-deb").arg("--version").output().is_err() {
        return None;
    }
    let dir = TempDir::new().expect("a temporary directory");
    run(as_this_build(
        Command::new(root().join("packaging/debian.sh")).arg(dir.path()),
    ));
    Some(dir)
});

/// The files of the packages, or says that the test is skipped.
fn packages() -> Option<[PathBuf; 3]> {
    let Some(dir) = &*BUILT else {
        skip("there is no dpkg-deb here, which would make the packages");
        return None;
    };
    let all = files(dir.path());
    Some(PACKAGES.map(|package| {
        let start = format!("{package}_{}_", env!("CARGO_PKG_VERSION"));
        let is_it = |path: &&PathBuf| {
            let name = path.file_name().expect("a name").to_string_lossy();
            name.starts_with(&start)
        };
        all.iter().find(is_it).expect(package).clone()
    }))
}

/// All packages unpacked into one root directory.
fn unpacked() -> Option<TempDir> {
    let dir = TempDir::new().expect("a temporary directory");
    for package in packages()? {
        run(Command::new("dpkg-deb")
            .arg("-x")
            .arg(package)
            .arg(dir.path()));
    }
    Some(dir)
}

#[test]
fn the_packages_name_their_version_and_what_they_need() {
    let Some(packages) = packages() else { return };
    let field = |package: &Path, name: &str| {
        let output = run(Command::new("dpkg-deb").arg("-f").arg(package).arg(name));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    for (path, package) in packages.iter().zip(PACKAGES) {
        assert_eq!(field(path, "Package"), package);
        assert_eq!(field(path, "Version"), env!("CARGO_PKG_VERSION"));
        let depends = field(path, "Depends");
        if package == "libserverlink-dev" {
            let wanted = format!("libserverlink0 (= {})", env!("CARGO_PKG_VERSION"));
            assert_eq!(depends, wanted);
        } else {
            assert!(depends.starts_with("libc6 (>= 2."), "{depends}");
        }
    }
    let contents = run(Command::new("dpkg-deb").arg("-c").arg(&packages[2]));
    let contents = String::from_utf8_lossy(&contents.stdout);
    for line in contents.lines() {
        assert!(line.contains(" root/root "), "{line}");
    }
}

#[test]
fn a_c_program_is_built_with_the_packages_and_runs() {
    let Some(dir) = unpacked() else { return };
    let (pc, lib) = (
        find(dir.path(), "serverlink.pc"),
        find(dir.path(), "libserverlink.so.0"),
    );
    let output = run(Command::new("pkg-config")
        .args(["--cflags", "--libs", "serverlink"])
        .env("PKG_CONFIG_SYSROOT_DIR", dir.path())
        .env("PKG_CONFIG_LIBDIR", pc.parent().expect("a directory")));
    let flags = String::from_utf8_lossy(&output.stdout);
    let mut args: Vec<String> = flags.split_whitespace().map(str::to_owned).collect();
    let lib = lib.parent().expect("a directory").display();
    args.push(format!("-Wl,-rpath,{lib}"));
    // pkg-config leaves out what a compiler of the system knows by itself.
    args.push(format!("-I{}/usr/include", dir.path().display()));
    args.push(format!("-L{lib}"));
    let program = Program::compile(&root().join("examples/c/single_node.c"), args);
    assert_eq!(
        program.run(&["2"]),
        "chat:lobby: hello\ngame:player:spawn: hello\n"
    );
}

#[test]
fn a_cmake_project_is_built_with_the_packages_and_runs() {
    let Some(dir) = unpacked() else { return };
    check_cmake(&dir.path().join("usr"));
}

#[test]
fn the_packaged_program_runs() {
    let Some(dir) = unpacked() else { return };
    let root = dir.path();
    check_program(&root.join("usr/bin/spot"), &root.join("etc/spot/spot.toml"));
    let unit = fs::read_to_string(root.join("usr/lib/systemd/system/spot.service"));
    let unit = unit.expect("the unit");
    let start = "ExecStart=/usr/bin/spot node --config /etc/spot/spot.toml\n";
    assert!(unit.contains(start), "{unit}");
    for file in ["spot-node.1.gz", "spot.fish", "_spot"] {
        find(root, file);
    }
}

#[test]
fn dpkg_installs_upgrades_and_purges_them() {
    let Some(packages) = packages() else { return };
    let Some(dpkg) = dpkg() else {
        skip("dpkg installs for root or with fakeroot only");
        return;
    };
    let dir = TempDir::new().expect("a temporary directory");
    fs::create_dir_all(dir.path().join("var/lib/dpkg/info")).expect("made");
    fs::create_dir_all(dir.path().join("var/lib/dpkg/updates")).expect("made");
    fs::write(dir.path().join("var/lib/dpkg/status"), "").expect("written");
    let dpkg = |args: &[&str], packages: &[PathBuf]| {
        let mut command = Command::new(dpkg[0]);
        command.args(&dpkg[1..]);
        command.arg(format!("--root={}", dir.path().display()));
        // Its scripts are told by DPKG_ROOT that this is not the system that runs; of that is also the C library.
        command.args(["--force-script-chrootless", "--force-depends"]);
        run(command.arg("--force-confold").args(args).args(packages));
    };
    dpkg(&["--install"], &packages);
    let config = dir.path().join("etc/spot/spot.toml");
    check_program(&dir.path().join("usr/bin/spot"), &config);

    fs::write(&config, "topics = ['mine']\n").expect("written");
    dpkg(&["--install"], &packages);
    let text = fs::read_to_string(&config).expect("it stays");
    assert_eq!(text, "topics = ['mine']\n");

    dpkg(&["--remove", "spot", "libserverlink-dev"], &[]);
    assert!(config.exists(), "it stays until the package is purged");
    dpkg(
        &["--purge", "spot", "libserverlink-dev", "libserverlink0"],
        &[],
    );
    let left = files(dir.path());
    let left: Vec<_> = left
        .iter()
        .filter(|path| !path.starts_with(dir.path().join("var/lib/dpkg")))
        .filter(|path| !path.ends_with("var/log/dpkg.log"))
        .collect();
    assert!(left.is_empty(), "{left:#?}");
}

/// How to call dpkg so that it may install, if it is possible.
fn dpkg() -> Option<&'static [&'static str]> {
    let id = run(Command::new("id").arg("-u"));
    if id.stdout == b"0\n" {
        return Some(&["dpkg"]);
    }
    let has_fakeroot = Command::new("fakeroot").arg("-v").output().is_ok();
    // Nor has a user the directories of the system's own programs in the path.
    has_fakeroot.then_some(&["fakeroot", "dpkg", "--force-not-root", "--force-bad-path"])
}

/// The only file of this name below a directory.
#[track_caller]
fn find(dir: &Path, name: &str) -> PathBuf {
    let files = files(dir);
    let found = files.iter().find(|path| path.ends_with(name));
    found
        .unwrap_or_else(|| panic!("no {name} in {files:#?}"))
        .clone()
}
