//! Why bytes are not a SPOT frame.

use crate::glob::PatternError;
use crate::limits::{MAX_CONTROL_FRAME_BYTES, MAX_GOSSIP_BYTES};
use crate::topic::TopicNameError;
use crate::varint::VarintError;
use thiserror::Error;

/// Why bytes from a peer are not a SPOT frame. Each closes the link with BYE reason 4, protocol
/// error.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FrameError {
    /// No kind byte.
    #[error("the frame is empty: send its kind byte")]
    Empty,
    /// A kind this version does not know.
    #[error("frame kind {kind:#04x} is unknown: send only kinds of the agreed version")]
    UnknownKind {
        /// The first byte.
        kind: u8,
    },
    /// The frame ends before the field does.
    #[error("the frame is cut short in its {field}: send all of it")]
    Truncated {
        /// The field.
        field: &'static str,
    },
    /// Bytes after the last field.
    #[error("{bytes} bytes follow the end of the frame: remove them")]
    TrailingBytes {
        /// How many.
        bytes: usize,
    },
    /// A control frame above the limit.
    #[error(
        "the control frame has {bytes} bytes: split it into frames of at most {MAX_CONTROL_FRAME_BYTES}"
    )]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A packet of the failure detector above its limit.
    #[error("the gossip packet has {bytes} bytes: send at most {MAX_GOSSIP_BYTES}")]
    PacketTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A number that is not encoded as it must be.
    #[error("the {field} is no number: {source}")]
    Number {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        source: VarintError,
    },
    /// A number outside the range of its field.
    #[error("the {field} {value} is out of range: send at most {limit}")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// What was sent.
        value: u64,
        /// The largest value that is accepted.
        limit: u64,
    },
    /// A text above its limit.
    #[error("the {field} has {bytes} bytes: shorten it to {limit_bytes}")]
    TextTooLong {
        /// The field.
        field: &'static str,
        /// Its length, as sent.
        bytes: u64,
        /// The most it may have.
        limit_bytes: usize,
    },
    /// A text that is not UTF-8.
    #[error("the {field} is not UTF-8: encode it as UTF-8")]
    NotUtf8 {
        /// The field.
        field: &'static str,
    },
    /// A text with a NUL in it.
    #[error("the {field} has a NUL in it: remove it")]
    Nul {
        /// The field.
        field: &'static str,
    },
    /// A topic that is no topic name.
    #[error(transparent)]
    Topic(#[from] TopicNameError),
    /// A pattern that is malformed.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}
