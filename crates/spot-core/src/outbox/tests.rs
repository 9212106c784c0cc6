use proptest::prelude::*;

use super::*;
use crate::frame::{Alias, Last, put_data_header};
use crate::history::History;
use crate::identity::{Incarnation, NodeId};
use crate::overflow::Overflow;
use crate::past::Resume;

fn oldest() -> SinkPolicy {
    SinkPolicy {
        drop_oldest: true,
        ..SinkPolicy::default()
    }
}

fn outbox(messages: usize) -> Outbox {
    Outbox::new(Limit { messages, bytes: 0 })
}

fn offer(outbox: &mut Outbox, policy: &SinkPolicy, alias: u32, sequence: u64, len: usize) -> Offer {
    let mut header = Vec::new();
    put_data_header(&mut header, alias, sequence);
    outbox.offer(policy, &header, &Payload::copy_from(&vec![7; len]))
}

fn tail(alias: u32, next_sequence: u64, last: bool) -> Vec<u8> {
    let last = if last { Last::Ended } else { Last::No };
    let tail = Frame::Tail {
        alias,
        next_sequence,
        last,
    };
    tail.to_vec()
}

fn write(outbox: &mut Outbox, max_bytes: usize) -> Vec<u8> {
    let mut segments = VecDeque::new();
    outbox.take(max_bytes, &mut segments);
    let mut bytes = Vec::new();
    for segment in segments {
        bytes.extend_from_slice(segment.bytes());
        outbox.written(&segment);
    }
    bytes
}

/// What is written, in short: `3#5` message 5 of alias 3, `3>6` a tail, `3>6.` the last one, `3=0` an alias.
fn drain(outbox: &mut Outbox) -> Vec<String> {
    let mut written = Vec::new();
    while !outbox.is_empty() {
        written.extend(write(outbox, usize::MAX));
    }
    words(&written)
}

fn words(written: &[u8]) -> Vec<String> {
    let mut decoder = zmtp::Decoder::new(zmtp::Limits::default());
    let mut input = written;
    let frames = std::iter::from_fn(|| decoder.decode(&mut input).unwrap());
    let words = frames.map(|frame| match Frame::decode(&frame.body).unwrap() {
        Frame::Data(data) => format!("{}#{}", data.alias, data.sequence),
        Frame::Tail {
            alias,
            next_sequence,
            last,
        } => {
            format!(
                "{alias}>{next_sequence}{}",
                if last == Last::No { "" } else { "." }
            )
        }
        Frame::Alias(stream) => format!("{}={}", stream.alias, stream.next_sequence),
        other => format!("{other:?}"),
    });
    words.collect()
}

#[test]
fn a_loss_is_announced_when_there_is_room() {
    let mut outbox = outbox(2);
    for sequence in 0..4 {
        offer(&mut outbox, &SinkPolicy::default(), 1, sequence, 1);
    }
    assert_eq!(outbox.dropped(), 2);
    assert_eq!(drain(&mut outbox), ["1#0", "1#1", "1>4"]);
}

#[test]
fn drops_count_for_their_stream_and_by_policy() {
    let mut outbox = outbox(2);
    for (alias, sequence) in [(1, 0), (2, 0), (1, 1), (2, 1)] {
        offer(&mut outbox, &oldest(), alias, sequence, 1);
    }
    assert_eq!((outbox.dropped_of(1), outbox.dropped_of(2)), (1, 1));
    offer(&mut outbox, &SinkPolicy::default(), 1, 2, 1);
    let mut ends = SinkPolicy::default();
    ends.disconnect.push(Class::new(Overflow::Disconnect, 7));
    assert_eq!(offer(&mut outbox, &ends, 1, 3, 1), Offer::Ended);
    let mut header = Vec::new();
    crate::frame::put_data_header(&mut header, 2, 2);
    outbox.lose(&header);
    assert_eq!(outbox.offer_plain(&[b"t", b"x"]), Offer::Dropped);
    let drops = outbox.drops();
    assert_eq!(
        [drops.newest, drops.oldest, drops.block, drops.disconnect],
        [2, 2, 1, 1]
    );
    assert_eq!(outbox.forget_dropped_of(1), 3);
    assert_eq!((outbox.dropped_of(1), outbox.dropped_of(2)), (0, 2));
    assert_eq!(outbox.dropped(), 6);
}

