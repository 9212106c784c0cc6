use proptest::prelude::*;

use super::*;

fn inbox(messages: usize, overflow: Overflow) -> Inbox {
    Inbox::new(Limit { messages, bytes: 0 }, overflow)
}

fn offer(inbox: &mut Inbox, slot: Slot, byte: u8) -> Offer {
    inbox.offer(slot, Source::LOCAL, &Payload::copy_from(&[byte]))
}

/// What is taken, in short: `a1` a message, `a-3` a gap, `!` a notice.
fn drain(inbox: &mut Inbox) -> Vec<String> {
    std::iter::from_fn(|| inbox.take())
        .map(|taken| match taken {
            Taken::Message { topic, payload, .. } => format!("{topic}{}", payload.as_ref()[0]),
            Taken::Gap { topic, missed } => format!("{topic}-{}", missed.counted()),
            Taken::Notice(_) => String::from("!"),
        })
        .collect()
}

#[test]
fn drop_newest_tells_the_gap_after_what_was_kept() {
    let mut inbox = inbox(2, Overflow::DropNewest);
    let a = inbox.attach("a".into());
    let b = inbox.attach("b".into());
    assert_eq!(offer(&mut inbox, a, 1), Offer::Queued);
    assert_eq!(offer(&mut inbox, b, 2), Offer::Queued);
    assert_eq!(offer(&mut inbox, a, 3), Offer::Dropped);
    assert_eq!(offer(&mut inbox, a, 4), Offer::Dropped);
    assert_eq!(drain(&mut inbox), ["a1", "b2", "a-2"]);
    assert_eq!(inbox.dropped(), 2);
    assert!(inbox.is_empty());
}

#[test]
fn drops_count_for_their_topic_and_by_policy() {
    let mut inbox = inbox(2, Overflow::DropOldest);
    let (a, b) = (inbox.attach("a".into()), inbox.attach("b".into()));
    offer(&mut inbox, a, 1);
    for byte in 2..5 {
        offer(&mut inbox, b, byte);
    }
    // The oldest of all gave way first, whichever topic the new one is of.
    assert_eq!((inbox.dropped_of(a), inbox.dropped_of(b)), (1, 1));
    let limit = Limit {
        messages: 2,
        bytes: 0,
    };
    inbox.configure(limit, Overflow::DropNewest);
    offer(&mut inbox, a, 5);
    inbox.configure(limit, Overflow::Block);
    assert_eq!(offer(&mut inbox, a, 6), Offer::Full);
    inbox.lose(a);
    inbox.configure(limit, Overflow::Disconnect);
    assert_eq!(offer(&mut inbox, a, 7), Offer::Ended);
    let drops = inbox.drops();
    assert_eq!(
        [drops.newest, drops.oldest, drops.block, drops.disconnect],
        [1, 2, 1, 1]
    );
    assert_eq!(inbox.detach(a), 4);
    let c = inbox.attach("c".into());
    assert_eq!(
        inbox.dropped_of(c),
        0,
        "a slot that is used again counts anew"
    );
}

#[test]
fn what_is_not_told_in_its_place_is_told_aside_once() {
    let mut inbox = inbox(1, Overflow::DropNewest);
    inbox.tell_gaps(false);
    let (a, b) = (inbox.attach("a".into()), inbox.attach("b".into()));
    for (slot, byte) in [(a, 1), (b, 2), (a, 3), (b, 4)] {
        offer(&mut inbox, slot, byte);
    }
    inbox.detach(b);
    let told = inbox.take_untold();
    let told: Vec<_> = told
        .iter()
        .map(|(topic, missed)| (&**topic, missed.counted()))
        .collect();
    assert_eq!(told, [("b", 2), ("a", 1)]);
    assert!(inbox.take_untold().is_empty());
    assert_eq!(drain(&mut inbox), ["a1"]);
    assert!(inbox.is_empty());
    // Nothing holds the detached slot any more.
    assert_eq!(inbox.attach("c".into()), b);
}

