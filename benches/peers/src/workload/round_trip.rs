//! A message of 64 bytes and its answer: between two threads, and between two processes over TCP.

use bench_child::Contender::{self, Baseline, C, Futex, Nats, Ring, Rust, Tcp64, Zenoh, Zmq};
use bench_child::{Role, Spec};

use super::cases;
use super::local::{costs, run_alone};
use crate::measure::{Group, Sample};
use crate::process::{Figures, Process};
use crate::settings::Settings;
use crate::syscalls::Count;

const SIZE: usize = 64;

pub fn groups() -> Vec<Group> {
    let threads = [C, Baseline, Rust, Zmq, Futex, Ring];
    let processes = [C, Baseline, Rust, Zmq, Tcp64, Zenoh, Nats];
    vec![
        Group {
            name: "round-trip",
            cases: cases("round-trip-local", &threads, local),
        },
        Group {
            name: "round-trip",
            cases: cases("round-trip-remote", &processes, remote),
        },
    ]
}

fn local(settings: &Settings, contender: Contender) -> Result<Sample, String> {
    let spec = Spec::new(Role::ThreadRoundTrip, contender, SIZE);
    let (figures, calls) = run_alone(settings, &spec)?;
    let mut sample = percentiles(&figures);
    sample.extend(costs(&figures, calls));
    Ok(sample)
}

fn remote(settings: &Settings, contender: Contender) -> Result<Sample, String> {
    let mut ping = Process::start(settings, &Spec::new(Role::Ping, contender, SIZE))?;
    let mut answering = Spec::new(Role::Pong, contender, SIZE);
    answering.endpoints = vec![ping.hear("endpoint")?];
    let pong = Process::start(settings, &answering)?;
    ping.tell(&format!("pong {}", pong.hear("endpoint")?))?;
    pong.hear("ready")?;
    ping.hear("ready")?;
    let count = settings
        .syscalls
        .then(|| Count::start(&[ping.id(), pong.id()]));
    let count = count.transpose()?;
    ping.tell("go")?;
    let figures = ping.report()?;
    let calls = count.map(Count::stop).transpose()?;
    let mut sample = percentiles(&figures);
    if let Some(calls) = calls {
        let each = calls / figures["sent"] * 1e3;
        sample.push((String::from("syscalls_per_thousand"), each));
    }
    Ok(sample)
}

fn percentiles(figures: &Figures) -> Sample {
    let is_percentile = |(name, _): &(&String, &f64)| name.starts_with('p');
    let named = |(name, value): (&String, &f64)| (format!("{name}_ns"), *value);
    figures.iter().filter(is_percentile).map(named).collect()
}
