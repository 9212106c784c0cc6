//! Broken drivers, to prove that the checkers find what is broken.

use spot_core::Node;
use spot_core::frame::{Frame, kind};

/// What a driver does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// INTEREST is not sent on the second and later links to a node.
    SkipResubscription,
    /// A stream that is announced again begins at 0.
    ResetSequence,
    /// A change of the topics offered is not sent.
    LoseTopicChange,
    /// Nor is it told what all changes amount to.
    LoseTopicChangeAndDigest,
    /// Every message is sent twice, which honest receivers put up with.
    RepeatMessages,
    /// Every message is sent twice, and what was seen before is delivered.
    AcceptDuplicates,
    /// What is missing in a stream is not told.
    HideGaps,
    /// A cancelled subscription goes on.
    ForgetCancel,
    /// Subscribers' queues have no limit.
    IgnoreHwm,
    /// Blocking subscribers give no credit back.
    WithholdCredit,
    /// An owner forgets how far a publisher elsewhere was heard when its link is cut.
    ForgetCutUpstreams,
    /// What is published to an owner by a new way is handed on before what comes by the old one.
    ForgetTurns,
    /// An owner leaves without a word to those that publish to it.
    LeaveAtOnce,
    /// A hub announces onward what is published to an owner with its next message alone.
    AnnounceOnwardLate,
    /// What a publisher had published in a new life before it was heard again is not told.
    HideRestarts,
    /// An owner tells nobody but its own subscribers that messages died with a publisher elsewhere.
    HideCrashes,
    /// A routed topic is heard from everybody.
    IgnoreRoute,
    /// What comes by another way than the one that is followed is delivered and passed on, as if it were of another origin;
    /// and delivered again by those that it is passed on to.
    RelayWithoutOrigin,
}

impl Mutation {
    /// Whether every message is sent twice.
    pub(crate) fn repeats_messages(self) -> bool {
        matches!(self, Self::RepeatMessages | Self::AcceptDuplicates)
    }

    /// Whether peers miss some of what is offered, so that they may ask for it again.
    pub(crate) fn loses_topics(self) -> bool {
        matches!(self, Self::LoseTopicChange | Self::LoseTopicChangeAndDigest)
    }

    /// Whether a control frame is not sent.
    pub(crate) fn swallows(self, node: &Node, frame: &[u8]) -> bool {
        match self {
            Self::SkipResubscription => {
                frame.starts_with(&[kind::INTEREST, 1]) && node.reconnects() > 0
            }
            Self::LoseTopicChange => changes_topics(frame),
            Self::LoseTopicChangeAndDigest => changes_topics(frame) || frame[0] == kind::DIGEST,
            _ => false,
        }
    }
}

/// Whether it is a TOPICS frame that does not begin the list anew.
fn changes_topics(frame: &[u8]) -> bool {
    matches!(Frame::decode(frame), Ok(Frame::Topics { reset: false, .. }))
}
