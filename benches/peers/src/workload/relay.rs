//! By way of one hub, and directly. The hub of libzmq is its proxy.

use bench_child::Contender::{Baseline, C, Rust, Zmq};
use bench_child::{Role, Spec};

use super::{cases, traffic};
use crate::measure::Group;

const SIZE: usize = 64;

pub fn groups() -> Vec<Group> {
    let of = |(workload, relayed)| {
        cases(
            workload,
            &[C, Baseline, Rust, Zmq],
            move |settings, contender| {
                let mut spec = Spec::new(Role::Publish, contender, SIZE);
                spec.relayed = relayed;
                traffic::run(settings, &spec)
            },
        )
    };
    vec![Group {
        name: "relay",
        cases: [("relay-direct", false), ("relay-hub", true)]
            .into_iter()
            .flat_map(of)
            .collect(),
    }]
}