#[test]
fn the_high_water_mark_stays_when_the_water_falls() {
    let mut outbox = outbox(0);
    for sequence in 0..5 {
        offer(&mut outbox, &SinkPolicy::default(), 1, sequence, 1);
    }
    drain(&mut outbox);
    offer(&mut outbox, &SinkPolicy::default(), 1, 5, 1);
    assert_eq!((outbox.messages(), outbox.bytes()), (1, 1));
    assert_eq!(outbox.high_water(), 5);
}

#[test]
fn the_oldest_gives_way_and_control_stays() {
    let mut outbox = outbox(2);
    outbox.control(&tail(9, 1, false));
    for sequence in 0..4 {
        offer(&mut outbox, &oldest(), 1, sequence, 1);
    }
    assert_eq!(drain(&mut outbox), ["9>1", "1#2", "1#3", "1>2"]);
}

#[test]
fn the_newest_was_dropped_while_all_that_is_queued_was_being_written() {
    let mut outbox = outbox(2);
    offer(&mut outbox, &oldest(), 1, 0, 1);
    offer(&mut outbox, &oldest(), 1, 1, 1);
    let mut writing = VecDeque::new();
    outbox.take(usize::MAX, &mut writing);
    assert_eq!(offer(&mut outbox, &oldest(), 1, 2, 1), Offer::Queued);
    for sequence in 3..6 {
        assert_eq!(
            offer(&mut outbox, &oldest(), 1, sequence, 1),
            Offer::Dropped
        );
        assert_eq!(outbox.messages(), 3);
    }
    for segment in writing {
        outbox.written(&segment);
    }
    assert_eq!(drain(&mut outbox), ["1#5", "1>5"]);
}

#[test]
fn a_header_was_taken_without_its_shared_payload() {
    let mut outbox = outbox(2);
    offer(&mut outbox, &oldest(), 1, 0, SHARE_MIN_BYTES);
    assert!(write(&mut outbox, 1).len() > SHARE_MIN_BYTES);
    for sequence in 1..5 {
        offer(&mut outbox, &oldest(), 1, sequence, SHARE_MIN_BYTES);
    }
    assert_eq!(drain(&mut outbox), ["1#3", "1#4", "1>3"]);
}

#[test]
fn a_loss_was_announced_after_the_end_of_its_stream() {
    let mut outbox = outbox(1);
    offer(&mut outbox, &oldest(), 1, 0, 1);
    outbox.control(&tail(1, 1, true));
    offer(&mut outbox, &oldest(), 2, 0, 1);
    assert_eq!(drain(&mut outbox), ["1>1.", "2#0"]);
    offer(&mut outbox, &SinkPolicy::default(), 2, 1, 1);
    offer(&mut outbox, &SinkPolicy::default(), 2, 2, 1);
    outbox.control(&tail(2, 3, true));
    assert_eq!(drain(&mut outbox), ["2#1", "2>3."]);
}

#[test]
fn a_loss_was_announced_for_the_stream_that_has_the_alias_now() {
    let mut outbox = outbox(1);
    offer(&mut outbox, &oldest(), 1, 7, 1);
    outbox.control(&tail(1, 8, true));
    let stream = Alias {
        alias: 1,
        upstream: false,
        passage: None,
        resumed: false,
        since: 0,
        next_sequence: 0,
        incarnation: Incarnation(1),
        publisher: NodeId([1; 16]),
        topic: "other",
    };
    outbox.control(&Frame::Alias(stream).to_vec());
    offer(&mut outbox, &oldest(), 1, 0, 1);
    assert_eq!(drain(&mut outbox), ["1>8.", "1=0", "1#0"]);
}

fn blocking(outbox: &mut Outbox, class: Class) -> SinkPolicy {
    let gates = SmallVec::from_slice(&[outbox.gate(class)]);
    SinkPolicy {
        gates,
        ..SinkPolicy::default()
    }
}

#[test]
fn overdrawn_bytes_were_forgiven() {
    let mut outbox = outbox(0);
    let class = Class::new(Overflow::Block, 1);
    let policy = blocking(&mut outbox, class);
    outbox.credit(class, 10, 100);
    for sequence in 0..50 {
        assert_eq!(offer(&mut outbox, &policy, 1, sequence, 90), Offer::Queued);
        assert_eq!(offer(&mut outbox, &policy, 1, sequence, 60), Offer::Queued);
        assert_eq!(offer(&mut outbox, &policy, 1, sequence, 1), Offer::Full);
        outbox.credit(class, 2, 150);
    }
}

