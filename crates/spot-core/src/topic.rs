//! Topic names.

use crate::excerpt::excerpt;
use crate::limits::MAX_TOPIC_BYTES;
use thiserror::Error;

/// Returns `name` as text if it is a topic name: 1 to [`MAX_TOPIC_BYTES`] bytes of UTF-8 without
/// NUL.
///
/// Hierarchy by `:` is a convention of the names; nothing here gives `:` a meaning.
///
/// # Errors
/// The first rule that `name` breaks.
pub fn validate_topic<T: AsRef<[u8]> + ?Sized>(name: &T) -> Result<&str, TopicNameError> {
    let bytes = name.as_ref();
    if bytes.is_empty() {
        return Err(TopicNameError::Empty);
    }
    if bytes.len() > MAX_TOPIC_BYTES {
        return Err(TopicNameError::TooLong {
            name: excerpt(bytes),
            bytes: bytes.len(),
        });
    }
    if bytes.contains(&0) {
        return Err(TopicNameError::ContainsNul {
            name: excerpt(bytes),
        });
    }
    str::from_utf8(bytes).map_err(|_| TopicNameError::NotUtf8 {
        name: excerpt(bytes),
    })
}

/// Why a value is not a topic name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TopicNameError {
    /// Zero bytes.
    #[error("the topic name is empty: give it 1 to {MAX_TOPIC_BYTES} bytes")]
    Empty,
    /// More than [`MAX_TOPIC_BYTES`].
    #[error("the topic name {name} has {bytes} bytes: shorten it to {MAX_TOPIC_BYTES}")]
    TooLong {
        /// The beginning of the name, quoted.
        name: String,
        /// Its length.
        bytes: usize,
    },
    /// Not UTF-8.
    #[error("the topic name {name} is not UTF-8: encode it as UTF-8")]
    NotUtf8 {
        /// The beginning of the name, quoted, with replacement characters.
        name: String,
    },
    /// A NUL byte, which would end the name for a C program.
    #[error("the topic name {name} contains a NUL byte: remove it")]
    ContainsNul {
        /// The beginning of the name, quoted.
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_names_up_to_the_limit() {
        assert_eq!(validate_topic("sensor:temp"), Ok("sensor:temp"));
        assert_eq!(validate_topic("온도".as_bytes()), Ok("온도"));
        assert!(validate_topic(&"x".repeat(MAX_TOPIC_BYTES)).is_ok());
    }

    #[test]
    fn names_the_rule_that_is_broken() {
        assert_eq!(validate_topic(""), Err(TopicNameError::Empty));
        let long = "x".repeat(MAX_TOPIC_BYTES + 1);
        assert!(matches!(
            validate_topic(&long),
            Err(TopicNameError::TooLong { bytes: 256, .. })
        ));
        assert!(matches!(
            validate_topic("a\0b"),
            Err(TopicNameError::ContainsNul { .. })
        ));
        let error = validate_topic(b"a\xff").unwrap_err();
        assert!(matches!(error, TopicNameError::NotUtf8 { .. }));
        assert_eq!(
            error.to_string(),
            "the topic name \"a\u{fffd}\" is not UTF-8: encode it as UTF-8"
        );
    }
}
