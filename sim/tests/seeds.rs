//! A thousand worlds of three minutes, in halves so that two cores have work, and that each is the same every time.

use std::ops::Range;

fn expect_no_violation(seeds: Range<u64>) {
    let report = sim::campaign(seeds, 1);
    println!("{report}");
    assert!(report.violations.is_empty(), "{report}");
    let hours = report.lived_ms / 3_600_000;
    assert!(hours >= report.seeds / 20, "three minutes each");
}

#[test]
fn worlds_heal_and_lose_nothing_silently() {
    expect_no_violation(0..500);
}

#[test]
fn further_worlds_heal_and_lose_nothing_silently() {
    expect_no_violation(500..1000);
}

#[test]
fn with_history_broken_connections_lose_nothing_and_late_subscribers_miss_nothing() {
    for seed in 0..100 {
        if let Err(fault) = sim::run_calm(seed, false) {
            panic!("seed {seed} fails: {fault}\nreplay it: cargo run -p sim -- --calm {seed}");
        }
    }
}

#[test]
fn whoever_subscribes_as_a_stream_changes_its_way_gets_nothing_twice_and_misses_nothing_in_silence()
{
    for seed in 0..1000 {
        if let Err(fault) = sim::run_moving(seed, false) {
            panic!("seed {seed} fails: {fault}\nreplay it: cargo run -p sim -- --moving {seed}");
        }
    }
}

#[test]
fn what_is_published_to_an_owner_that_leaves_is_delivered_or_counted() {
    for seed in 0..200 {
        if let Err(fault) = sim::run_leaving(seed, None, false) {
            panic!("seed {seed} fails: {fault}\nreplay it: cargo run -p sim -- --leaving {seed}");
        }
    }
}

#[test]
fn what_a_publisher_takes_along_that_dies_for_good_is_told_in_the_end() {
    for seed in 0..200 {
        if let Err(fault) = sim::run_dying(seed, false) {
            panic!("seed {seed} fails: {fault}\nreplay it: cargo run -p sim -- --dying {seed}");
        }
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in 0..16 {
        assert_eq!(sim::run(seed, false), sim::run(seed, false));
    }
}

#[test]
fn a_one_way_partition_costs_the_link_and_nobody_his_view() {
    for seed in 0..10 {
        if let Err(fault) = sim::run_one_way(seed) {
            panic!("seed {seed} fails: {fault}");
        }
    }
}
