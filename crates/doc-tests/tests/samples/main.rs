//! Runs the C and shell samples of the documentation, and compares what they print with what it says they print.

mod blocks;
mod run;

use std::path::{Path, PathBuf};

use blocks::Block;

macro_rules! documents {
    ($($name:ident: $path:literal)+) => {
        $(
            #[test]
            fn $name() {
                check($path);
            }
        )+

        #[test]
        fn no_document_is_left_out() {
            let listed = [$($path),+];
            for path in markdown_files() {
                let has_samples = blocks::read(&path).iter().any(Block::is_sample);
                assert!(
                    !has_samples || listed.iter().any(|known| path == root().join(known)),
                    "{} has samples and is not tested: list it here and in src/lib.rs",
                    path.display()
                );
            }
        }
    };
}

documents! {
    readme: "README.md"
    guide: "docs/guide.md"
    rust_api: "docs/rust-api.md"
    c_api: "docs/c-api.md"
    clustering: "docs/clustering.md"
    operations: "docs/operations.md"
    patterns: "docs/patterns.md"
}

/// What CI runs is what the README tells people to run.
#[test]
fn ci_runs_the_commands_of_the_readme() {
    let ci = std::fs::read_to_string(root().join(".ci/run")).expect("CI has a script");
    let blocks = blocks::read(&root().join("README.md"));
    let commands: Vec<&str> = blocks
        .iter()
        .filter(|block| block.language == "console")
        .flat_map(|block| block.text.lines())
        .collect();
    assert!(commands.len() >= 2, "the README begins with two commands");
    for command in commands {
        assert!(
            ci.contains(&format!("step {command}\n")),
            "CI does not run {command}"
        );
    }
}

fn check(path: &str) {
    let blocks = blocks::read(&root().join(path));
    for (index, block) in blocks.iter().enumerate() {
        let shown = format!("{path}:{}", block.line);
        let printed = match block.language.as_str() {
            "c" => run::c(block, &shown),
            "sh" => Some(run::shell(block, &shown)),
            _ => None,
        };
        let output = blocks.get(index + 1);
        if let (Some(printed), Some(output)) = (printed, output)
            && output.language == "output"
        {
            assert_eq!(printed, output.text, "what {shown} prints");
        }
    }
}

/// The root of the workspace.
fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("the crate lies in ROOT/crates").to_owned()
}

/// The documents: those of the root and those below `docs`.
fn markdown_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![(root(), false), (root().join("docs"), true)];
    while let Some((folder, deep)) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder can be listed") {
            let path = entry.expect("a folder can be listed").path();
            if deep && path.is_dir() {
                folders.push((path, true));
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found
}
