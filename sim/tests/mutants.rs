//! Drivers that are broken in one way: the checkers find each within a few seeds, and nothing in the same seeds unbroken.

use sim::Mutation;

/// Seeds that a mutant may live through before it must be found out.
const SEEDS: u64 = 32;

/// Where what is broken matters seldom: a publisher's ways to an owner change, and something is lost or still held by the old one.
const SEEDS_OF_TURNS: u64 = 96;

/// Runs a mutant until the checker that is meant for it finds it out; others may do so before. All that failed must pass
/// unbroken.
fn expect_caught(mutation: Mutation, by: &[&str]) {
    expect_caught_within(SEEDS, mutation, by);
}

fn expect_caught_within(seeds: u64, mutation: Mutation, by: &[&str]) {
    for seed in 0..seeds {
        let Err(fault) = sim::run_mutant(seed, mutation) else {
            continue;
        };
        println!("{mutation:?} is caught by seed {seed}: {fault}");
        assert!(sim::run(seed, false).is_ok(), "seed {seed} fails unbroken");
        let checker = fault.split(':').next().expect("a name");
        if by.contains(&checker) {
            return;
        }
    }
    panic!("{mutation:?} lives through {seeds} seeds as far as {by:?} can tell");
}

#[test]
fn a_skipped_resubscription_is_caught() {
    expect_caught(Mutation::SkipResubscription, &["registry", "progress"]);
}

#[test]
fn a_sequence_that_is_reset_is_caught() {
    expect_caught(Mutation::ResetSequence, &["accounting", "progress"]);
}

#[test]
fn a_lost_change_of_topics_is_repaired() {
    for seed in 0..SEEDS {
        let seen = sim::run_mutant(seed, Mutation::LoseTopicChange);
        assert!(seen.is_ok(), "seed {seed}: {seen:?}");
    }
}

#[test]
fn a_lost_change_of_topics_that_is_not_repaired_is_caught() {
    expect_caught(
        Mutation::LoseTopicChangeAndDigest,
        &["registry", "progress"],
    );
}

#[test]
fn an_accepted_duplicate_is_caught() {
    expect_caught(Mutation::AcceptDuplicates, &["duplicate", "order"]);
}

#[test]
fn hidden_gaps_are_caught() {
    expect_caught(Mutation::HideGaps, &["accounting"]);
}

#[test]
fn a_forgotten_cancellation_is_caught() {
    expect_caught(Mutation::ForgetCancel, &["cancelled"]);
}

#[test]
fn a_queue_without_limit_is_caught() {
    expect_caught(Mutation::IgnoreHwm, &["bounds"]);
}

#[test]
fn withheld_credit_is_caught() {
    expect_caught(Mutation::WithholdCredit, &["progress"]);
}

#[test]
fn a_forgotten_stream_to_an_owner_is_caught() {
    expect_caught(Mutation::ForgetCutUpstreams, &["accounting"]);
}

#[test]
fn a_turn_that_is_forgotten_is_caught() {
    let by = ["order", "duplicate"];
    expect_caught_within(SEEDS_OF_TURNS, Mutation::ForgetTurns, &by);
}

#[test]
fn a_restart_whose_first_messages_are_missed_in_silence_is_caught() {
    expect_caught(Mutation::HideRestarts, &["accounting"]);
}

#[test]
fn the_death_of_a_publisher_elsewhere_that_is_hidden_is_caught() {
    expect_caught(Mutation::HideCrashes, &["accounting"]);
}

#[test]
fn a_route_that_is_ignored_is_caught() {
    expect_caught(Mutation::IgnoreRoute, &["route", "order", "accounting"]);
}

#[test]
fn a_relay_that_forgets_origins_is_caught() {
    expect_caught(Mutation::RelayWithoutOrigin, &["duplicate", "order"]);
}

#[test]
fn a_repeated_message_is_refused_by_honest_receivers() {
    for seed in 0..48 {
        let seen = sim::run_mutant(seed, Mutation::RepeatMessages);
        assert!(seen.is_ok(), "seed {seed}: {seen:?}");
    }
}

#[test]
fn a_hub_that_tells_losses_with_the_next_message_alone_is_caught() {
    expect_caught_within(SEEDS_OF_TURNS, Mutation::AnnounceOnwardLate, &["silence"]);
}

#[test]
fn an_owner_that_leaves_at_once_is_caught() {
    let fault = (0..SEEDS).find_map(|seed| {
        assert!(sim::run_leaving(seed, None, false).is_ok(), "seed {seed}");
        sim::run_leaving(seed, Some(Mutation::LeaveAtOnce), false).err()
    });
    let fault = fault.expect("it is caught");
    assert!(fault.starts_with("accounting:"), "{fault}");
}
