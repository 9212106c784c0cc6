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
    assert_eq!(inbox.first_message(), None, "the gap is first in line");
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
