//! One publisher, one subscriber, over TCP.

use bench_child::Contender::{Baseline, C, CResolved, Nats, Rust, Tcp64, Tcp256, Zenoh, Zmq};
use bench_child::{Role, Spec};

use super::{cases, traffic};
use crate::measure::Group;

/// Bytes of payload.
pub const SIZES: [usize; 6] = [8, 64, 1 << 10, 8 << 10, 64 << 10, 1 << 20];

pub fn groups() -> Vec<Group> {
    let contenders = [
        C, Baseline, CResolved, Rust, Zmq, Tcp64, Tcp256, Zenoh, Nats,
    ];
    let group = |size: &usize| {
        let size = *size;
        Group {
            name: "remote",
            cases: cases(
                &format!("remote-{size}"),
                &contenders,
                move |settings, contender| {
                    traffic::run(settings, &Spec::new(Role::Publish, contender, size))
                },
            ),
        }
    };
    SIZES.iter().map(group).collect()
}
