use super::*;
use crate::frame::Data;

const FROM: LinkId = LinkId(9);
const LIFE: Incarnation = Incarnation(7);

/// Links with room for so many messages, and what they got: numbers, `-n` for a TAIL at n; and the TAILs that tell of a
/// loss that nobody can count.
#[derive(Default)]
struct Links {
    room: [usize; 3],
    got: [Vec<i64>; 3],
    lost: [Vec<u64>; 3],
}

impl Links {
    fn send(&mut self, link: LinkId, what: Send<'_>) -> Offer {
        let index = link.0 as usize;
        match what {
            Send::Control(frame) => {
                if let Ok(Frame::Tail {
                    next_sequence,
                    last,
                    ..
                }) = Frame::decode(frame)
                {
                    self.got[index].push(-(next_sequence as i64));
                    self.lost[index].extend((last == Last::Lost).then_some(next_sequence));
                }
                Offer::Queued
            }
            Send::Message { policy, header, .. } => {
                if self.room[index] == 0 {
                    return if policy.blocks() {
                        Offer::Full
                    } else {
                        Offer::Dropped
                    };
                }
                self.room[index] -= 1;
                let data = Data::decode(header).unwrap().unwrap();
                self.got[index].push(data.sequence as i64);
                Offer::Queued
            }
        }
    }
}

fn blocking() -> SinkPolicy {
    SinkPolicy {
        block: true,
        ..SinkPolicy::default()
    }
}

/// A stream that link 0 wants in any case, and link 1 with its publisher waiting.
fn relay() -> (Relay<()>, Links) {
    let mut relay = Relay::new(NodeId([1; 16]), 77);
    let mut links = Links {
        room: [100, 2, 100],
        ..Links::default()
    };
    relay.open_window(FROM);
    relay.attach(LinkId(0), (), SinkPolicy::default());
    relay.attach(LinkId(1), (), blocking());
    relay.announce("t", LIFE, 0, true, |link, (), what| links.send(link, what));
    (relay, links)
}

fn pass(relay: &mut Relay<()>, links: &mut Links, sequence: u64) -> Passed {
    let payload = Payload::copy_from(b"x");
    relay.pass(FROM, sequence, &payload, |link, (), what| {
        links.send(link, what)
    })
}

fn drain(relay: &mut Relay<()>, links: &mut Links) -> Option<LinkId> {
    let mut passed = Passed::default();
    let blocker = relay.drain(&mut passed, |link, (), what| links.send(link, what));
    blocker.map(|(link, _)| link)
}

#[test]
fn a_sink_that_blocks_gets_later_what_others_get_at_once() {
    let (mut relay, mut links) = relay();
    for sequence in 0..5 {
        pass(&mut relay, &mut links, sequence);
    }
    assert_eq!(links.got[0], [0, 1, 2, 3, 4]);
    assert_eq!(links.got[1], [0, 1]);
    assert!(relay.is_held_up());
    assert_eq!(drain(&mut relay, &mut links), Some(LinkId(1)));
    links.room[1] = 2;
    assert_eq!(drain(&mut relay, &mut links), Some(LinkId(1)));
    links.room[1] = 9;
    assert_eq!(drain(&mut relay, &mut links), None);
    pass(&mut relay, &mut links, 5);
    assert_eq!(links.got[1], [0, 1, 2, 3, 4, 5]);
    assert_eq!(links.got[0], [0, 1, 2, 3, 4, 5], "each once");
}

/// A way that was behind the one before it brought so many that its window was used up for good.
#[test]
fn what_was_seen_before_used_up_the_credit_of_those_who_block() {
    let (mut relay, _) = relay();
    let granted: u64 = (0..UPSTREAM_WINDOW_MESSAGES)
        .filter_map(|_| relay.discard(FROM, 1))
        .map(|grant| grant.messages)
        .sum();
    assert_eq!(granted, UPSTREAM_WINDOW_MESSAGES as u64);
    let on_another_link = (0..UPSTREAM_WINDOW_MESSAGES).find_map(|_| relay.discard(LinkId(8), 1));
    assert_eq!(on_another_link, None, "that did not take of this window");
}

