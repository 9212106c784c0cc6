use super::*;
use crate::frame::{Alias, Frame, Last};
use crate::identity::{Incarnation, NodeId};
use crate::inbox::{Limit, Offer};
use crate::limits::{MAX_CUT_UPSTREAMS, MAX_OWNERS_SENT_TO};
use crate::missed::Missed;
use crate::node::{LinkId, WayToOwner};
use crate::payload::Payload;
use crate::stream::Stream;

const PUBLISHER: NodeId = NodeId([1; 16]);
const UNLIMITED: Limit = Limit {
    messages: 0,
    bytes: 0,
};

fn alias(next_sequence: u64) -> Alias<'static> {
    Alias {
        alias: 3,
        upstream: true,
        resumed: false,
        since: 0,
        passage: None,
        next_sequence,
        incarnation: Incarnation(1),
        publisher: PUBLISHER,
        topic: "t",
    }
}

fn payload() -> Payload {
    Payload::copy_from(b"x")
}

/// A way that begins with this number, and has its turn if it can.
fn way(turn: &mut Turn, next_sequence: u64) -> Receiver {
    let mut receiver = Receiver::announced(&alias(next_sequence), turn);
    receiver.take_turn(turn, || None);
    receiver
}

/// Messages of these numbers arrive.
fn arrive(receiver: &mut Receiver, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        receiver.arrived(number, payload()).unwrap();
    }
}

/// Hands on all that is due: the numbers, and what was missing.
fn hand_on(receiver: &mut Receiver, turn: &mut Turn) -> (Vec<u64>, Missed) {
    let (mut numbers, mut missing) = (Vec::new(), Missed::NONE);
    while let Some(Due { missed, sequence }) = receiver.due(turn) {
        missing += missed;
        if let Some(sequence) = sequence {
            numbers.push(sequence);
            receiver.handed_on(turn);
        }
    }
    (numbers, missing)
}

/// The direct way to the owner.
fn to_owner(link: u32) -> WayToOwner {
    WayToOwner {
        link: LinkId(link),
        owner: NodeId([9; 16]),
        life: Incarnation(1),
        direct: true,
    }
}

#[test]
fn numbers_go_on_over_links_and_each_link_begins_with_a_full_window() {
    let mut sender = Sender::default();
    for way in [to_owner(1), to_owner(2)] {
        let mut queue = Outbox::new(UNLIMITED);
        assert!(!sender.is_announced_on(&way));
        sender.announce(&way, alias(0), &mut queue);
        assert!(sender.is_announced_on(&way));
        for _ in 0..UPSTREAM_WINDOW_MESSAGES {
            assert_eq!(queue.offer(sender.policy(), b"", &payload()), Offer::Queued);
            sender.sent();
        }
        assert_eq!(queue.offer(sender.policy(), b"", &payload()), Offer::Full);
    }
    assert_eq!(sender.next_sequence(), 2 * UPSTREAM_WINDOW_MESSAGES as u64);
}

#[test]
fn a_sender_says_that_it_leaves_where_it_was_announced() {
    let mut sender = Sender::default();
    sender.announce(&to_owner(1), alias(0), &mut Outbox::new(UNLIMITED));
    sender.sent();
    assert_eq!(sender.leave(LinkId(2), 3), None);
    let tail = Frame::Tail {
        alias: 3,
        next_sequence: 1,
        last: Last::Withdrawn,
    };
    assert_eq!(sender.leave(LinkId(1), 3), Some(tail));
    assert!(!sender.is_announced_on(&to_owner(1)));
}

#[test]
fn what_was_sent_another_way_is_to_show_on_a_new_one_and_nothing_else() {
    let mut sender = Sender::default();
    assert!(!sender.is_to_show_on(&to_owner(1)), "nothing was sent");
    sender.announce(&to_owner(1), alias(0), &mut Outbox::new(UNLIMITED));
    sender.sent();
    assert!(!sender.is_to_show_on(&to_owner(1)));
    assert!(sender.is_to_show_on(&to_owner(2)));
    let restarted = WayToOwner {
        life: Incarnation(2),
        ..to_owner(1)
    };
    assert!(
        sender.is_to_show_on(&restarted),
        "it is another life of the owner"
    );
}

#[test]
fn a_topic_that_comes_back_under_another_alias_is_announced_anew_with_the_numbers_it_had() {
    let mut sender = Sender::default();
    sender.announce(&to_owner(1), alias(0), &mut Outbox::new(UNLIMITED));
    sender.sent();
    sender.resume();
    assert!(!sender.is_announced_on(&to_owner(1)));
    assert_eq!(sender.next_sequence(), 1);
}

