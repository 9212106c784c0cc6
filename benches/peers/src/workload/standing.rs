//! Many subscriptions of one subscriber, and many idle subscribers: how long until they are in effect, and what they
//! take at both ends. Each is used once, so that none is lost.

use bench_child::Contender::{self, Baseline, C, Rust, Zmq};
use bench_child::{Role, Spec};

use super::cases;
use crate::measure::{Group, Sample};
use crate::process::Process;
use crate::settings::Settings;

const SIZE: usize = 64;
/// Nodes of one process, each of which comes to know all others.
const IDLE_PEERS: usize = 200;

pub fn groups(settings: &Settings) -> Vec<Group> {
    let topics = settings.full_or_quick(100_000, 10_000);
    let many = move |settings: &Settings, contender| {
        let mut spec = Spec::new(Role::Host, contender, SIZE);
        spec.topics = topics;
        run(settings, &spec)
    };
    let peers = |settings: &Settings, contender| {
        let mut spec = Spec::new(Role::Host, contender, SIZE);
        spec.subscribers = IDLE_PEERS;
        run(settings, &spec)
    };
    vec![
        Group {
            name: "subscriptions",
            cases: cases(
                &format!("subscriptions-{topics}"),
                &[C, Baseline, Rust, Zmq],
                many,
            ),
        },
        Group {
            name: "idle-peers",
            cases: cases("idle-peers", &[C, Baseline, Zmq], peers),
        },
    ]
}

fn run(settings: &Settings, spec: &Spec) -> Result<Sample, String> {
    let mut host = Process::start(settings, spec)?;
    let mut holding = spec.clone();
    holding.role = Role::Hold;
    holding.endpoints = vec![host.hear("endpoint")?];
    let mut hold = Process::start(settings, &holding)?;
    hold.hear("connected")?;
    host.tell("connected")?;
    host.hear("ready")?;
    hold.tell("go")?;
    hold.hear("subscribed")?;
    let at_host = host.report()?;
    hold.tell("settled")?;
    let at_hold = hold.report()?;
    hold.tell("receive")?;
    host.tell("publish")?;
    hold.hear("received")?;
    host.tell("exit")?;
    hold.tell("exit")?;

    let each = (spec.topics * spec.subscribers) as f64;
    // What a connection takes belongs to those who hold many of them.
    let taken = |figures: &crate::process::Figures| match spec.subscribers {
        1 => figures["subscription_bytes"],
        _ => figures["connection_bytes"] + figures["subscription_bytes"],
    };
    let time_ms = (at_host["effective_ns"] - at_hold["started_ns"]) / 1e6;
    let mut sample = vec![
        (String::from("time_ms"), time_ms),
        (String::from("publisher_bytes_each"), taken(&at_host) / each),
        (
            String::from("subscriber_bytes_each"),
            taken(&at_hold) / each,
        ),
    ];
    let has_topics = spec.topics > 1 && spec.contender != Contender::Zmq;
    if has_topics {
        let each = at_host["topic_bytes"] / spec.topics as f64;
        sample.push((String::from("topic_bytes_each"), each));
    }
    Ok(sample)
}
