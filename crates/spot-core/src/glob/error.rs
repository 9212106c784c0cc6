//! Why a text is not a pattern.

use crate::limits::MAX_PATTERN_BYTES;
use thiserror::Error;

/// Why a text is not a pattern. The pattern in each is its quoted beginning.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// Zero bytes.
    #[error("the pattern is empty: write * to match every topic")]
    Empty,
    /// More than [`MAX_PATTERN_BYTES`].
    #[error("the pattern {pattern} has {bytes} bytes: shorten it to {MAX_PATTERN_BYTES}")]
    TooLong {
        /// The pattern.
        pattern: String,
        /// Its length.
        bytes: usize,
    },
    /// A NUL byte, which no topic name has.
    #[error("the pattern {pattern} contains a NUL byte: remove it")]
    ContainsNul {
        /// The pattern.
        pattern: String,
    },
    /// A `[` without its `]`.
    #[error("the set in the pattern {pattern} is not closed: add ] or write \\[ for a bracket")]
    UnclosedSet {
        /// The pattern.
        pattern: String,
    },
    /// A range whose end comes before its start.
    #[error("the range {range} in the pattern {pattern} is reversed: put the lower end first")]
    ReversedRange {
        /// The pattern.
        pattern: String,
        /// The range, as `low-high`.
        range: String,
    },
    /// A character of several bytes inside a set.
    #[error(
        "a set in the pattern {pattern} contains a character outside ASCII: use * in place of the set"
    )]
    NonAsciiInSet {
        /// The pattern.
        pattern: String,
    },
    /// A `\` with nothing after it.
    #[error("the pattern {pattern} ends in a single \\: write \\\\ for a backslash")]
    TrailingEscape {
        /// The pattern.
        pattern: String,
    },
}