#[test]
fn the_owner_that_was_sent_to_longest_ago_is_forgotten_first() {
    let mut sent = SentTo::<Sender>::default();
    let owner = |number: usize| NodeId([number as u8; 16]);
    for number in 0..MAX_OWNERS_SENT_TO {
        let (sender, forgets) = sent.of(owner(number), Sender::default);
        assert!(!forgets);
        sender.sent();
    }
    assert_eq!(sent.of(owner(0), Sender::default).0.next_sequence(), 1);
    assert!(sent.of(owner(MAX_OWNERS_SENT_TO), Sender::default).1);
    let (sender, forgets) = sent.of(owner(0), Sender::default);
    assert_eq!((sender.next_sequence(), forgets), (1, false));
    let (sender, forgets) = sent.of(owner(1), Sender::default);
    assert_eq!((sender.next_sequence(), forgets), (0, true));
}

/// The direct way was announced before the hub brought what had been published by way of it.
#[test]
fn what_a_hub_brought_behind_the_first_way_an_owner_heard_of_was_dropped_uncounted() {
    let mut sender = Sender::default();
    let mut queue = Outbox::new(UNLIMITED);
    sender.announce(&to_owner(1), alias(0), &mut queue);
    (0..3).for_each(|_| sender.sent());
    let announced = |sender: &mut Sender, way: WayToOwner| {
        let mut queue = Outbox::new(UNLIMITED);
        sender.announce(&way, alias(0), &mut queue);
        announced_in(&mut queue)
    };
    let direct = announced(&mut sender, to_owner(2));
    assert_eq!(direct, (3, 0));
    let mut turn = Turn::default();
    let of_direct = Alias {
        since: direct.1,
        ..alias(direct.0)
    };
    let mut receiver = Receiver::announced(&of_direct, &mut turn);
    let unheard = receiver.unheard();
    let missed = receiver.take_turn(&mut turn, || Some(unheard));
    assert_eq!(missed, Some(Missed::exactly(3)));
    let next_life = WayToOwner {
        life: Incarnation(2),
        ..to_owner(2)
    };
    assert_eq!(announced(&mut sender, next_life), (3, 3));
    assert_eq!(announced(&mut sender, to_owner(1)), (3, 3), "it is late");
}

/// The number that a stream goes on with on a link, and the one it had when its owner's life began.
fn announced_in(queue: &mut Outbox) -> (u64, u64) {
    let mut segments = std::collections::VecDeque::new();
    queue.take(usize::MAX, &mut segments);
    let bytes: Vec<u8> = segments
        .iter()
        .flat_map(|segment| segment.bytes())
        .copied()
        .collect();
    let mut decoder = zmtp::Decoder::new(zmtp::Limits::default());
    let frame = decoder.decode(&mut &bytes[..]).unwrap().unwrap();
    match Frame::decode(&frame.body).unwrap() {
        Frame::Alias(alias) => (alias.next_sequence, alias.since),
        other => panic!("{other:?} instead of ALIAS"),
    }
}

#[test]
fn credit_is_withheld_for_what_waits() {
    let mut turn = Turn::default();
    let mut receiver = way(&mut turn, 5);
    arrive(&mut receiver, 5..505);
    assert_eq!(receiver.waiting(), 500);
    assert_eq!(receiver.settle().credit(), None);
    assert_eq!(hand_on(&mut receiver, &mut turn).0.len(), 500);
    let credit = receiver.settle().credit();
    let expected = Frame::Credit {
        class: Class::upstream(3),
        messages: 500,
        bytes: 500,
    };
    assert_eq!(credit, Some(expected), "half of the window at once");
    assert_eq!(receiver.settle().credit(), None);
    assert_eq!(receiver.first(), None);
}

#[test]
fn credit_comes_back_for_what_was_seen_before() {
    let mut turn = Turn::default();
    let mut receiver = way(&mut turn, 500);
    arrive(&mut receiver, 0..500);
    assert_eq!(hand_on(&mut receiver, &mut turn), (vec![], Missed::NONE));
    let settled = receiver.settle();
    assert_eq!(settled.duplicates, 500);
    assert!(settled.credit().is_some());
}

