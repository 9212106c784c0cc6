use super::*;

const OLD: LinkId = LinkId(1);
const NEW: LinkId = LinkId(2);
const LIFE: Incarnation = Incarnation(7);

fn stream(next: u64) -> Spliced {
    Spliced::new(OLD, NodeId([1; 16]), LIFE, next)
}

fn hear(stream: &mut Spliced, link: LinkId, sequence: u64) -> Judged {
    stream.receive(link, sequence, &Payload::copy_from(b"x"))
}

/// Numbers released, and how many are missing before each.
fn released(stream: &mut Spliced) -> Vec<(Option<u64>, u64)> {
    let released = std::iter::from_fn(|| stream.release());
    released
        .map(|released| {
            let number = released.message.map(|(number, _)| number);
            (number, released.missed.counted())
        })
        .collect()
}

#[test]
fn a_new_way_waits_for_the_last_messages_of_the_old_one() {
    let mut stream = stream(5);
    assert_eq!(stream.announced(NEW, LIFE, 7), Missed::NONE);
    assert_eq!(hear(&mut stream, NEW, 7), Judged::Wait);
    assert_eq!(released(&mut stream), []);
    assert_eq!(hear(&mut stream, OLD, 5), Judged::Deliver(Missed::NONE));
    assert_eq!(released(&mut stream), []);
    assert_eq!(hear(&mut stream, OLD, 6), Judged::Deliver(Missed::NONE));
    assert_eq!(released(&mut stream), [(Some(7), 0)]);
    assert_eq!(hear(&mut stream, OLD, 7), Judged::Discard);
    assert!(stream.is_carried_by(NEW));
    assert_eq!(hear(&mut stream, NEW, 8), Judged::Deliver(Missed::NONE));
    assert_eq!(stream.tail(OLD, 8, Last::Withdrawn), Missed::NONE);
    assert!(stream.is_live());
}

#[test]
fn an_old_way_that_ends_early_leaves_a_gap_of_the_right_size() {
    let mut first = stream(5);
    first.announced(NEW, LIFE, 8);
    assert_eq!(hear(&mut first, NEW, 8), Judged::Wait);
    first.cut(OLD, Standing::Open);
    assert_eq!(released(&mut first), [(Some(8), 3)]);
    let mut second = stream(5);
    second.announced(NEW, LIFE, 8);
    assert_eq!(second.tail(OLD, 6, Last::Withdrawn), Missed::exactly(1));
    assert_eq!(released(&mut second), [(None, 2)]);
    assert_eq!(second.link(), Some(NEW));
    assert!(second.is_live());
}

#[test]
fn a_way_that_is_behind_repeats_nothing() {
    let mut stream = stream(5);
    assert_eq!(stream.announced(NEW, LIFE, 3), Missed::NONE);
    assert_eq!(hear(&mut stream, NEW, 4), Judged::Discard);
    assert_eq!(hear(&mut stream, NEW, 5), Judged::Deliver(Missed::NONE));
    assert_eq!(hear(&mut stream, OLD, 6), Judged::Wait);
    assert_eq!(
        released(&mut stream),
        [(Some(6), 0)],
        "either may bring the next"
    );
    let mut after_a_cut = self::stream(5);
    after_a_cut.cut(OLD, Standing::Open);
    assert_eq!(after_a_cut.announced(NEW, LIFE, 3), Missed::NONE);
    assert_eq!(
        hear(&mut after_a_cut, NEW, 5),
        Judged::Deliver(Missed::NONE)
    );
}

#[test]
fn a_new_way_that_is_cut_leaves_the_old_one_in_use() {
    let mut stream = stream(5);
    stream.announced(NEW, LIFE, 8);
    hear(&mut stream, NEW, 8);
    stream.cut(NEW, Standing::Open);
    assert_eq!(released(&mut stream), []);
    assert_eq!(hear(&mut stream, OLD, 5), Judged::Deliver(Missed::NONE));
}

#[test]
fn a_way_that_was_left_for_another_goes_on_when_that_is_cut() {
    let mut stream = stream(5);
    stream.announced(NEW, LIFE, 5);
    assert_eq!(hear(&mut stream, NEW, 5), Judged::Deliver(Missed::NONE));
    assert_eq!(hear(&mut stream, OLD, 5), Judged::Discard);
    stream.announced(NEW, LIFE, 6);
    stream.cut(NEW, Standing::Open);
    assert_eq!(released(&mut stream), []);
    assert!(stream.is_live());
    assert_eq!(hear(&mut stream, OLD, 6), Judged::Deliver(Missed::NONE));
}

#[test]
fn what_waits_is_bounded() {
    let mut stream = stream(0);
    stream.announced(NEW, LIFE, 10);
    for sequence in 0..MAX_SPLICE_MESSAGES as u64 {
        assert_eq!(released(&mut stream), []);
        assert_eq!(hear(&mut stream, NEW, 10 + sequence), Judged::Wait);
    }
    let all = released(&mut stream);
    assert_eq!(all.len(), MAX_SPLICE_MESSAGES);
    assert_eq!(all[0], (Some(10), 10));
}

