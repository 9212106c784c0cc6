//! The seeds that the ordinary tests replay.

use std::{fs, path::Path};

/// Runs a check on each seed of a fuzz target.
pub fn replay(target: &str, check: fn(&[u8])) {
    seeds(target).iter().for_each(|seed| check(seed));
}

/// The seeds of a fuzz target, in the order of their names; there are some.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let listed = fs::read_dir(corpus.join(target)).expect("the corpus is part of the repository");
    let paths = listed.map(|seed| seed.expect("the corpus can be listed").path());
    let mut paths: Vec<_> = paths.collect();
    paths.sort();
    assert!(!paths.is_empty(), "the corpus of {target} is empty");
    let read = |path| fs::read(path).expect("seeds can be read");
    paths.iter().map(read).collect()
}