#[test]
fn what_finds_no_room_is_judged_once_and_stays_first() {
    let mut turn = Turn::default();
    let mut receiver = way(&mut turn, 0);
    arrive(&mut receiver, [2, 3]);
    let due = |missed| {
        Some(Due {
            missed,
            sequence: Some(2),
        })
    };
    assert_eq!(receiver.due(&mut turn), due(Missed::exactly(2)));
    assert_eq!(receiver.due(&mut turn), due(Missed::NONE));
    assert_eq!(
        hand_on(&mut receiver, &mut turn),
        (vec![2, 3], Missed::NONE)
    );
}

#[test]
fn what_a_cut_link_lost_shows_and_repetitions_are_refused() {
    let mut turn = Turn::default();
    let mut receiver = way(&mut turn, 0);
    arrive(&mut receiver, [0]);
    hand_on(&mut receiver, &mut turn);
    let mut cut = CutStreams::default();
    cut.keep(receiver.leave(&mut turn, false).unwrap(), 0);
    assert_eq!(cut.take(NodeId([2; 16]), 4), None);
    let mut turn = Turn::default();
    let mut receiver = Receiver::announced(&alias(4), &mut turn);
    let missed = receiver.take_turn(&mut turn, || cut.take(PUBLISHER, 4));
    assert_eq!(missed, Some(Missed::exactly(3)));
    arrive(&mut receiver, [3]);
    assert_eq!(hand_on(&mut receiver, &mut turn), (vec![], Missed::NONE));
    assert!(receiver.told(6));
    assert_eq!(
        hand_on(&mut receiver, &mut turn),
        (vec![], Missed::exactly(2))
    );
    arrive(&mut receiver, [7]);
    assert_eq!(
        hand_on(&mut receiver, &mut turn),
        (vec![7], Missed::exactly(1))
    );
}

#[test]
fn who_does_not_come_back_may_have_taken_something_along_and_is_given_up_once() {
    let stream = Stream::new(PUBLISHER, Incarnation(1), 4);
    let mut cut = CutStreams::default();
    cut.keep(stream, 100);
    assert_eq!(
        cut.give_up(PUBLISHER, 50),
        Missed::NONE,
        "it was back since"
    );
    assert_eq!(cut.give_up(PUBLISHER, 100), Missed::UNKNOWN);
    assert_eq!(cut.give_up(PUBLISHER, 100), Missed::NONE);
    let mut back = cut.take(PUBLISHER, 6).unwrap();
    assert_eq!(back.reopen(Incarnation(1), 6), Missed::NONE, "it was told");
    let mut ended = stream;
    ended.end();
    cut.keep(ended, 100);
    assert_eq!(cut.give_up(PUBLISHER, 100), Missed::NONE);
}

#[test]
fn a_new_way_waits_for_what_the_old_one_has_before_it() {
    let mut turn = Turn::default();
    let mut old = way(&mut turn, 0);
    arrive(&mut old, 0..3);
    let mut new = way(&mut turn, 5);
    arrive(&mut new, 5..7);
    assert!(new.waits_for_turn());
    assert_eq!(hand_on(&mut new, &mut turn).0, []);
    assert_eq!(hand_on(&mut old, &mut turn).0, [0, 1, 2]);
    assert_eq!(new.take_turn(&mut turn, || None), None, "3 and 4 may come");
    arrive(&mut old, 3..5);
    hand_on(&mut old, &mut turn);
    assert_eq!(new.take_turn(&mut turn, || None), Some(Missed::NONE));
    assert_eq!(hand_on(&mut new, &mut turn).0, [5, 6]);
    assert_eq!(old.leave(&mut turn, false), None, "the new one goes on");
    assert_eq!((old.stands_at(), new.stands_at()), (5, 7));
}

#[test]
fn what_an_old_way_lost_shows_when_it_is_left() {
    let mut turn = Turn::default();
    let mut old = way(&mut turn, 0);
    arrive(&mut old, 0..3);
    hand_on(&mut old, &mut turn);
    let mut new = way(&mut turn, 5);
    arrive(&mut new, [5]);
    assert!(old.leave(&mut turn, false).is_some());
    let missed = new.take_turn(&mut turn, || None);
    assert_eq!(missed, Some(Missed::exactly(2)));
    assert_eq!(hand_on(&mut new, &mut turn).0, [5]);
}

