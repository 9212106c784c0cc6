//! Which topics a subscription wants.

use crate::glob::{Glob, PatternError};
use crate::topic::{TopicNameError, validate_topic};
use std::borrow::Cow;
use std::sync::Arc;
use thiserror::Error;

/// A subscription's filter. Equal filters match the same names; cloning is cheap.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Filter {
    /// The topic of exactly this name.
    Exact(Arc<str>),
    /// Topics whose whole name matches.
    Pattern(Arc<Glob>),
    /// Topics whose name begins so, any bytes: only for plain ZeroMQ subscribers (RFC 29), never on
    /// a SPOT link.
    Prefix(Arc<[u8]>),
}

impl Filter {
    /// The filter for one topic.
    ///
    /// # Errors
    /// If `topic` is not a topic name.
    pub fn exact(topic: &str) -> Result<Self, TopicNameError> {
        Ok(Self::Exact(validate_topic(topic)?.into()))
    }

    /// The filter for the topics that match `pattern`, see [`Glob`].
    ///
    /// # Errors
    /// If `pattern` is malformed.
    pub fn pattern(pattern: &str) -> Result<Self, PatternError> {
        Ok(Self::Pattern(Arc::new(Glob::new(pattern)?)))
    }

    /// The filter of a plain ZeroMQ subscription; the empty prefix wants everything.
    pub fn prefix(prefix: &[u8]) -> Self {
        Self::Prefix(prefix.into())
    }

    /// Whether a message on `topic` is wanted.
    pub fn matches(&self, topic: &str) -> bool {
        match self {
            Self::Exact(name) => **name == *topic,
            Self::Pattern(glob) => glob.matches(topic),
            Self::Prefix(prefix) => topic.as_bytes().starts_with(prefix),
        }
    }

    /// The name, pattern or prefix as text, for people and for the link; a prefix may lose bytes
    /// that are not UTF-8.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Exact(name) => Cow::Borrowed(name),
            Self::Pattern(glob) => Cow::Borrowed(glob.text()),
            Self::Prefix(prefix) => String::from_utf8_lossy(prefix),
        }
    }
}

/// Why a text is no filter.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum FilterError {
    /// It has no wildcard and is no topic name.
    #[error(transparent)]
    Topic(#[from] TopicNameError),
    /// It has a wildcard and is no pattern.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

impl TryFrom<&str> for Filter {
    type Error = FilterError;

    /// A pattern if there is one of `*?[` in the text, otherwise an exact topic.
    fn try_from(text: &str) -> Result<Self, FilterError> {
        if text.contains(['*', '?', '[']) {
            Ok(Self::pattern(text)?)
        } else {
            Ok(Self::exact(text)?)
        }
    }
}

impl TryFrom<&String> for Filter {
    type Error = FilterError;

    /// As for `&str`.
    fn try_from(text: &String) -> Result<Self, FilterError> {
        text.as_str().try_into()
    }
}

impl TryFrom<String> for Filter {
    type Error = FilterError;

    /// As for `&str`.
    fn try_from(text: String) -> Result<Self, FilterError> {
        text.as_str().try_into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_matches_its_way() {
        let exact = Filter::exact("a:b").unwrap();
        assert!(exact.matches("a:b") && !exact.matches("a:bc"));
        let pattern = Filter::pattern("a:*").unwrap();
        assert!(pattern.matches("a:bc") && !pattern.matches("b:a:"));
        let prefix = Filter::prefix(b"a:");
        assert!(prefix.matches("a:bc") && !prefix.matches("a"));
        assert!(Filter::prefix(b"").matches("x"));
    }

    #[test]
    fn filters_of_different_kinds_differ() {
        let exact = Filter::exact("a").unwrap();
        let pattern = Filter::pattern("a").unwrap();
        assert_eq!(exact.text(), pattern.text());
        assert_ne!(exact, pattern);
        assert_eq!(pattern, Filter::pattern("a").unwrap());
    }

    #[test]
    fn malformed_texts_are_refused() {
        assert_eq!(Filter::exact(""), Err(TopicNameError::Empty));
        assert_eq!(Filter::pattern(""), Err(PatternError::Empty));
    }
}