#[test]
fn drop_newest_tells_the_gap_before_the_next_message_of_the_topic() {
    let mut inbox = inbox(1, Overflow::DropNewest);
    let a = inbox.attach("a".into());
    offer(&mut inbox, a, 1);
    offer(&mut inbox, a, 2);
    inbox.take();
    offer(&mut inbox, a, 3);
    assert_eq!(drain(&mut inbox), ["a-1", "a3"]);
}

#[test]
fn drop_oldest_keeps_the_newest_and_tells_the_gap_in_front() {
    let mut inbox = inbox(2, Overflow::DropOldest);
    let a = inbox.attach("a".into());
    let b = inbox.attach("b".into());
    for byte in 1..=5 {
        offer(&mut inbox, a, byte);
    }
    assert_eq!(inbox.messages(), 2);
    let copied = inbox.take_message(|_, _| (Copying::Done, ()));
    assert_eq!(copied, None, "the gap is first in line");
    assert_eq!(drain(&mut inbox), ["a-3", "a4", "a5"]);
    offer(&mut inbox, a, 6);
    offer(&mut inbox, b, 7);
    offer(&mut inbox, b, 8);
    assert_eq!(drain(&mut inbox), ["b7", "b8", "a-1"]);
}

#[test]
fn drop_oldest_merges_a_gap_that_came_from_the_link() {
    let mut inbox = inbox(1, Overflow::DropOldest);
    let a = inbox.attach("a".into());
    for byte in 1..=4 {
        inbox.missed(a, Missed::exactly(10));
        offer(&mut inbox, a, byte);
    }
    assert_eq!(drain(&mut inbox), ["a-43", "a4"]);
}

#[test]
fn block_refuses_and_changes_nothing() {
    let mut inbox = inbox(1, Overflow::Block);
    let a = inbox.attach("a".into());
    assert!(inbox.reserve(1));
    assert_eq!(
        offer(&mut inbox, a, 1),
        Offer::Full,
        "reserved room is taken"
    );
    inbox.offer_reserved(a, Source::LOCAL, &Payload::copy_from(&[2]));
    assert!(!inbox.reserve(1));
    assert_eq!(drain(&mut inbox), ["a2"]);
}

#[test]
fn disconnect_ends_once_until_revived() {
    let mut inbox = inbox(1, Overflow::Disconnect);
    let a = inbox.attach("a".into());
    offer(&mut inbox, a, 1);
    assert_eq!(offer(&mut inbox, a, 2), Offer::Ended);
    assert_eq!(offer(&mut inbox, a, 3), Offer::Ended);
    assert_eq!(drain(&mut inbox), ["a1", "!"]);
}

#[test]
fn the_byte_limit_holds_and_a_single_larger_message_passes() {
    let mut inbox = Inbox::new(
        Limit {
            messages: 0,
            bytes: 10,
        },
        Overflow::Block,
    );
    let a = inbox.attach("a".into());
    let big = Payload::copy_from(&[0; 50]);
    assert_eq!(inbox.offer(a, Source::LOCAL, &big), Offer::Queued);
    assert_eq!(offer(&mut inbox, a, 1), Offer::Full);
    inbox.take();
    assert_eq!(offer(&mut inbox, a, 1), Offer::Queued);
}

#[test]
fn a_detached_slot_is_reused_only_after_its_messages_are_taken() {
    let mut inbox = inbox(0, Overflow::DropNewest);
    let a = inbox.attach("a".into());
    offer(&mut inbox, a, 1);
    inbox.detach(a);
    let b = inbox.attach("b".into());
    assert_ne!(a, b);
    assert_eq!(drain(&mut inbox), ["a1"]);
    assert_eq!(inbox.attach("c".into()), a);
}

