//! Subscriptions in both of their forms: ZMTP 3.1 commands (RFC 37, section "The Publish-Subscribe Pattern")
//! and ZMTP 3.0 messages (RFC 29).

use crate::{Command, FrameKind, Version, command, put_frame_header};

const MESSAGE_SUBSCRIBE: u8 = 1;
const MESSAGE_CANCEL: u8 = 0;

/// A subscriber's wish, by message prefix. A wish that is repeated is as one: libzmq counts equal subscriptions where they
/// are made, sends each and cancels once.
///
/// libzmq uses commands only when both sides speak ZMTP 3.1, other implementations may use either form; so a
/// publisher should understand both, whatever the peer's version.
///
/// ```
/// use zmtp::{Subscription, Version};
/// let wish = Subscription::Subscribe(b"sensor:");
/// let mut out = Vec::new();
/// wish.encode(&mut out, Version::V3_0);
/// assert_eq!(out, b"\x00\x08\x01sensor:");
/// assert_eq!(Subscription::from_message(&out[2..]), Some(wish));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscription<'a> {
    /// Asks for messages that begin with these octets; all, if there are none.
    Subscribe(&'a [u8]),
    /// Takes back such a wish.
    Cancel(&'a [u8]),
}

impl<'a> Subscription<'a> {
    /// Reads the ZMTP 3.0 form: the body of a single-frame message that begins with 1 or 0. `None` for any
    /// other message.
    pub fn from_message(body: &'a [u8]) -> Option<Self> {
        match body.split_first()? {
            (&MESSAGE_SUBSCRIBE, prefix) => Some(Self::Subscribe(prefix)),
            (&MESSAGE_CANCEL, prefix) => Some(Self::Cancel(prefix)),
            _ => None,
        }
    }

    /// Reads the ZMTP 3.1 form; `None` for any other command.
    pub fn from_command(command: &Command<'a>) -> Option<Self> {
        match command {
            Command::Subscribe(prefix) => Some(Self::Subscribe(prefix)),
            Command::Cancel(prefix) => Some(Self::Cancel(prefix)),
            _ => None,
        }
    }

    /// Appends the frame that a peer of version `peer` understands.
    pub fn encode(&self, out: &mut Vec<u8>, peer: Version) {
        match *self {
            Self::Subscribe(prefix) if peer >= Version::V3_1 => {
                command::encode_subscribe(out, prefix)
            }
            Self::Cancel(prefix) if peer >= Version::V3_1 => command::encode_cancel(out, prefix),
            Self::Subscribe(prefix) => put_message(out, MESSAGE_SUBSCRIBE, prefix),
            Self::Cancel(prefix) => put_message(out, MESSAGE_CANCEL, prefix),
        }
    }
}

fn put_message(out: &mut Vec<u8>, first: u8, prefix: &[u8]) {
    put_frame_header(out, FrameKind::Last, 1 + prefix.len());
    out.push(first);
    out.extend_from_slice(prefix);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decoder, Limits};
    use proptest::prelude::*;

    #[test]
    fn other_messages_and_commands_are_no_subscription() {
        assert_eq!(Subscription::from_message(b""), None);
        assert_eq!(Subscription::from_message(b"\x02a"), None);
        let pong = Command::Pong { context: b"" };
        assert_eq!(Subscription::from_command(&pong), None);
    }

    #[test]
    fn a_3_1_peer_gets_commands() {
        let mut out = Vec::new();
        Subscription::Subscribe(b"A").encode(&mut out, Version::V3_1);
        Subscription::Cancel(b"").encode(&mut out, Version { major: 4, minor: 0 });
        assert_eq!(out, b"\x04\x0b\x09SUBSCRIBEA\x04\x07\x06CANCEL");
    }

    proptest! {
        #[test]
        fn round_trip_in_both_forms(
            prefix in prop::collection::vec(any::<u8>(), 0..300), subscribe: bool, minor in 0u8..2,
        ) {
            let wish = if subscribe { Subscription::Subscribe } else { Subscription::Cancel }(&prefix);
            let mut out = Vec::new();
            wish.encode(&mut out, Version { major: 3, minor });
            let mut input = &out[..];
            let frame = Decoder::new(Limits::default()).decode(&mut input).unwrap().unwrap();
            prop_assert!(input.is_empty() && !frame.more);
            prop_assert_eq!(frame.command, minor == 1);
            let read = if frame.command {
                Subscription::from_command(&Command::parse(&frame.body).unwrap())
            } else {
                Subscription::from_message(&frame.body)
            };
            prop_assert_eq!(read, Some(wish));
        }
    }
}
