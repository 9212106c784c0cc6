//! Control frames, and what is wrong with those that are not taken.

use thiserror::Error;

use super::super::output::LinkId;
use super::super::{Node, Subscriber, SubscriberId};
use super::LinkState;
use crate::frame::Frame;
use crate::limits::{
    MAX_FILTERS_PER_LINK, MAX_PATTERNS_PER_LINK, MAX_REPLAYS_PER_LINK, MAX_RESUMED_PER_LINK,
    MAX_TOPICS_PER_LINK,
};
use crate::overflow::{Class, Overflow};

/// Why a frame was not taken. The driver closes the link.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum FrameError {
    /// It is malformed.
    #[error(transparent)]
    Malformed(#[from] crate::frame::FrameError),
    /// More topics than a peer may offer.
    #[error("the peer offers more than {MAX_TOPICS_PER_LINK} topics")]
    TooManyTopics,
    /// More filters than a peer may have in force.
    #[error("the peer has more than {MAX_FILTERS_PER_LINK} filters in force")]
    TooManyFilters,
    /// More patterns than a peer may have in force.
    #[error("the peer has more than {MAX_PATTERNS_PER_LINK} patterns in force")]
    TooManyPatterns,
    /// More streams to go on with than a peer may name.
    #[error("the peer goes on with more than {MAX_RESUMED_PER_LINK} streams")]
    TooManyResumed,
    /// More history asked for at once than a peer may.
    #[error("the peer asks for history more than {MAX_REPLAYS_PER_LINK} times at once")]
    TooManyReplays,
    /// It has no place on this link now.
    #[error("a {kind} frame has no place here")]
    Misplaced {
        /// Which frame.
        kind: &'static str,
    },
}

impl Node {
    /// A control frame arrived. DATA, ALIAS, TAIL, CREDIT, PAST and LIVE are the driver's to handle; see
    /// [`open_stream`](Self::open_stream).
    ///
    /// # Errors
    /// [`FrameError`]; the driver closes the link.
    pub fn handle_frame(
        &mut self,
        now_ms: u64,
        link: LinkId,
        frame: &[u8],
    ) -> Result<(), FrameError> {
        self.clock_ms = now_ms;
        let frame = Frame::decode(frame)?;
        let Some(state) = self.links.get_mut(&link) else {
            return Ok(());
        };
        let misplaced = |kind| Err(FrameError::Misplaced { kind });
        if state.spot().is_none() {
            return misplaced("SPOT");
        }
        match (frame, state.state) {
            (Frame::Bye { reason, text }, _) => {
                state.farewell = Some(reason);
                state.explanation = text.to_owned();
            }
            (Frame::Use, LinkState::Pending) => self.use_link(link),
            (Frame::Use, _) => return misplaced("USE"),
            (_, LinkState::Dialing | LinkState::Pending) => return misplaced("early"),
            (Frame::Interest { version, entries }, LinkState::Active) => {
                self.interest_changed(link, version, entries)?
            }
            (Frame::InterestAck { version }, LinkState::Active) => {
                state.interest_acked = state.interest_acked.max(version.min(state.interest_sent));
                self.asks_are_answered(link);
            }
            (Frame::Resume { entries }, LinkState::Active) => self.resume_told(link, &entries)?,
            (Frame::Replay(request), LinkState::Active) => self.replay_asked(link, request)?,
            (
                Frame::Topics {
                    version,
                    reset,
                    changes,
                },
                LinkState::Active,
            ) => self.topics_told(link, version, reset, &changes)?,
            (Frame::Digest { version, offers }, LinkState::Active) => {
                self.digest_told(link, version, offers)
            }
            (Frame::Relist { version }, LinkState::Active) => self.list_asked(link, version),
            (Frame::Cease { owner, life }, LinkState::Active) => {
                self.cease_asked(link, owner, life)
            }
            (Frame::Ceased { owner, life }, LinkState::Active) => {
                self.ceased_told(link, owner, life)
            }
            (Frame::Sync { id }, LinkState::Active) => self.sync_asked(link, id),
            (Frame::SyncAck { id }, LinkState::Active) => self.sync_answered(link, id),
            (Frame::Ended { class }, LinkState::Active) => self.subscriber_ended(class),
            (Frame::Members { entries }, LinkState::Active) => self.members_told(link, &entries),
            (Frame::Gossip(gossip), LinkState::Active) => self.gossip_arrived(link, &gossip)?,
            (Frame::Credit { .. }, _) => return misplaced("CREDIT"),
            (Frame::Alias(_), _) => return misplaced("ALIAS"),
            (Frame::Data(_), _) => return misplaced("DATA"),
            (Frame::Tail { .. }, _) => return misplaced("TAIL"),
            (Frame::Past(_), _) => return misplaced("PAST"),
            (Frame::Live { .. }, _) => return misplaced("LIVE"),
        }
        Ok(())
    }

    fn subscriber_ended(&mut self, class: Class) {
        let Ok(number) = u32::try_from(class.subscriber()) else {
            return;
        };
        let subscriber = SubscriberId(number);
        let is_ended = |known: &Subscriber| known.overflow == Overflow::Disconnect;
        if self.subscribers.get(&subscriber).is_some_and(is_ended) {
            self.end_subscriptions(subscriber);
        }
    }
}