#[test]
fn the_loss_of_a_detached_topic_was_told_after_its_next_messages() {
    let mut inbox = inbox(1, Overflow::DropNewest);
    let a = inbox.attach("a".into());
    offer(&mut inbox, a, 1);
    offer(&mut inbox, a, 2);
    inbox.detach(a);
    let again = inbox.attach("a".into());
    inbox.take();
    offer(&mut inbox, again, 3);
    assert_eq!(drain(&mut inbox), ["a-1", "a3"]);
}

#[test]
fn the_oldest_of_a_detached_topic_was_dropped_without_a_word() {
    let mut inbox = inbox(1, Overflow::DropOldest);
    let a = inbox.attach("a".into());
    let b = inbox.attach("b".into());
    offer(&mut inbox, a, 1);
    inbox.missed(a, Missed::exactly(10));
    inbox.detach(a);
    offer(&mut inbox, b, 2);
    assert_eq!(drain(&mut inbox), ["a-11", "b2"]);
    let again = inbox.attach("b".into());
    inbox.detach(b);
    offer(&mut inbox, again, 3);
    inbox.detach(again);
    let third = inbox.attach("b".into());
    offer(&mut inbox, third, 4);
    assert_eq!(drain(&mut inbox), ["b-1", "b4"]);
}

#[test]
fn retain_discards_without_reporting() {
    let mut inbox = inbox(3, Overflow::DropNewest);
    let a = inbox.attach("a".into());
    let b = inbox.attach("b".into());
    for byte in 1..=2 {
        offer(&mut inbox, a, byte);
        offer(&mut inbox, b, byte);
    }
    offer(&mut inbox, a, 3);
    let mut discarded = 0;
    inbox.retain(|topic| topic == "b", |_, len| discarded += len);
    assert_eq!(discarded, 2);
    assert_eq!(drain(&mut inbox), ["b1", "b-1"]);
}

/// A queue whose receiver takes ahead whenever it can, as one that shares the queue with publishers does.
struct TakingAhead {
    inbox: Inbox,
    ahead: Ahead,
}

impl TakingAhead {
    fn new(limit: Limit, overflow: Overflow) -> Self {
        Self {
            inbox: Inbox::new(limit, overflow),
            ahead: Ahead::default(),
        }
    }

    fn offer(&mut self, slot: Slot, byte: u8) -> Offer {
        if !self.inbox.has_room(1) {
            self.inbox.received_ahead(self.ahead.left());
        }
        offer(&mut self.inbox, slot, byte)
    }

    fn take(&mut self) -> Option<Taken> {
        if let Some(taken) = self.ahead.take() {
            if self.ahead.is_empty() {
                self.inbox.settle(&mut self.ahead);
            }
            return Some(taken);
        }
        let taken = self.inbox.take();
        self.inbox.hand_over(&mut self.ahead);
        taken
    }
}

#[test]
fn what_is_taken_ahead_counts_as_queued_until_it_is_received() {
    let limit = Limit {
        messages: 3,
        bytes: 0,
    };
    let mut queue = TakingAhead::new(limit, Overflow::Block);
    let a = queue.inbox.attach("a".into());
    assert!((1..=3).all(|byte| queue.offer(a, byte) == Offer::Queued));
    assert!(queue.take().is_some());
    assert_eq!(queue.ahead.left().messages, 2);
    assert_eq!(queue.offer(a, 4), Offer::Queued);
    assert_eq!(queue.offer(a, 5), Offer::Full);
    assert!(queue.take().is_some());
    assert_eq!(queue.offer(a, 5), Offer::Queued);
    assert_eq!(queue.inbox.messages(), 3);
}

