//! One publisher and many subscribers, many publishers and one subscriber, over TCP. Deliveries are counted.

use bench_child::Contender::{Baseline, C, Rust, Tcp64, Zmq};
use bench_child::{Role, Spec};

use super::{cases, traffic};
use crate::measure::Group;
use crate::settings::Settings;

const SIZE: usize = 64;
/// Subscribers, each a process.
pub const SUBSCRIBERS: [usize; 4] = [1, 8, 32, 128];
const PUBLISHERS: usize = 8;

pub fn groups(settings: &Settings) -> Vec<Group> {
    let most = settings.full_or_quick(128, 8);
    let counts = SUBSCRIBERS.into_iter().filter(|count| *count <= most);
    let mut groups: Vec<Group> = counts.map(out).collect();
    groups.push(Group {
        name: "fan-in",
        cases: cases(
            "fan-in-8",
            &[C, Baseline, Rust, Zmq],
            |settings, contender| {
                let mut spec = Spec::new(Role::Publish, contender, SIZE);
                spec.publishers = PUBLISHERS;
                traffic::run(settings, &spec)
            },
        ),
    });
    groups
}

fn out(subscribers: usize) -> Group {
    let contenders = [C, Baseline, Rust, Zmq, Tcp64];
    Group {
        name: "fan-out",
        cases: cases(
            &format!("fan-out-{subscribers}"),
            &contenders,
            move |settings, contender| {
                let mut spec = Spec::new(Role::Publish, contender, SIZE);
                spec.subscribers = subscribers;
                traffic::run(settings, &spec)
            },
        ),
    }
}
