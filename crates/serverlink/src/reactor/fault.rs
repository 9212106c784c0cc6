//! Why connections end.

use crate::data::HandshakeFailure;

/// Why a connection ends, and which counter counts it.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) reason: String,
    pub(super) kind: FaultKind,
}

/// Which counter counts a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// The other side closed it, or the network did.
    Closed,
    HandshakeTimeout,
    Handshake(HandshakeFailure),
    Protocol,
    Heartbeat,
}

impl Fault {
    pub(super) fn protocol(reason: impl ToString) -> Self {
        Self {
            reason: reason.to_string(),
            kind: FaultKind::Protocol,
        }
    }

    pub(super) fn unread_answers() -> Self {
        Self::protocol("the peer asks on and does not read the answers")
    }

    pub(super) fn handshake(why: HandshakeFailure, reason: impl ToString) -> Self {
        Self {
            reason: reason.to_string(),
            kind: FaultKind::Handshake(why),
        }
    }

    pub(super) fn closed(reason: impl ToString) -> Self {
        Self {
            reason: reason.to_string(),
            kind: FaultKind::Closed,
        }
    }
}
