//! Publishers and subscribers as processes: what most workloads are made of.

use bench_child::{Role, Spec};

use crate::measure::Sample;
use crate::process::{Figures, Process};
use crate::settings::Settings;
use crate::syscalls::Count;

/// Runs publishers and subscribers as `spec` describes them, the publishers and subscribers in numbers that it says,
/// by way of a hub if it says so.
pub fn run(settings: &Settings, spec: &Spec) -> Result<Sample, String> {
    let mut hub = None;
    let mut publishing = spec.clone();
    publishing.role = Role::Publish;
    let mut subscribing = spec.clone();
    subscribing.role = Role::Subscribe;
    if spec.relayed {
        let mut hubbing = spec.clone();
        hubbing.role = Role::Hub;
        let process = Process::start(settings, &hubbing)?;
        publishing.endpoints = vec![process.hear("endpoint")?];
        subscribing.endpoints = vec![process.hear("endpoint")?];
        hub = Some(process);
    }
    let mut publishers = Vec::new();
    for number in 0..spec.publishers {
        publishing.first_topic = number * spec.topics;
        publishers.push(Process::start(settings, &publishing)?);
    }
    for publisher in &publishers {
        let endpoint = publisher.hear("endpoint")?;
        if !spec.relayed {
            subscribing.endpoints.push(endpoint);
        }
    }
    let mut subscribers = Vec::new();
    for _ in 0..spec.subscribers {
        subscribers.push(Process::start(settings, &subscribing)?);
    }
    for process in subscribers.iter().chain(&publishers) {
        process.hear("ready")?;
    }
    measure(settings, publishers, subscribers, hub)
}

fn measure(
    settings: &Settings,
    mut publishers: Vec<Process>,
    mut subscribers: Vec<Process>,
    mut hub: Option<Process>,
) -> Result<Sample, String> {
    let count = if settings.syscalls {
        let all = publishers.iter().chain(&subscribers).chain(&hub);
        let ids: Vec<u32> = all.map(Process::id).collect();
        Some(Count::start(&ids)?)
    } else {
        None
    };
    // The subscribers first, so that they listen from the first message on.
    for process in subscribers
        .iter_mut()
        .chain(&mut hub)
        .chain(&mut publishers)
    {
        process.tell("go")?;
    }
    let received: Vec<Figures> = subscribers
        .iter()
        .map(Process::report)
        .collect::<Result<_, _>>()?;
    for process in publishers.iter_mut().chain(&mut hub) {
        process.tell("end")?;
    }
    let calls = count.map(Count::stop).transpose()?;
    let sent: Vec<Figures> = publishers
        .iter()
        .chain(&hub)
        .map(Process::report)
        .collect::<Result<_, _>>()?;
    for process in publishers
        .iter_mut()
        .chain(&mut subscribers)
        .chain(&mut hub)
    {
        process.tell("exit")?;
    }
    Ok(sample(&sent, &received, calls))
}

/// Of deliveries, from the first publisher's begin to the last subscriber's end; processor time and calls of all.
fn sample(sent: &[Figures], received: &[Figures], calls: Option<f64>) -> Sample {
    let sum = |figures: &[Figures], name: &str| -> f64 {
        figures.iter().filter_map(|figures| figures.get(name)).sum()
    };
    let started = sent.iter().filter_map(|it| it.get("started_ns"));
    let started_ns = started.copied().fold(f64::INFINITY, f64::min);
    let ended_ns = received.iter().map(|it| it["ended_ns"]).fold(0.0, f64::max);
    let seconds = (ended_ns - started_ns) / 1e9;
    let delivered = sum(received, "received");
    let cpu_s = sum(sent, "cpu_s") + sum(received, "cpu_s");
    let mut sample = vec![
        (String::from("rate_per_s"), delivered / seconds),
        (String::from("cpu_s_per_million"), cpu_s / delivered * 1e6),
    ];
    let missed = sum(received, "missed");
    if missed > 0.0 {
        let offered = delivered + missed;
        sample.push((String::from("lost_share"), missed / offered));
        sample.push((String::from("offered_per_s"), offered / seconds));
    }
    if let Some(calls) = calls {
        sample.push((
            String::from("syscalls_per_thousand"),
            calls / delivered * 1e3,
        ));
    }
    sample
}