/// A hub whose way to the owner had changed announced what it still had of an earlier way: the owner took that for the way
/// to follow, and what the publisher went on to send by the later one was refused as seen before.
#[test]
fn a_late_way_took_the_turn_of_the_one_that_had_overtaken_it() {
    let mut turn = Turn::default();
    let mut by_hub = way(&mut turn, 0);
    arrive(&mut by_hub, 0..5);
    hand_on(&mut by_hub, &mut turn);
    by_hub.leave(&mut turn, false);
    let mut direct = way(&mut turn, 10);
    let mut late = way(&mut turn, 5);
    arrive(&mut late, 5..10);
    arrive(&mut direct, 10..12);
    assert_eq!(hand_on(&mut late, &mut turn), (vec![], Missed::NONE));
    assert_eq!(
        hand_on(&mut direct, &mut turn),
        (vec![10, 11], Missed::NONE)
    );
    assert_eq!(late.settle().duplicates, 5, "told as missing");
    assert_eq!(late.leave(&mut turn, false), None);
    arrive(&mut direct, [12]);
    assert_eq!(hand_on(&mut direct, &mut turn).0, [12]);
}

/// Ways are announced as soon as they are there, so one that was left before anything was sent by it may come late: it
/// begins with the number that the present one has reached, and it brings nothing.
#[test]
fn a_late_way_that_brings_nothing_leaves_the_turn_to_the_present_one() {
    let mut turn = Turn::default();
    let mut present = way(&mut turn, 5);
    let mut late = way(&mut turn, 5);
    assert!(present.has_turn(&turn) && late.waits_for_turn());
    assert!(late.is_held_up() && !late.brings_more());
    arrive(&mut present, 5..7);
    assert_eq!(hand_on(&mut present, &mut turn), (vec![5, 6], Missed::NONE));
    assert_eq!(late.take_turn(&mut turn, || None), Some(Missed::NONE));
    assert!(present.has_turn(&turn) && !late.has_turn(&turn));
}

#[test]
fn a_way_that_brings_something_takes_over_from_one_that_brought_nothing() {
    let mut turn = Turn::default();
    let mut idle = way(&mut turn, 5);
    let mut next = way(&mut turn, 5);
    assert!(next.waits_for_turn());
    arrive(&mut next, [6]);
    assert_eq!(next.take_turn(&mut turn, || None), Some(Missed::NONE));
    let handed_on = hand_on(&mut next, &mut turn);
    assert_eq!(handed_on, (vec![6], Missed::exactly(1)));
    assert_eq!(idle.leave(&mut turn, false), None);
}

#[test]
fn a_way_that_brings_nothing_shows_what_an_old_one_lost_when_that_is_left() {
    let mut turn = Turn::default();
    let mut old = way(&mut turn, 0);
    arrive(&mut old, 0..3);
    hand_on(&mut old, &mut turn);
    let mut new = way(&mut turn, 5);
    assert!(old.leave(&mut turn, false).is_some());
    let missed = new.take_turn(&mut turn, || None);
    assert_eq!(missed, Some(Missed::exactly(2)));
}

/// The same with what a hub still had of an earlier life of the publisher.
#[test]
fn a_way_of_an_earlier_life_took_the_turn_of_the_present_one() {
    let mut turn = Turn::default();
    let of_life = |life, next| Alias {
        incarnation: Incarnation(life),
        ..alias(next)
    };
    let mut present = Receiver::announced(&of_life(2, 0), &mut turn);
    present.take_turn(&mut turn, || None);
    let mut earlier = Receiver::announced(&of_life(1, 7), &mut turn);
    let missed = earlier.take_turn(&mut turn, || None);
    assert_eq!(missed, Some(Missed::NONE));
    arrive(&mut earlier, [7]);
    arrive(&mut present, [0]);
    assert_eq!(hand_on(&mut earlier, &mut turn).0, []);
    assert_eq!(hand_on(&mut present, &mut turn).0, [0]);
}

#[test]
fn a_later_life_takes_over_at_once_and_the_loss_is_unknown() {
    let mut turn = Turn::default();
    let mut first = way(&mut turn, 0);
    arrive(&mut first, [0, 1]);
    assert!(first.due(&mut turn).is_some());
    let later = Alias {
        incarnation: Incarnation(2),
        ..alias(0)
    };
    let mut second = Receiver::announced(&later, &mut turn);
    let missed = second.take_turn(&mut turn, || None);
    assert_eq!(missed, Some(Missed::UNKNOWN));
    assert_eq!(hand_on(&mut first, &mut turn).0, []);
}

#[test]
fn numbers_that_were_heard_before_the_link_was_cut_are_not_handed_on_again() {
    let mut turn = Turn::default();
    let mut receiver = Receiver::announced(&alias(3), &mut turn);
    let cut = || Some(Stream::new(PUBLISHER, Incarnation(1), 5));
    assert_eq!(receiver.take_turn(&mut turn, cut), Some(Missed::NONE));
    arrive(&mut receiver, 3..7);
    assert_eq!(
        hand_on(&mut receiver, &mut turn),
        (vec![5, 6], Missed::NONE)
    );
}