#[test]
fn unlimited_messages_lifted_the_limit_of_bytes() {
    let mut outbox = outbox(0);
    let class = Class::new(Overflow::Block, 1);
    let policy = blocking(&mut outbox, class);
    outbox.credit(class, u64::MAX, 100);
    assert_eq!(offer(&mut outbox, &policy, 1, 0, 100), Offer::Queued);
    assert_eq!(offer(&mut outbox, &policy, 1, 1, 1), Offer::Full);
}

#[test]
fn credit_for_classes_that_were_made_up_took_memory_without_end() {
    let mut outbox = outbox(0);
    for number in 0..MAX_GATES as u64 {
        outbox.credit(Class(number), 1, 1);
    }
    outbox.credit(Class(u64::MAX), 1, 1);
    assert_eq!(outbox.gates.len(), MAX_GATES);
    let policy = blocking(&mut outbox, Class(u64::MAX));
    assert_eq!(offer(&mut outbox, &policy, 1, 0, 1), Offer::Full);
}

#[test]
fn a_message_that_a_publisher_had_waited_for_was_dropped_as_the_oldest() {
    let mut outbox = outbox(2);
    let class = Class::new(Overflow::Block, 1);
    let policy = blocking(&mut outbox, class);
    outbox.credit(class, 10, 100);
    offer(&mut outbox, &policy, 1, 0, 1);
    offer(&mut outbox, &oldest(), 2, 0, 1);
    assert_eq!(offer(&mut outbox, &oldest(), 2, 1, 1), Offer::Dropped);
    assert_eq!(drain(&mut outbox), ["1#0", "2#1", "2>1"]);
}

#[test]
fn the_newest_was_dropped_for_a_message_in_front_that_must_arrive() {
    for len in [1, SHARE_MIN_BYTES] {
        let mut outbox = outbox(4);
        let block = unlimited(&mut outbox);
        offer(&mut outbox, &block, 1, 0, len);
        outbox.control(&tail(1, 1, true));
        offer(&mut outbox, &oldest(), 2, 0, len);
        outbox.control(&tail(9, 1, false));
        offer(&mut outbox, &block, 3, 0, len);
        offer(&mut outbox, &oldest(), 2, 1, len);
        for sequence in 2..9 {
            assert_eq!(
                offer(&mut outbox, &oldest(), 2, sequence, len),
                Offer::Dropped
            );
            assert_eq!(outbox.messages(), 4);
        }
        let written = drain(&mut outbox);
        let expected = ["1#0", "1>1.", "9>1", "3#0", "2#7", "2#8", "2>7"];
        assert_eq!(written, expected, "{len}");
        assert_eq!(outbox.bytes, 0);
    }
}

#[test]
fn the_newest_was_lost_to_a_queue_full_of_what_must_arrive() {
    let mut outbox = outbox(2);
    let block = unlimited(&mut outbox);
    offer(&mut outbox, &block, 1, 0, 1);
    offer(&mut outbox, &block, 1, 1, 1);
    assert_eq!(offer(&mut outbox, &oldest(), 2, 0, 1), Offer::Queued);
    for sequence in 1..4 {
        assert_eq!(
            offer(&mut outbox, &oldest(), 2, sequence, 1),
            Offer::Dropped
        );
        assert_eq!(outbox.messages(), 3);
    }
    assert_eq!(offer(&mut outbox, &block, 1, 2, 1), Offer::Full);
    assert_eq!(drain(&mut outbox), ["1#0", "1#1", "2#3", "2>3"]);
}

#[test]
fn answers_in_front_of_a_dropped_message_were_not_counted_any_more() {
    let mut outbox = outbox(1);
    for sequence in 0..10 {
        outbox.control(&Frame::SyncAck { id: 1 }.to_vec());
        offer(&mut outbox, &oldest(), 1, sequence, SHARE_MIN_BYTES);
    }
    assert_eq!(outbox.unread_answers(), 20);
    drain(&mut outbox);
    assert_eq!(outbox.unread_answers(), 0);
}

/// Without end of credit: it waits for room only.
fn unlimited(outbox: &mut Outbox) -> SinkPolicy {
    let class = Class::new(Overflow::Block, 1);
    outbox.credit(class, u64::MAX, u64::MAX);
    blocking(outbox, class)
}