#[test]
fn what_is_put_back_is_first_in_line_and_can_be_discarded() {
    let limit = Limit {
        messages: 9,
        bytes: 0,
    };
    let mut queue = TakingAhead::new(limit, Overflow::Block);
    let slots = ["a", "b"].map(|topic| queue.inbox.attach(topic.into()));
    for byte in 1..=4 {
        queue.offer(slots[usize::from(byte % 2)], byte);
    }
    assert!(queue.take().is_some());
    queue.offer(slots[0], 6);
    let received = queue.inbox.take_back(&mut queue.ahead);
    assert_eq!(received, Left::default());
    assert!(queue.ahead.is_empty());
    queue.inbox.retain(|topic| topic == "a", |_, _| {});
    assert_eq!(drain(&mut queue.inbox), ["a2", "a4", "a6"]);
    assert_eq!(queue.inbox.messages(), 0);
}

#[test]
fn the_oldest_is_never_taken_ahead_where_it_is_to_be_dropped() {
    let limit = Limit {
        messages: 3,
        bytes: 0,
    };
    let mut queue = TakingAhead::new(limit, Overflow::DropOldest);
    let a = queue.inbox.attach("a".into());
    for byte in 1..=3 {
        queue.offer(a, byte);
    }
    assert!(queue.take().is_some());
    assert!(queue.ahead.is_empty());
    queue.offer(a, 4);
    queue.offer(a, 5);
    assert_eq!(drain(&mut queue.inbox), ["a-1", "a3", "a4", "a5"]);
}

#[derive(Debug, Clone)]
enum Step {
    Offer(u8),
    Take,
    Missed(u8),
    Notice,
    /// Ends the way in of a topic and makes another.
    Renew(u8),
    PutBack,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..3_u8).prop_map(Step::Offer),
        6 => Just(Step::Take),
        1 => (0..3_u8).prop_map(Step::Missed),
        1 => Just(Step::Notice),
        1 => (0..3_u8).prop_map(Step::Renew),
        1 => Just(Step::PutBack),
    ];
    proptest::collection::vec(step, 0..200)
}

proptest! {
    /// Taking ahead changes nothing of what is received, lost and counted.
    #[test]
    fn taking_ahead_is_as_taking_one_by_one(
        steps in steps(),
        messages in 0..12_usize,
        overflow in prop_oneof![Just(Overflow::Block), Just(Overflow::DropNewest), Just(Overflow::DropOldest)],
    ) {
        let limit = Limit { messages, bytes: 0 };
        let mut plain = Inbox::new(limit, overflow);
        let mut ahead = TakingAhead::new(limit, overflow);
        let topics = ["a", "b", "c"];
        let mut slots = topics.map(|topic| (plain.attach(topic.into()), ahead.inbox.attach(topic.into())));
        for (number, step) in steps.iter().enumerate() {
            match *step {
                Step::Offer(topic) => {
                    let (slot, its) = slots[usize::from(topic)];
                    prop_assert_eq!(offer(&mut plain, slot, number as u8), ahead.offer(its, number as u8));
                }
                Step::Take => prop_assert_eq!(plain.take(), ahead.take()),
                Step::Missed(topic) => {
                    let (slot, its) = slots[usize::from(topic)];
                    plain.missed(slot, Missed::exactly(1));
                    ahead.inbox.missed(its, Missed::exactly(1));
                }
                Step::Notice => {
                    plain.notice(Notice::Ended);
                    ahead.inbox.notice(Notice::Ended);
                }
                Step::Renew(topic) => {
                    let name = topics[usize::from(topic)];
                    let (slot, its) = slots[usize::from(topic)];
                    plain.detach(slot);
                    ahead.inbox.detach(its);
                    slots[usize::from(topic)] = (plain.attach(name.into()), ahead.inbox.attach(name.into()));
                }
                Step::PutBack => {
                    ahead.inbox.take_back(&mut ahead.ahead);
                }
            }
            ahead.inbox.received_ahead(ahead.ahead.left());
            prop_assert_eq!(plain.messages(), ahead.inbox.messages());
        }
        while let Some(taken) = plain.take() {
            prop_assert_eq!(Some(taken), ahead.take());
        }
        prop_assert_eq!(ahead.take(), None);
        prop_assert_eq!(ahead.inbox.dropped(), plain.dropped());
    }
}
