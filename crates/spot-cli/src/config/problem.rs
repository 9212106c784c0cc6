//! What is wrong with a configuration, and where a value came from.

use std::fmt::{self, Display, Formatter};
use std::path::Path;
use std::sync::Arc;

use crate::failure::Failure;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nobody said anything.
    Default,
    /// A line of a file, from 1.
    File(Arc<Path>, usize),
    /// A variable of the environment.
    Variable(String),
    /// A flag.
    Flag(&'static str),
}

impl Display for Source {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// Something that is wrong: one line, with the place, the key, the value and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Whether the command line or the environment is to be changed; otherwise the file.
    is_usage: bool,
    /// The line of the file, or 0.
    line: usize,
    text: String,
}

/// As much of a value as is shown.
const MAX_SHOWN_CHARS: usize = 60;

impl Problem {
    /// A value that is wrong for its key.
    pub(crate) fn wrong(source: &Source, key: &str, value: &str, remedy: impl Display) -> Self {
        let first = value.lines().next().unwrap_or_default();
        let mut shown: String = first.chars().take(MAX_SHOWN_CHARS).collect();
        if shown.len() < value.len() {
            shown.push_str("...");
        }
        Self::of(source, format!("{source}: {key} = {shown}: {remedy}"))
    }

    /// A key or a setting that is wrong as such.
    pub(crate) fn at(source: &Source, key: &str, remedy: impl Display) -> Self {
        Self::of(source, format!("{source}: {key}: {remedy}"))
    }

    /// A file that cannot be read as a whole.
    pub(crate) fn unreadable(text: String) -> Self {
        Self {
            is_usage: false,
            line: 0,
            text,
        }
    }

    fn of(source: &Source, text: String) -> Self {
        let line = match source {
            Source::File(_, line) => *line,
            _ => 0,
        };
        Self {
            is_usage: matches!(source, Source::Flag(_) | Source::Variable(_)),
            line,
            text,
        }
    }

    /// The line of the file that it is on.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// All of them as the reason to end, one a line.
    pub(crate) fn failure(problems: &[Self]) -> Failure {
        let lines = problems.iter().map(|problem| problem.text.clone());
        Failure::Config {
            is_usage: problems.iter().any(|problem| problem.is_usage),
            lines: lines.collect(),
        }
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
