//! What a link is sent, and a subscriber waits for, of the time before: streams that go on after a cut, and the last
//! messages for those who subscribe late.

use crate::identity::{Incarnation, NodeId};
use crate::missed::Missed;
use crate::node::{LinkId, SubscriberId};
use crate::overflow::Class;
use crate::seldom::Seldom;
use crate::stream::Verdict;

/// Where the receiver of a stream lost it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    /// Which life of the stream it heard.
    pub incarnation: Incarnation,
    /// The number after the last message it heard.
    pub next_sequence: u64,
}

/// What one subscriber behind a link asks for of a topic's past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replay {
    /// To tell it which messages are for it.
    pub token: Token,
    /// Its class: what it is sent is on its credit.
    pub class: Class,
    /// How many messages.
    pub count: usize,
}

/// What a link is to be sent of a topic's past when it is attached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    /// For all subscribers behind it: from where the link was cut.
    pub resume: Option<Resume>,
    /// For each of these.
    pub replays: Vec<Replay>,
}

/// Tells a subscriber's asking from all others of its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u64);

impl Token {
    /// The `number`th asking of a subscriber.
    #[must_use]
    pub fn new(subscriber: SubscriberId, number: u32) -> Self {
        Self(u64::from(subscriber.0) << 32 | u64::from(number))
    }

    /// Whose it is.
    #[must_use]
    pub fn subscriber(self) -> SubscriberId {
        SubscriberId((self.0 >> 32) as u32)
    }
}

/// A subscriber that waits for what the owner of its topic kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Await {
    /// Which asking; it says whose.
    pub token: Token,
    /// By which link.
    pub link: LinkId,
    /// From whom, and which life of it.
    pub owner: (NodeId, Incarnation),
    /// How many messages were asked for.
    pub count: usize,
}

/// The subscribers of a topic that wait for its past. Until they have it, what the link sends to all passes them by: the
/// owner sends it to each of them as its past.
#[derive(Debug, Default)]
pub struct Awaiting(Seldom<State>);

#[derive(Debug)]
struct State {
    of: Await,
    /// Its link is still the one.
    linked: bool,
    /// The number after the last message that came.
    next: Option<u64>,
    /// It has everything, and the owner has not said yet that it is done with the asking.
    live: bool,
}

impl Awaiting {
    /// A subscriber begins to wait. One whose link was cut in the middle goes on where it was, also if it had all.
    pub fn begin(&mut self, of: Await) {
        let subscriber = of.token.subscriber();
        let same_node = |state: &State| {
            state.of.token.subscriber() == subscriber && state.of.owner.0 == of.owner.0
        };
        let known = self.0.iter().position(same_node);
        let (mut next, mut live) = (None, false);
        if let Some(index) = known {
            if self.0[index].is_on(of.link) {
                return;
            }
            let before = self.0.swap_remove(index);
            if before.of.owner == of.owner {
                (next, live) = (before.next, before.live);
            }
        }
        self.0.push(State {
            of,
            linked: true,
            next,
            live,
        });
    }

    /// Whether nobody waits.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether what this link sends to all of a publisher's stream is not for this subscriber yet. Streams that the node
    /// behind the link relays have no past there.
    #[must_use]
    pub fn holds(&self, subscriber: SubscriberId, link: LinkId, publisher: NodeId) -> bool {
        self.0.iter().any(|state| {
            state.of.token.subscriber() == subscriber
                && state.of.owner.0 == publisher
                && state.is_on(link)
                && !state.live
        })
    }

    /// A message of the past came: what to do with it; `None` if nobody waits for it.
    pub fn past(&mut self, link: LinkId, token: Token, sequence: u64) -> Option<Verdict> {
        let state = self.find(link, token)?;
        let next = *state.next.get_or_insert(sequence);
        if sequence < next {
            return Some(Verdict::Duplicate);
        }
        state.next = Some(sequence.saturating_add(1));
        Some(match sequence - next {
            0 => Verdict::Deliver,
            gap => Verdict::DeliverAfterGap(gap),
        })
    }

    /// A subscriber has everything up to a number: what is missing of it; `None` if nobody waits.
    pub fn live(&mut self, link: LinkId, token: Token, next: u64) -> Option<Missed> {
        let state = self.find(link, token)?;
        state.live = true;
        let got = state.next.replace(next).unwrap_or(next);
        Some(Missed::exactly(next.saturating_sub(got)))
    }

    /// A publisher that had ended its stream began a new life, of which those who wait for its past want all: what is before
    /// the first that comes is missing. After a death an unknown loss tells them that already.
    pub fn begins_anew(&mut self, link: LinkId, publisher: NodeId) {
        let states = self.0.iter_mut();
        let held = |state: &&mut State| state.is_on(link) && !state.live;
        for state in states.filter(held) {
            if state.of.owner.0 == publisher {
                state.next.get_or_insert(0);
            }
        }
    }

    /// The owner is done with what a subscriber asked for over this link.
    pub fn end(&mut self, subscriber: SubscriberId, link: LinkId) {
        self.0
            .retain(|state| state.of.token.subscriber() != subscriber || !state.is_on(link));
    }

    /// The subscriber does not want the topic any more.
    pub fn forget(&mut self, subscriber: SubscriberId) {
        self.retain(|known| known != subscriber);
    }

    /// Forgets those that do not want the topic any more.
    pub fn retain(&mut self, wants: impl Fn(SubscriberId) -> bool) {
        self.0.retain(|state| wants(state.of.token.subscriber()));
    }