/// What the model does with the queue.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A message of stream 1 that must arrive, of 2 that gives way, or of 3 that is dropped; this long.
    Offer(u32, usize),
    /// An end of a stream, which frees its alias.
    End(u32),
    Write,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let len = prop_oneof![4 => 0usize..9, 1 => Just(SHARE_MIN_BYTES)];
    let step = prop_oneof![
        12 => (1u32..4, len).prop_map(|(alias, len)| Step::Offer(alias, len)),
        2 => (1u32..4).prop_map(Step::End),
        1 => Just(Step::Write),
    ];
    proptest::collection::vec(step, 0..80)
}

proptest! {
    /// Against a list of words from which the first that may be lost is removed.
    #[test]
    fn only_the_oldest_that_may_be_lost_give_way_and_order_stays(steps in steps()) {
        const LIMIT: usize = 4;
        let mut outbox = outbox(LIMIT);
        let policies = [unlimited(&mut outbox), oldest(), SinkPolicy::default()];
        let mut model: Vec<String> = Vec::new();
        for (sequence, step) in (0u64..).zip(steps) {
            let messages = |model: &[String]| model.iter().filter(|word| word.contains('#')).count();
            match step {
                Step::Offer(alias, len) => {
                    let policy = &policies[alias as usize - 1];
                    offer(&mut outbox, policy, alias, sequence, len);
                    let may_be_lost = |word: &String| word.contains('#') && !word.starts_with("1#");
                    while alias == 2 && messages(&model) >= LIMIT
                        && let Some(first) = model.iter().position(may_be_lost)
                    {
                        model.remove(first);
                    }
                    if alias == 2 || messages(&model) < LIMIT {
                        model.push(format!("{alias}#{sequence}"));
                    }
                }
                Step::End(alias) => {
                    outbox.control(&tail(alias, sequence, true));
                    model.push(format!("{alias}>{sequence}."));
                }
                Step::Write => {
                    let bytes = write(&mut outbox, 1);
                    let written = without_announcements(words(&bytes));
                    prop_assert_eq!(&written[..], &model[..written.len()]);
                    model.drain(..written.len());
                }
            }
            prop_assert_eq!(outbox.messages(), messages(&model));
        }
        prop_assert_eq!(without_announcements(drain(&mut outbox)), model);
        prop_assert_eq!((outbox.messages, outbox.bytes), (0, 0));
    }
}

/// Without what tells losses, which comes when there is room.
fn without_announcements(mut words: Vec<String>) -> Vec<String> {
    words.retain(|word| word.contains('#') || word.ends_with('.'));
    words
}

#[test]
fn answers_count_until_they_are_written_or_leave_with_their_segment() {
    let mut outbox = outbox(1);
    outbox.control(&Frame::SyncAck { id: 1 }.to_vec());
    outbox.answer(b"\x00\x04pong");
    outbox.framed(b"\x00\x00");
    assert_eq!(outbox.unread_answers(), 2 + 6);
    write(&mut outbox, usize::MAX);
    assert_eq!(outbox.unread_answers(), 0);
    let mut long = Vec::new();
    zmtp::put_frame(&mut long, false, &Frame::SyncAck { id: 2 }.to_vec());
    outbox.answer(&long);
    assert_eq!(offer(&mut outbox, &oldest(), 1, 0, 1), Offer::Queued);
    assert_eq!(offer(&mut outbox, &oldest(), 1, 1, 1), Offer::Dropped);
    drain(&mut outbox);
    assert_eq!(outbox.unread_answers(), 0);
}

fn gossip(byte: u8) -> Vec<u8> {
    let gossip = crate::frame::Gossip {
        destination: crate::identity::NodeId([byte; 16]),
        hops: 0,
        packet: &[byte; 4],
    };
    Frame::Gossip(gossip).to_vec()
}

/// The kinds of the frames that bytes consist of; all are short.
fn kinds(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let [_flags, length, rest @ ..] = bytes {
        kinds.push(rest[0]);
        bytes = &rest[usize::from(*length)..];
    }
    kinds
}

