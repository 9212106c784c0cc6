//! Replays the fuzz corpora through the code the fuzz targets run.

use std::{fs, path::Path};

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
