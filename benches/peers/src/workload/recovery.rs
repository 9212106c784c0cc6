//! A publisher is killed and starts again at the same port: how long from then until its subscriber hears it.

use bench_child::Contender::{self, Baseline, C, Zmq};
use bench_child::{Role, Spec};

use super::cases;
use crate::measure::{Group, Sample};
use crate::process::Process;
use crate::settings::Settings;

const SIZE: usize = 64;

pub fn groups() -> Vec<Group> {
    vec![Group {
        name: "recovery",
        cases: cases("recovery", &[C, Baseline, Zmq], run),
    }]
}

fn run(settings: &Settings, contender: Contender) -> Result<Sample, String> {
    let mut beating = Spec::new(Role::Beat, contender, SIZE);
    let mut publisher = Process::start(settings, &beating)?;
    let endpoint = publisher.hear("endpoint")?;
    let mut outliving = Spec::new(Role::Outlive, contender, SIZE);
    outliving.endpoints = vec![endpoint.clone()];
    let mut subscriber = Process::start(settings, &outliving)?;
    subscriber.hear("heard")?;
    publisher.kill();

    beating.bind = endpoint;
    let mut publisher = Process::start(settings, &beating)?;
    publisher.hear("endpoint")?;
    let started_ns = publisher.report()?["started_ns"];
    let heard_ns = subscriber.report()?["heard_ns"];
    publisher.tell("end")?;
    subscriber.tell("exit")?;
    Ok(vec![(
        String::from("time_ms"),
        (heard_ns - started_ns) / 1e6,
    )])
}
