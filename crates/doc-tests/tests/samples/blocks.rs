//! The fenced blocks of a Markdown file.

use std::path::Path;

/// A fenced block.
#[derive(Debug)]
pub(crate) struct Block {
    /// The first word after the fence.
    pub(crate) language: String,
    /// Of the fence in its file, from 1.
    pub(crate) line: usize,
    pub(crate) text: String,
}

impl Block {
    /// Whether it is code that a test compiles or runs.
    pub(crate) fn is_sample(&self) -> bool {
        matches!(self.language.as_str(), "rust" | "c" | "sh")
    }
}

/// The blocks of a file, in order. Each must name its language: rustdoc takes one without for Rust.
pub(crate) fn read(path: &Path) -> Vec<Block> {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) => {
                let language = info.split(',').next().unwrap_or_default().to_owned();
                let line = index + 1;
                assert!(
                    !language.is_empty(),
                    "{}:{line}: no language",
                    path.display()
                );
                open = Some(Block {
                    language,
                    line,
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.text += line;
                block.text += "\n";
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{}: a fence is open", path.display());
    blocks
}
