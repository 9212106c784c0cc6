//! Within a process: two threads, and one thread that publishes and receives in turn.

use bench_child::Contender::{self, Baseline, C, CResolved, Ring, Rust, RustNamed, Zmq};
use bench_child::{Role, Spec};

use super::cases;
use crate::measure::{Group, Sample};
use crate::process::{Figures, Process};
use crate::settings::Settings;
use crate::syscalls::Count;

const SIZE: usize = 64;

pub fn groups() -> Vec<Group> {
    let threads = [C, Baseline, CResolved, Rust, Zmq, Ring];
    let same = [C, Baseline, CResolved, Rust, RustNamed, Zmq, Ring];
    vec![
        Group {
            name: "local",
            cases: cases("local-threads", &threads, two_threads),
        },
        Group {
            name: "local",
            cases: cases("local-same-thread", &same, same_thread),
        },
    ]
}

fn two_threads(settings: &Settings, contender: Contender) -> Result<Sample, String> {
    let (figures, calls) = run_alone(settings, &Spec::new(Role::Threads, contender, SIZE))?;
    let seconds = (figures["ended_ns"] - figures["started_ns"]) / 1e9;
    let mut sample = vec![(String::from("rate_per_s"), figures["sent"] / seconds)];
    sample.extend(costs(&figures, calls));
    Ok(sample)
}

fn same_thread(settings: &Settings, contender: Contender) -> Result<Sample, String> {
    let (figures, calls) = run_alone(settings, &Spec::new(Role::SameThread, contender, SIZE))?;
    let mut sample = vec![(String::from("each_ns"), figures["each_ns"])];
    sample.extend(costs(&figures, calls));
    Ok(sample)
}

/// A process that needs no other.
pub fn run_alone(settings: &Settings, spec: &Spec) -> Result<(Figures, Option<f64>), String> {
    let mut process = Process::start(settings, spec)?;
    process.hear("ready")?;
    let count = settings.syscalls.then(|| Count::start(&[process.id()]));
    let count = count.transpose()?;
    process.tell("go")?;
    let figures = process.report()?;
    let calls = count.map(Count::stop).transpose()?;
    process.tell("exit")?;
    Ok((figures, calls))
}

pub fn costs(figures: &Figures, calls: Option<f64>) -> Sample {
    let sent = figures["sent"];
    let cpu = figures["cpu_s"] / sent * 1e6;
    let mut costs = vec![(String::from("cpu_s_per_million"), cpu)];
    if let Some(calls) = calls {
        costs.push((String::from("syscalls_per_thousand"), calls / sent * 1e3));
    }
    costs
}
