//! What it costs to have many subscriptions that nothing is published for: by name, and by pattern (with libzmq both
//! are prefixes).

use bench_child::Contender::{Baseline, C, Zmq};
use bench_child::{Filters, Role, Spec};

use super::{cases, traffic};
use crate::measure::Group;
use crate::settings::Settings;

const SIZE: usize = 64;

pub fn groups(settings: &Settings) -> Vec<Group> {
    let (names, patterns) = settings.full_or_quick((10_000, 1000), (1000, 100));
    vec![
        group(Filters::Exact, "exact", names),
        group(Filters::Pattern, "pattern", patterns),
    ]
}

fn group(filters: Filters, name: &str, idle: usize) -> Group {
    let of = |idle: usize| {
        let workload = format!("filters-{name}-{}", idle + 1);
        cases(
            &workload,
            &[C, Baseline, Zmq],
            move |settings, contender| {
                let mut spec = Spec::new(Role::Publish, contender, SIZE);
                spec.filters = filters;
                spec.idle_filters = idle;
                traffic::run(settings, &spec)
            },
        )
    };
    Group {
        name: "filters",
        cases: [0, idle].into_iter().flat_map(of).collect(),
    }
}
