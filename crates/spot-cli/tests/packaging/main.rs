//! What is made of the program for containers: the image, the compose file, the manifests for Kubernetes. No container
//! engine is needed: what they say is done with plain processes.

mod compose;
mod image;
mod kubernetes;
#[path = "../processes/support.rs"]
#[allow(dead_code, reason = "it is for the tests of the commands, too")]
mod support;

use std::io::Write;
use std::path::{Path, PathBuf};

/// The root of the workspace.
fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("the crate lies in ROOT/crates").to_owned()
}

/// A file of the workspace.
#[track_caller]
fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Says that a test, or a part of it, is skipped: also where it counts as passed, whose output is captured otherwise.
fn skip(reason: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}");
}