/// The publisher had turned to a direct way, and left it before the hub brought the rest.
#[test]
fn what_a_hub_brought_after_the_leave_of_its_publisher_was_delivered_behind_what_had_overtaken_it()
{
    let (mut turn, mut cut) = (Turn::default(), CutStreams::default());
    let mut direct = way(&mut turn, 2);
    arrive(&mut direct, 2..7);
    hand_on(&mut direct, &mut turn);
    cut.keep(direct.leave(&mut turn, true).unwrap(), 0);
    let mut turn = Turn::default();
    let mut late = Receiver::announced(&alias(0), &mut turn);
    let missed = late.take_turn(&mut turn, || cut.take(PUBLISHER, 0));
    assert_eq!(missed, Some(Missed::NONE));
    arrive(&mut late, 0..2);
    assert_eq!(hand_on(&mut late, &mut turn), (vec![], Missed::NONE));
}

#[test]
fn a_publisher_that_took_its_leave_and_returns_misses_nothing() {
    let (mut turn, mut cut) = (Turn::default(), CutStreams::default());
    let mut receiver = way(&mut turn, 0);
    arrive(&mut receiver, 0..3);
    hand_on(&mut receiver, &mut turn);
    cut.keep(receiver.leave(&mut turn, true).unwrap(), 0);
    let next_life = Alias {
        incarnation: Incarnation(2),
        ..alias(0)
    };
    let mut turn = Turn::default();
    let mut again = Receiver::announced(&next_life, &mut turn);
    let missed = again.take_turn(&mut turn, || cut.take(PUBLISHER, 0));
    assert_eq!(missed, Some(Missed::NONE));
    arrive(&mut again, 0..2);
    assert_eq!(hand_on(&mut again, &mut turn), (vec![0, 1], Missed::NONE));
}

/// Numbers are given to what is sent, so what its leave cut off counts where another way goes on behind it.
#[test]
fn what_did_not_come_before_a_publisher_took_its_leave_is_missing_where_another_way_goes_on() {
    let mut turn = Turn::default();
    let mut left = way(&mut turn, 0);
    let mut other = way(&mut turn, 4);
    arrive(&mut left, 0..3);
    hand_on(&mut left, &mut turn);
    assert!(
        left.leave(&mut turn, true)
            .is_some_and(|stream| stream.has_ended())
    );
    let missed = other.take_turn(&mut turn, || None);
    assert_eq!(missed, Some(Missed::exactly(1)));
}

#[test]
fn a_publisher_without_credit_is_found_out() {
    let mut turn = Turn::default();
    let mut receiver = way(&mut turn, 0);
    let most = 4 * UPSTREAM_WINDOW_MESSAGES as u64;
    arrive(&mut receiver, 0..most);
    assert_eq!(receiver.arrived(most, payload()), Err(Overrun));
    let mut receiver = way(&mut turn, 0);
    let large = Payload::copy_from(&vec![0; 4 * UPSTREAM_WINDOW_BYTES]);
    assert_eq!(receiver.arrived(0, large), Ok(true), "one may overdraw");
    assert_eq!(receiver.arrived(1, payload()), Err(Overrun));
}

#[test]
fn the_longest_cut_stream_is_forgotten_first_and_its_loss_is_unknown() {
    let mut cut = CutStreams::default();
    let publisher = |number: usize| NodeId((number as u128).to_be_bytes());
    let stream = |number| Stream::new(publisher(number), Incarnation(1), 3);
    (0..=MAX_CUT_UPSTREAMS).for_each(|number| cut.keep(stream(number), 0));
    assert_eq!(cut.take(publisher(1), 9), Some(stream(1)));
    assert_eq!(
        cut.take(publisher(0), 0),
        None,
        "it may never have published"
    );
    let mut forgotten = cut.take(publisher(0), 9).unwrap();
    assert_eq!(forgotten.reopen(Incarnation(1), 9), Missed::UNKNOWN);
}

#[test]
fn of_two_streams_of_one_publisher_the_one_heard_further_is_remembered() {
    let mut cut = CutStreams::default();
    for next in [7, 3] {
        cut.keep(Stream::new(PUBLISHER, Incarnation(1), next), 0);
    }
    assert_eq!(cut.take(PUBLISHER, 9).unwrap().next(), 7);
}
