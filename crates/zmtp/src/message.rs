//! Multipart messages: one or more frames, delivered together or not at all (RFC 37, section "Messages").

use bytes::Bytes;

use crate::{Frame, Limits, MessageError};

/// The frame bodies of one message, at least one.
pub type Message = Vec<Bytes>;

/// Collects frames until a message is complete.
///
/// The RFC's grammar has no command within a message, yet libzmq sends heartbeats between the frames of one.
/// So commands may come at any time: the caller handles them and gives only the other frames here.
///
/// ```
/// use zmtp::{Decoder, Limits, MessageAssembler};
/// let limits = Limits::default();
/// let (mut decoder, mut assembler) = (Decoder::new(limits), MessageAssembler::new(limits));
/// let mut input = &b"\x01\x05topic\x00\x04data"[..];
/// let first = decoder.decode(&mut input)?.unwrap();
/// assert_eq!(assembler.push(first)?, None);
/// let second = decoder.decode(&mut input)?.unwrap();
/// assert_eq!(assembler.push(second)?.unwrap(), ["topic", "data"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MessageAssembler {
    max_frames: usize,
    max_size: usize,
    size: usize,
    frames: Message,
}

impl MessageAssembler {
    /// An assembler between two messages; it holds no heap memory there.
    pub fn new(limits: Limits) -> Self {
        Self {
            max_frames: limits.max_message_frames,
            max_size: limits.max_message_size,
            size: 0,
            frames: Message::new(),
        }
    }

    /// Adds a frame; gives the message if the frame was its last.
    ///
    /// # Errors
    /// [`MessageError`] when the message goes past a limit or the frame is a command; what was collected
    /// stays as it was. The connection is to be closed.
    pub fn push(&mut self, frame: Frame<'_>) -> Result<Option<Message>, MessageError> {
        if frame.command {
            return Err(MessageError::CommandFrame);
        }
        if self.frames.len() == self.max_frames {
            return Err(MessageError::TooManyFrames {
                limit: self.max_frames,
            });
        }
        if frame.body.len() > self.max_size - self.size {
            return Err(MessageError::TooLarge {
                limit: self.max_size,
            });
        }
        self.size += frame.body.len();
        self.frames.push(frame.body.into_bytes());
        if frame.more {
            return Ok(None);
        }
        self.size = 0;
        Ok(Some(std::mem::take(&mut self.frames)))
    }

    /// Whether a message was begun and is not complete.
    pub fn is_within_message(&self) -> bool {
        !self.frames.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Body;

    fn frame(more: bool, body: &[u8]) -> Frame<'_> {
        Frame {
            more,
            command: false,
            body: Body::Borrowed(body),
        }
    }

    fn assembler() -> MessageAssembler {
        MessageAssembler::new(Limits {
            max_message_frames: 3,
            max_message_size: 10,
            ..Limits::default()
        })
    }

    #[test]
    fn frames_are_joined_up_to_the_limits() {
        let mut assembler = assembler();
        for _ in 0..2 {
            assert_eq!(assembler.push(frame(true, b"12345")), Ok(None));
            assert!(assembler.is_within_message());
            assert_eq!(assembler.push(frame(true, b"")), Ok(None));
            let message = assembler.push(frame(false, b"67890")).unwrap().unwrap();
            assert_eq!(message, ["12345", "", "67890"]);
            assert!(!assembler.is_within_message());
        }
    }

    #[test]
    fn too_many_frames_are_refused() {
        let mut assembler = assembler();
        for _ in 0..3 {
            assert_eq!(assembler.push(frame(true, b"")), Ok(None));
        }
        let too_many = MessageError::TooManyFrames { limit: 3 };
        assert_eq!(assembler.push(frame(false, b"")), Err(too_many));
    }

    #[test]
    fn too_many_octets_are_refused() {
        let mut assembler = assembler();
        assert_eq!(assembler.push(frame(true, b"123456")), Ok(None));
        let too_large = MessageError::TooLarge { limit: 10 };
        assert_eq!(assembler.push(frame(false, b"78901")), Err(too_large));
    }

    #[test]
    fn a_command_never_becomes_part_of_a_message() {
        let mut assembler = assembler();
        assert_eq!(assembler.push(frame(true, b"a")), Ok(None));
        let command = Frame {
            command: true,
            ..frame(false, b"\x04PONG")
        };
        assert_eq!(assembler.push(command), Err(MessageError::CommandFrame));
        assert_eq!(
            assembler.push(frame(false, b"b")).unwrap().unwrap(),
            ["a", "b"]
        );
    }
}