    /// The topic is gone, and with it whatever its links would bring. Who waits for it begins to anew when it is back.
    pub fn cut(&mut self) {
        self.0.iter_mut().for_each(|state| state.linked = false);
    }

    /// Those who wait at this end of a link whose owner hands them its past itself: they have it from here on.
    pub fn hand(&mut self, link: LinkId) -> Vec<Await> {
        let states = self.0.iter_mut();
        let held = states.filter(|state| state.is_on(link) && !state.live);
        held.map(|state| {
            state.live = true;
            state.of
        })
        .collect()
    }

    fn find(&mut self, link: LinkId, token: Token) -> Option<&mut State> {
        let mut states = self.0.iter_mut();
        states.find(|state| state.of.token == token && state.is_on(link) && !state.live)
    }
}

impl State {
    fn is_on(&self, link: LinkId) -> bool {
        self.linked && self.of.link == link
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: LinkId = LinkId(1);
    const NEXT_LINK: LinkId = LinkId(2);
    const SUBSCRIBER: SubscriberId = SubscriberId(3);
    const OWNER: NodeId = NodeId([1; 16]);

    fn asking(link: LinkId, incarnation: u64) -> Await {
        Await {
            token: Token::new(SUBSCRIBER, 9),
            link,
            owner: (OWNER, Incarnation(incarnation)),
            count: 10,
        }
    }

    #[test]
    fn a_token_tells_whose_it_is() {
        assert_eq!(Token::new(SUBSCRIBER, u32::MAX).subscriber(), SUBSCRIBER);
    }

    #[test]
    fn the_past_comes_before_what_is_live() {
        let (mut awaiting, asking) = (Awaiting::default(), asking(LINK, 1));
        awaiting.begin(asking);
        assert!(
            awaiting.holds(SUBSCRIBER, LINK, OWNER)
                && !awaiting.holds(SUBSCRIBER, NEXT_LINK, OWNER)
        );
        assert_eq!(awaiting.past(LINK, asking.token, 5), Some(Verdict::Deliver));
        assert_eq!(
            awaiting.past(LINK, asking.token, 8),
            Some(Verdict::DeliverAfterGap(2))
        );
        let missed = awaiting.live(LINK, asking.token, 10);
        assert_eq!(missed, Some(Missed::exactly(1)));
        assert!(!awaiting.holds(SUBSCRIBER, LINK, OWNER));
        assert_eq!(awaiting.past(LINK, asking.token, 10), None);
        awaiting.end(SUBSCRIBER, LINK);
        assert!(awaiting.is_empty());
    }

    #[test]
    fn what_the_owner_relays_of_others_does_not_wait_for_its_past() {
        let (mut awaiting, asking) = (Awaiting::default(), asking(LINK, 1));
        awaiting.begin(asking);
        assert!(!awaiting.holds(SUBSCRIBER, LINK, NodeId([2; 16])));
    }

    #[test]
    fn without_a_past_nothing_is_missing() {
        let (mut awaiting, asking) = (Awaiting::default(), asking(LINK, 1));
        awaiting.begin(asking);
        assert_eq!(awaiting.live(LINK, asking.token, 10), Some(Missed::NONE));
    }

    #[test]
    fn of_a_new_life_all_that_is_not_kept_is_missing() {
        let (mut awaiting, asking) = (Awaiting::default(), asking(LINK, 2));
        awaiting.begin(asking);
        awaiting.begins_anew(LINK, OWNER);
        let first = awaiting.past(LINK, asking.token, 3);
        assert_eq!(first, Some(Verdict::DeliverAfterGap(3)));
        let mut nothing_kept = Awaiting::default();
        nothing_kept.begin(asking);
        nothing_kept.begins_anew(LINK, OWNER);
        let missed = nothing_kept.live(LINK, asking.token, 10);
        assert_eq!(missed, Some(Missed::exactly(10)));
    }

    #[test]
    fn a_topic_that_is_back_is_not_waited_for_unless_it_is_asked_for() {
        let (mut awaiting, asking) = (Awaiting::default(), asking(LINK, 1));
        awaiting.begin(asking);
        awaiting.past(LINK, asking.token, 5);
        awaiting.cut();
        assert!(!awaiting.holds(SUBSCRIBER, LINK, OWNER));
        awaiting.begin(asking);
        assert!(awaiting.holds(SUBSCRIBER, LINK, OWNER));
        let again = awaiting.past(LINK, asking.token, 5);
        assert_eq!(again, Some(Verdict::Duplicate));
    }

    #[test]
    fn after_a_cut_in_the_middle_nothing_comes_twice() {
        let (mut awaiting, first) = (Awaiting::default(), asking(LINK, 1));
        awaiting.begin(first);
        awaiting.past(LINK, first.token, 5);
        awaiting.begin(asking(NEXT_LINK, 1));
        assert_eq!(awaiting.past(LINK, first.token, 6), None);
        let again = awaiting.past(NEXT_LINK, first.token, 5);
        assert_eq!(again, Some(Verdict::Duplicate));
        let next = awaiting.past(NEXT_LINK, first.token, 6);
        assert_eq!(next, Some(Verdict::Deliver));
        awaiting.live(NEXT_LINK, first.token, 7);
        awaiting.begin(asking(LinkId(4), 1));
        assert!(
            !awaiting.holds(SUBSCRIBER, LinkId(4), OWNER),
            "it had all, and goes on with the stream"
        );
        awaiting.begin(asking(LinkId(5), 2));
        assert!(awaiting.holds(SUBSCRIBER, LinkId(5), OWNER), "another life");
        assert_eq!(
            awaiting.past(LinkId(5), first.token, 0),
            Some(Verdict::Deliver)
        );
    }
}
