//! Topics published in turn over one link, each subscribed to by its name.

use bench_child::Contender::{Baseline, C, CResolved, Rust, Zmq};
use bench_child::{Role, Spec};

use super::{cases, traffic};
use crate::measure::Group;
use crate::settings::Settings;

const SIZE: usize = 64;
/// Topics of one publisher.
pub const TOPICS: [usize; 3] = [1, 10_000, 100_000];

/// One group, as the numbers of topics are compared with each other.
pub fn groups(settings: &Settings) -> Vec<Group> {
    let most = settings.full_or_quick(100_000, 10_000);
    let counts = TOPICS.into_iter().filter(|count| *count <= most);
    let of = |topics: usize| {
        let contenders = [C, Baseline, CResolved, Rust, Zmq];
        cases(
            &format!("topics-{topics}"),
            &contenders,
            move |settings, contender| {
                let mut spec = Spec::new(Role::Publish, contender, SIZE);
                spec.topics = topics;
                traffic::run(settings, &spec)
            },
        )
    };
    vec![Group {
        name: "topics",
        cases: counts.flat_map(of).collect(),
    }]
}
