//! The default policy, which drops and counts, beside blocking. Deliveries are counted; what was sent is what was
//! received and what was told to be missing, exactly.

use bench_child::Contender::{Baseline, C, Rust};
use bench_child::{Overflow, Role, Spec};

use super::{cases, traffic};
use crate::measure::Group;

const SIZE: usize = 64;

pub fn groups() -> Vec<Group> {
    let of = |(workload, overflow)| {
        cases(
            workload,
            &[C, Baseline, Rust],
            move |settings, contender| {
                let mut spec = Spec::new(Role::Publish, contender, SIZE);
                spec.overflow = overflow;
                traffic::run(settings, &spec)
            },
        )
    };
    let policies = [
        ("overflow-block", Overflow::Block),
        ("overflow-drop-newest", Overflow::DropNewest),
    ];
    vec![Group {
        name: "overflow",
        cases: policies.into_iter().flat_map(of).collect(),
    }]
}
