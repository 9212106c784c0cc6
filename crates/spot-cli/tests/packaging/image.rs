//! The image: its Dockerfile names what exists, and its last stage works as a root directory of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::{PROGRAM, Spot};
use crate::{read, root, skip};

/// Where the build stage leaves the program.
const BUILT: &str = "/src/target/release/spot";

/// The libraries that the base image has: those of C and GCC's support library.
const BASE_LIBRARIES: [&str; 7] = [
    "ld-linux-",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
];

/// The instructions of a stage, which begins with its FROM: name and rest of each.
type Stage = Vec<(String, String)>;

fn stages() -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    let text = read("packaging/Dockerfile").replace("\\\n", " ");
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, rest) = line.split_once(' ').expect("an instruction");
        if name == "FROM" {
            stages.push(Vec::new());
        }
        let stage = stages.last_mut().expect("FROM comes first");
        stage.push((name.to_owned(), rest.trim().to_owned()));
    }
    stages
}

/// What the instructions of this name say.
fn all<'a>(stage: &'a Stage, wanted: &'a str) -> impl Iterator<Item = &'a str> {
    let of_name = stage.iter().filter(move |(name, _)| name == wanted);
    of_name.map(|(_, rest)| rest.as_str())
}

/// The program and arguments of an instruction in the form that needs no shell.
fn words(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text} needs a shell: {error}"))
}

/// The sources and the destination of a COPY from the context.
fn copied(rest: &str) -> (Vec<&str>, &str) {
    let mut words: Vec<_> = rest.split_whitespace().collect();
    let to = words.pop().expect("a destination");
    (words, to)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().expect("a directory")).expect("made");
    let done = Command::new("cp").arg("-rL").arg(from).arg(to).status();
    assert!(done.is_ok_and(|status| status.success()), "{from:?} {to:?}");
}

#[test]
fn what_is_built_from_is_a_whole_workspace() {
    let stages = stages();
    let context = TempDir::new().expect("a temporary directory");
    let ignored = read(".dockerignore");
    for (sources, to) in all(&stages[0], "COPY").map(copied) {
        for source in sources {
            let admitted = ignored.lines().any(|line| line == format!("!{source}"));
            assert!(admitted, ".dockerignore leaves out {source}");
            let to = match to {
                "./" => context.path().join(source),
                to => context.path().join(to),
            };
            copy(&root().join(source), &to);
        }
    }
    let build = all(&stages[0], "RUN").last().expect("a build");
    assert_eq!(build, "cargo build --release --locked --package spot-cli");
    // It finds each member of the workspace, and the program among them.
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--locked", "--offline"])
        .args(["--format-version", "1"])
        .current_dir(context.path())
        .output()
        .expect("cargo runs");
    let found = String::from_utf8_lossy(&output.stdout);
    assert!(found.contains("\"spot-cli\""), "{output:?}");
    let rust = format!("FROM rust:{}-", env!("CARGO_PKG_RUST_VERSION"));
    let dockerfile = read("packaging/Dockerfile");
    assert!(dockerfile.contains(&rust), "no {rust} in {dockerfile}");
}

#[test]
fn its_root_directory_is_enough_for_a_healthy_node() {
    let stages = stages();
    let image = stages.last().expect("a stage");
    let user = all(image, "USER").last().expect("a user");
    assert!(user.starts_with("65532:"), "not root: {user}");
    let entry = words(all(image, "ENTRYPOINT").last().expect("an entry point"));
    let arguments = words(all(image, "CMD").last().expect("arguments"));
    let health = all(image, "HEALTHCHECK").last().expect("a health check");
    let health = words(health.split_once("CMD ").expect("a command").1);

    let dir = TempDir::new().expect("a temporary directory");
    let image_root = dir.path().join("root");
    unpack(image, &image_root);
    let Some(enter) = enter(&image_root, user) else {
        skip("no other root directory may be entered here");
        return;
    };
    let run = |words: &[String], variables: &[(&str, &str)]| {
        let mut command = Command::new(&enter[0]);
        command.args(&enter[1..]).args(words).env_clear();
        // Where `enter` itself is found.
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(variables.iter().copied());
        Spot::spawn(command)
    };
    let variables = [
        ("SPOT_BIND", "tcp://127.0.0.1:0"),
        ("SPOT_ADMIN", "127.0.0.1:0"),
    ];
    let mut node = run(&[entry, arguments].concat(), &variables);
    let told = node.wait_for("admin server at http://");
    let address = told.rsplit('/').next().expect("an address");
    let healthy = run(&health, &[("SPOT_ADMIN", address)]).finish();
    assert_eq!(healthy.code, Some(0), "{}", healthy.reason());
    node.signal(rustix::process::Signal::TERM);
    assert_eq!(node.finish().code, Some(0));
    let unhealthy = run(&health, &[("SPOT_ADMIN", address)]).finish();
    assert_eq!(unhealthy.code, Some(1), "{}", unhealthy.reason());
}

/// Makes what the last stage copies, above what its base image has of libraries.
fn unpack(image: &Stage, image_root: &Path) {
    let within = |path: &str| image_root.join(path.trim_start_matches('/'));
    for rest in all(image, "COPY") {
        if let Some(rest) = rest.strip_prefix("--from=build ") {
            let (from, to) = rest.split_once(' ').expect("two paths");
            assert_eq!(from, BUILT);
            copy(Path::new(PROGRAM), &within(to));
        } else {
            let (sources, to) = copied(rest);
            for source in sources {
                copy(&root().join(source), &within(to).join(source));
            }
        }
    }
    for library in libraries() {
        let name = library.file_name().expect("a name").to_string_lossy();
        let is_there = BASE_LIBRARIES.iter().any(|known| name.starts_with(known));
        assert!(is_there, "the base image has no {name}");
        copy(&library, &within(&library.to_string_lossy()));
    }
    // The directory of the test is for its user alone.
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(image_root, open).expect("opened");
}

/// The libraries that the program needs, as the loader of this machine finds them.
fn libraries() -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(PROGRAM).output().expect("ldd runs");
    let printed = String::from_utf8_lossy(&output.stdout);
    let paths = printed
        .split_whitespace()
        .filter(|word| word.starts_with('/'));
    paths.map(PathBuf::from).collect()
}

/// The command that runs others in this root directory as this user, if that is possible: for root, or with namespaces
/// of users.
fn enter(image_root: &Path, user: &str) -> Option<Vec<String>> {
    let image_root = image_root.display();
    let (uid, gid) = user.split_once(':')?;
    let chroot = vec![
        "chroot".into(),
        format!("--userspec={user}"),
        image_root.to_string(),
    ];
    let unshare = vec![
        "unshare".into(),
        "--user".into(),
        format!("--map-user={uid}"),
        format!("--map-group={gid}"),
        format!("--root={image_root}"),
        "--wd=/".into(),
    ];
    [chroot, unshare].into_iter().find(|enter| {
        let mut probe = Command::new(&enter[0]);
        probe.args(&enter[1..]).args(["/usr/bin/spot", "--version"]);
        probe.output().is_ok_and(|done| done.status.success())
    })
}
