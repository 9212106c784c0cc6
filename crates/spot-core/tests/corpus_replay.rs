//! Replays the fuzz corpora through the code the fuzz targets run.

use std::{fs, path::Path};

use proptest::collection::vec;
use proptest::prelude::*;

#[path = "../../../fuzz/src/spot.rs"]
#[expect(unreachable_pub, reason = "public for the fuzz targets")]
mod checks;

fn replay(target: &str, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let seeds = fs::read_dir(corpus.join(target)).expect("the corpus is part of the repository");
    let mut replayed = 0;
    for seed in seeds {
        let path = seed.expect("the corpus can be listed").path();
        check(&fs::read(&path).expect("seeds can be read"));
        replayed += 1;
    }
    assert!(replayed > 0, "the corpus of {target} is empty");
}

#[test]
fn frame() {
    replay("spot_frame", checks::check_frame);
}

#[test]
fn node() {
    replay("spot_node", checks::check_node);
}

#[test]
fn members() {
    replay("spot_members", checks::check_members);
}

#[test]
fn texts() {
    replay("spot_texts", checks::check_texts);
}

/// Seeds one after the other, with some bytes changed.
fn disturbed_members() -> impl Strategy<Value = Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/spot_members");
    let paths = fs::read_dir(corpus).expect("the corpus is part of the repository");
    let mut paths: Vec<_> = paths.map(|seed| seed.expect("listed").path()).collect();
    paths.sort();
    let seeds: Vec<Vec<u8>> = paths
        .iter()
        .map(|path| fs::read(path).expect("seeds can be read"))
        .collect();
    let chosen = vec(prop::sample::select(seeds), 1..6);
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    (chosen, changes).prop_map(|(seeds, changes)| {
        let mut bytes = seeds.concat();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes
    })
}

proptest! {
    #[test]
    fn members_disturbed(data in disturbed_members()) {
        checks::check_members(&data);
    }
}
