//! Replays the fuzz corpora through the code the fuzz targets run.

use proptest::collection::vec;
use proptest::prelude::*;

#[path = "../../../fuzz/src/spot.rs"]
#[expect(unreachable_pub, reason = "public for the fuzz targets")]
mod checks;
#[path = "../../../fuzz/src/corpus.rs"]
#[allow(dead_code, unreachable_pub, reason = "every test uses its own part")]
mod corpus;

use corpus::replay;

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
    let seeds = corpus::seeds("spot_members");
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
