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
fn the_same_seed_is_the_same_world() {
    for seed in 0..16 {
        assert_eq!(sim::run(seed, false), sim::run(seed, false));
    }
}