#[test]
fn credit_is_granted_as_messages_are_passed_on() {
    let (mut relay, mut links) = relay();
    let half = UPSTREAM_WINDOW_MESSAGES as u64 / 2;
    links.room = [usize::MAX; 3];
    let granted = |relay: &mut Relay<()>, links: &mut Links, numbers: std::ops::Range<u64>| {
        let grants = numbers.map(|number| pass(relay, links, number).grant);
        grants.flatten().map(|grant| grant.messages).sum::<u64>()
    };
    assert_eq!(granted(&mut relay, &mut links, 0..half), half);
    links.room[1] = 0;
    assert_eq!(granted(&mut relay, &mut links, half..2 * half), 0);
    links.room[1] = usize::MAX;
    let mut passed = Passed::default();
    relay.drain(&mut passed, |link, (), what| links.send(link, what));
    assert_eq!(passed.grant.map(|grant| grant.messages), Some(half));
}

#[test]
fn what_waits_is_bounded_and_the_rest_shows_as_a_gap() {
    let (mut relay, mut links) = relay();
    links.room[0] = usize::MAX;
    let all = MAX_RELAY_BACKLOG_MESSAGES as u64 + 12;
    for sequence in 0..all {
        pass(&mut relay, &mut links, sequence);
    }
    links.room[1] = usize::MAX;
    assert_eq!(drain(&mut relay, &mut links), None);
    let last = MAX_RELAY_BACKLOG_MESSAGES as i64 + 1;
    assert_eq!(
        links.got[1][links.got[1].len() - 2..],
        [last, -(all as i64)]
    );
}

#[test]
fn a_cut_stream_hands_on_what_waits_and_tells_the_rest() {
    let (mut relay, mut links) = relay();
    for sequence in 0..5 {
        pass(&mut relay, &mut links, sequence);
    }
    links.room[1] = 1;
    relay.cut(5, false, |link, (), what| links.send(link, what));
    assert_eq!(links.got[1], [0, 1, 2, -5]);
    assert!(!relay.is_held_up());
    relay.announce("t", LIFE, 7, false, |link, (), what| links.send(link, what));
    links.room[1] = 5;
    pass(&mut relay, &mut links, 7);
    assert_eq!(links.got[1], [0, 1, 2, -5, 7]);
}

#[test]
fn one_that_leaves_holds_up_nobody_else() {
    let (mut relay, mut links) = relay();
    relay.attach(LinkId(2), (), blocking());
    relay.announce("t", LIFE, 0, false, |link, (), what| links.send(link, what));
    for sequence in 0..5 {
        pass(&mut relay, &mut links, sequence);
    }
    assert_eq!(links.got[2], [0, 1, 2, 3, 4]);
    relay.detach(LinkId(1), true, |link, (), what| links.send(link, what));
    assert!(!relay.is_held_up());
    assert_eq!(links.got[1], [0, 1, -2]);
    pass(&mut relay, &mut links, 5);
    assert_eq!(links.got[2], [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_sink_that_ceases_to_block_keeps_its_order() {
    let (mut relay, mut links) = relay();
    for sequence in 0..5 {
        pass(&mut relay, &mut links, sequence);
    }
    relay.attach(LinkId(1), (), SinkPolicy::default());
    links.room[1] = 100;
    pass(&mut relay, &mut links, 5);
    assert_eq!(drain(&mut relay, &mut links), None);
    assert_eq!(links.got[1], [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_loss_that_nobody_can_count_is_passed_on_in_its_place_also_to_those_who_wait() {
    let (mut relay, mut links) = relay();
    for sequence in 0..4 {
        pass(&mut relay, &mut links, sequence);
    }
    relay.tail(5, Missed::UNKNOWN, |link, (), what| links.send(link, what));
    relay.tail(7, Missed::UNKNOWN, |link, (), what| links.send(link, what));
    relay.tail(8, Missed::exactly(1), |link, (), what| {
        links.send(link, what)
    });
    pass(&mut relay, &mut links, 8);
    assert_eq!(links.got[0], [0, 1, 2, 3, -5, -7, -8, 8]);
    assert_eq!(links.lost[0], [5, 7]);
    links.room[1] = 9;
    assert_eq!(drain(&mut relay, &mut links), None);
    assert_eq!(links.got[1], [0, 1, 2, 3, -8, 8]);
    assert_eq!(links.lost[1], [8], "those in a row are told as one");
}

#[test]
fn a_cut_stream_tells_those_who_wait_of_a_loss_that_nobody_can_count() {
    let (mut relay, mut links) = relay();
    for sequence in 0..3 {
        pass(&mut relay, &mut links, sequence);
    }
    relay.tail(4, Missed::UNKNOWN, |link, (), what| links.send(link, what));
    relay.cut(4, false, |link, (), what| links.send(link, what));
    assert_eq!(links.got[1], [0, 1, -4, -4]);
    assert_eq!(links.lost[1], [4]);
}