#[test]
fn another_life_of_the_publisher_does_not_wait() {
    let mut stream = stream(5);
    let missed = stream.announced(NEW, Incarnation(8), 9);
    assert_eq!(missed, Missed::at_least(9));
    assert_eq!(hear(&mut stream, OLD, 5), Judged::Discard);
    assert_eq!(hear(&mut stream, NEW, 9), Judged::Deliver(Missed::NONE));
    assert_eq!(stream.announced(OLD, LIFE, 6), Missed::NONE);
    assert_eq!(
        hear(&mut stream, OLD, 10),
        Judged::Discard,
        "that life is over"
    );
    assert_eq!(hear(&mut stream, NEW, 10), Judged::Deliver(Missed::NONE));
}

#[test]
fn a_stream_that_ended_and_goes_on_repeats_nothing_and_leaves_a_gap_of_the_right_size() {
    let mut stream = stream(5);
    assert_eq!(stream.tail(OLD, 5, Last::Ended), Missed::NONE);
    assert!(!stream.is_live());
    assert_eq!(stream.announced(NEW, LIFE, 9), Missed::exactly(4));
    assert_eq!(hear(&mut stream, NEW, 9), Judged::Deliver(Missed::NONE));
    stream.tail(NEW, 10, Last::Ended);
    assert_eq!(stream.announced(OLD, LIFE, 6), Missed::NONE);
    assert_eq!(
        hear(&mut stream, OLD, 9),
        Judged::Discard,
        "that one was heard"
    );
    assert_eq!(hear(&mut stream, OLD, 10), Judged::Deliver(Missed::NONE));
}

#[test]
fn what_a_publisher_that_left_published_in_its_next_life_is_missing_unless_nobody_listened() {
    let next_life = Incarnation(8);
    let mut left = stream(5);
    left.cut(OLD, Standing::Ended);
    assert_eq!(left.announced(NEW, next_life, 3), Missed::exactly(3));
    let mut unheard = stream(5);
    unheard.stand(Standing::Unheard);
    unheard.cut(OLD, Standing::Ended);
    assert_eq!(unheard.announced(NEW, next_life, 3), Missed::NONE);
}

#[test]
fn a_loss_that_nobody_can_count_is_told_by_whichever_way_it_comes() {
    let mut followed = stream(5);
    assert_eq!(followed.tail(OLD, 7, Last::Lost), Missed::at_least(1));
    assert!(followed.is_live());
    assert_eq!(hear(&mut followed, OLD, 7), Judged::Deliver(Missed::NONE));
    let mut beside = stream(5);
    beside.announced(NEW, LIFE, 6);
    assert_eq!(beside.tail(NEW, 7, Last::Lost), Missed::NONE);
    assert_eq!(hear(&mut beside, NEW, 7), Judged::Wait);
    assert_eq!(hear(&mut beside, OLD, 5), Judged::Deliver(Missed::NONE));
    let last = beside.release().expect("it is its turn");
    assert_eq!(last.missed, Missed::UNKNOWN);
    assert_eq!(last.message.expect("behind it").0, 7);
}

#[test]
fn a_run_is_taken_if_its_messages_are_plainly_the_next() {
    let mut stream = stream(5);
    assert!(stream.receive_run(OLD, 5, 3));
    assert!(!stream.receive_run(OLD, 9, 2), "8 is missing");
    assert!(!stream.receive_run(OLD, 7, 2), "7 was heard");
    assert!(!stream.receive_run(NEW, 8, 1), "the link is not followed");
    assert!(stream.receive_run(OLD, 8, 3));
    stream.announced(NEW, LIFE, 20);
    assert!(!stream.receive_run(OLD, 11, 2), "there are two ways");
    assert_eq!(hear(&mut stream, OLD, 11), Judged::Deliver(Missed::NONE));
}

#[test]
fn a_run_does_not_overflow() {
    let mut stream = stream(u64::MAX - 1);
    assert!(!stream.receive_run(OLD, u64::MAX - 1, 2));
    assert!(stream.receive_run(OLD, u64::MAX - 1, 1));
    assert_eq!(
        hear(&mut stream, OLD, u64::MAX),
        Judged::Deliver(Missed::NONE)
    );
}

/// Nothing more came to show it.
#[test]
fn a_loss_told_on_a_way_that_was_not_followed_yet_was_forgotten() {
    let mut stream = stream(5);
    stream.announced(NEW, LIFE, 8);
    assert_eq!(hear(&mut stream, NEW, 8), Judged::Wait);
    assert_eq!(stream.tail(NEW, 10, Last::No), Missed::NONE);
    assert_eq!(stream.tail(NEW, 11, Last::No), Missed::NONE);
    assert_eq!(released(&mut stream), []);
    stream.cut(OLD, Standing::Open);
    assert_eq!(released(&mut stream), [(Some(8), 3), (None, 2)]);
    assert_eq!(stream.stream().next(), 11);
}

#[test]
fn what_was_told_on_another_way_is_no_loss_where_it_came_by_the_one_that_is_followed() {
    let mut stream = stream(5);
    stream.announced(NEW, LIFE, 7);
    assert_eq!(stream.tail(NEW, 7, Last::No), Missed::NONE);
    assert_eq!(hear(&mut stream, OLD, 5), Judged::Deliver(Missed::NONE));
    assert_eq!(hear(&mut stream, OLD, 6), Judged::Deliver(Missed::NONE));
    assert_eq!(released(&mut stream), []);
    assert_eq!(hear(&mut stream, NEW, 7), Judged::Deliver(Missed::NONE));
}
