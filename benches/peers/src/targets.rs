//! What is wanted, and whether it is reached.

use bench_child::Contender::{self, C, CResolved, Futex, Tcp64, Tcp256, Zenoh, Zmq};

use crate::measure::{Figure, Results, Spread};

/// How the ratio of two figures is to be.
#[derive(Debug, Clone, Copy)]
pub enum Wanted {
    AtLeast(f64),
    AtMost(f64),
}

pub struct Target {
    pub what: &'static str,
    pub figure: Figure<'static>,
    pub against: Figure<'static>,
    pub wanted: Wanted,
}

pub struct Judged {
    pub target: Target,
    pub ratio: Option<Spread>,
}

impl Judged {
    /// `None` where it was not measured.
    pub fn is_reached(&self) -> Option<bool> {
        let median = self.ratio?.median;
        Some(match self.target.wanted {
            Wanted::AtLeast(bound) => median >= bound,
            Wanted::AtMost(bound) => median <= bound,
        })
    }
}

pub fn judge(results: &Results) -> Vec<Judged> {
    let judged = |target: Target| Judged {
        ratio: results.ratio(target.figure, target.against),
        target,
    };
    targets().into_iter().map(judged).collect()
}

fn targets() -> Vec<Target> {
    use Wanted::{AtLeast, AtMost};
    const RATE: &str = "rate_per_s";
    // Of one workload and metric: ours against another.
    let rate = |what, workload, against, at_least| {
        target(what, C, against, workload, RATE, AtLeast(at_least))
    };
    let most = |what, ours, against, workload, metric, at_most| {
        target(what, ours, against, workload, metric, AtMost(at_most))
    };
    let subscriptions = "subscriptions-100000";
    let mut targets = vec![
        rate("remote, 8 B", "remote-8", Zmq, 3.0),
        rate("remote, 64 B", "remote-64", Zmq, 3.0),
        rate("remote, 1 KiB", "remote-1024", Zmq, 2.5),
        rate("remote, 8 KiB", "remote-8192", Zmq, 2.0),
        rate("remote, 64 KiB", "remote-65536", Tcp256, 0.65),
        rate("remote, 1 MiB", "remote-1048576", Tcp256, 0.65),
        most(
            "remote round trip, p50",
            C,
            Zmq,
            "round-trip-remote",
            "p50_ns",
            0.5,
        ),
        most(
            "remote round trip, p99",
            C,
            Tcp64,
            "round-trip-remote",
            "p99_ns",
            1.5,
        ),
        rate("local, two threads", "local-threads", Zmq, 5.0),
        most(
            "local, one thread, by name",
            C,
            Zmq,
            "local-same-thread",
            "each_ns",
            0.2,
        ),
        most(
            "local, one thread, resolved",
            CResolved,
            Zmq,
            "local-same-thread",
            "each_ns",
            0.13,
        ),
        most(
            "local round trip, p50",
            C,
            Zmq,
            "round-trip-local",
            "p50_ns",
            0.25,
        ),
        most(
            "local round trip, p50",
            C,
            Futex,
            "round-trip-local",
            "p50_ns",
            1.0,
        ),
        rate("fan-out to 32", "fan-out-32", Zmq, 3.0),
        rate("10,000 topics", "topics-10000", Zmq, 3.0),
        most(
            "100,000 subscriptions, time",
            C,
            Zmq,
            subscriptions,
            "time_ms",
            0.5,
        ),
        most(
            "100,000 subscriptions, bytes at the publisher",
            C,
            Zmq,
            subscriptions,
            "publisher_bytes_each",
            0.5,
        ),
        most(
            "100,000 subscriptions, bytes at the subscriber",
            C,
            Zmq,
            subscriptions,
            "subscriber_bytes_each",
            0.5,
        ),
        most(
            "memory of an idle peer at the publisher",
            C,
            Zmq,
            "idle-peers",
            "publisher_bytes_each",
            0.6,
        ),
        rate("remote, 64 B, against zenoh", "remote-64", Zenoh, 2.5),
        rate("remote, 1 KiB, against zenoh", "remote-1024", Zenoh, 2.0),
    ];
    // Of two workloads of one contender.
    let both = |what, workload, against, at_least| Target {
        what,
        figure: figure(workload, C, RATE),
        against: figure(against, C, RATE),
        wanted: AtLeast(at_least),
    };
    targets.extend([
        both("10,000 topics against one", "topics-10000", "topics-1", 0.7),
        both(
            "through a hub against directly",
            "relay-hub",
            "relay-direct",
            0.5,
        ),
        both(
            "dropping against blocking",
            "overflow-drop-newest",
            "overflow-block",
            1.0,
        ),
    ]);
    targets
}

fn target(
    what: &'static str,
    ours: Contender,
    against: Contender,
    workload: &'static str,
    metric: &'static str,
    wanted: Wanted,
) -> Target {
    Target {
        what,
        figure: figure(workload, ours, metric),
        against: figure(workload, against, metric),
        wanted,
    }
}

fn figure(workload: &'static str, contender: Contender, metric: &'static str) -> Figure<'static> {
    Figure {
        workload,
        contender,
        metric,
    }
}
