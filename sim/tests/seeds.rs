//! Some hundred worlds, and that each is the same every time.

#[test]
fn worlds_of_many_seeds_heal_and_lose_nothing_silently() {
    for seed in 0..150 {
        if let Err(fault) = sim::run(seed, false) {
            panic!("seed {seed} fails: {fault}\nreplay it: cargo run -p sim -- --seed {seed}");
        }
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in 0..5 {
        assert_eq!(sim::run(seed, false), sim::run(seed, false));
    }
}

#[test]
fn a_one_way_partition_costs_the_link_and_nobody_his_view() {
    for seed in 0..10 {
        if let Err(fault) = sim::run_one_way(seed, false) {
            panic!("seed {seed} fails: {fault}");
        }
    }
}