#[test]
fn gossip_overtakes_messages_once_the_link_is_in_use() {
    let mut outbox = outbox(10);
    let topics = crate::frame::topics_frames(1, true, []);
    outbox.control(&Frame::Use.to_vec());
    outbox.control(&topics[0]);
    outbox.control(&gossip(1));
    let written = write(&mut outbox, usize::MAX);
    assert_eq!(kinds(&written), [kind::USE, kind::TOPICS, kind::GOSSIP]);
    assert_eq!(outbox.unread_answers(), 0);
    offer(&mut outbox, &SinkPolicy::default(), 1, 0, 5);
    outbox.control(&gossip(2));
    let written = write(&mut outbox, usize::MAX);
    assert_eq!(kinds(&written), [kind::GOSSIP, kind::DATA]);
}

#[test]
fn gossip_that_nobody_reads_does_not_grow() {
    let mut outbox = outbox(10);
    outbox.control(&crate::frame::topics_frames(1, true, [])[0]);
    write(&mut outbox, usize::MAX);
    for _ in 0..MAX_WAITING_GOSSIP_BYTES {
        outbox.control(&gossip(1));
    }
    let waiting = write(&mut outbox, usize::MAX).len();
    assert!(waiting <= MAX_WAITING_GOSSIP_BYTES + 100, "{waiting}");
}

/// Who came back after the owner's last message was told of what publishers elsewhere had lost since with the next one.
#[test]
fn a_loss_behind_the_last_message_kept_was_not_told_to_who_resumed() {
    let mut history = History::new(10, 0);
    for sequence in 3..6 {
        history.keep(sequence, &Payload::copy_from(b"x"));
    }
    let stream = |next_sequence| Alias {
        alias: 1,
        upstream: false,
        passage: None,
        resumed: false,
        since: 0,
        next_sequence,
        incarnation: Incarnation(1),
        publisher: NodeId([1; 16]),
        topic: "t",
    };
    let announced = |stands_at, heard, history| {
        let mut outbox = outbox(0);
        let resume = Resume {
            incarnation: Incarnation(1),
            next_sequence: heard,
        };
        let policy = SinkPolicy::default();
        outbox.announce(stream(stands_at), &policy, history, Some(resume));
        drain(&mut outbox)
    };
    let kept = Some(&history);
    assert_eq!(announced(9, 4, kept), ["1=4", "1#4", "1#5", "1>9"]);
    assert_eq!(announced(6, 4, kept), ["1=4", "1#4", "1#5"]);
    assert_eq!(announced(9, 7, kept), ["1=9"]);
    assert_eq!(announced(9, 4, None), ["1=9"]);
}

proptest! {
    /// What is offered plainly is queued as any other message, or nothing has happened.
    #[test]
    fn a_plain_offer_is_as_any_other_that_finds_room(
        steps in proptest::collection::vec((0..300_usize, 0..3_u8), 1..60),
        limit in 1..20_usize,
        first in prop_oneof![0..200_u64, any::<u64>()],
        alias in prop_oneof![0..200_u32, any::<u32>()],
        gates in 0..3_u64,
        drop_oldest: bool,
    ) {
        let mut queues = [outbox(limit), outbox(limit)];
        let classes: Vec<Class> = (0..gates).map(|n| Class::new(Overflow::Block, n)).collect();
        let policies = queues.each_mut().map(|queue| SinkPolicy {
            gates: classes.iter().map(|class| queue.gate(*class)).collect(),
            drop_oldest,
            ..SinkPolicy::default()
        });
        let [any, plain] = &mut queues;
        let mut next = NextHeader::new(alias, first.min(u64::MAX - 100));
        for (len, then) in steps {
            let (alias, sequence) = next.stream();
            let data = vec![7; len];
            let room = any.has_room(&policies[0], len);
            let is_short = next.bytes().is_some_and(|(_, header)| header + len <= 255);
            prop_assert_eq!(plain.offer_plainly(&policies[1], &next, &data), room && is_short);
            if room {
                prop_assert_eq!(offer(any, &policies[0], alias, sequence, len), Offer::Queued);
                if !is_short {
                    offer(plain, &policies[1], alias, sequence, len);
                }
                next.advance();
            }
            if then == 0 {
                classes.iter().for_each(|class| any.credit(*class, 3, 500));
                classes.iter().for_each(|class| plain.credit(*class, 3, 500));
            }
            if then == 1 {
                prop_assert_eq!(write(any, 1), write(plain, 1));
            }
            prop_assert_eq!((any.messages(), any.bytes()), (plain.messages(), plain.bytes()));
            prop_assert_eq!(any.has_room(&policies[0], 0), plain.has_room(&policies[1], 0));
        }
        prop_assert_eq!(drain(any), drain(plain));
    }
}
