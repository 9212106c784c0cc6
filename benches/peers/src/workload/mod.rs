//! What is measured: a file for each kind of workload.

mod fan;
mod filters;
mod local;
mod overflow;
mod recovery;
mod relay;
mod remote;
mod round_trip;
mod standing;
mod topics;
mod traffic;

use bench_child::Contender;

use crate::measure::{Case, Group, Sample};
use crate::process::program_of;
use crate::settings::Settings;

/// All groups, reduced to what the settings ask for.
pub fn groups(settings: &Settings) -> Vec<Group> {
    let all = [
        remote::groups(),
        local::groups(),
        round_trip::groups(),
        fan::groups(settings),
        topics::groups(settings),
        filters::groups(settings),
        overflow::groups(),
        relay::groups(),
        standing::groups(settings),
        recovery::groups(),
    ];
    let mut groups: Vec<Group> = all.into_iter().flatten().collect();
    for group in &mut groups {
        let name = group.name;
        group.cases.retain(|case| {
            settings.wants(name, &case.workload)
                && settings.wants_contender(case.contender)
                && is_there(settings, case.contender)
        });
    }
    groups.retain(|group| !group.cases.is_empty());
    groups
}

/// Whether it can be measured on this machine.
pub fn is_there(settings: &Settings, contender: Contender) -> bool {
    match contender {
        Contender::Baseline => settings.baseline.is_some(),
        Contender::Zenoh | Contender::Nats => program_of(contender).exists(),
        _ => true,
    }
}

/// A case of each contender.
fn cases(
    workload: &str,
    contenders: &[Contender],
    run: impl Fn(&Settings, Contender) -> Result<Sample, String> + Clone + 'static,
) -> Vec<Case> {
    let case = |&contender: &Contender| {
        let run = run.clone();
        Case {
            workload: workload.to_owned(),
            contender,
            run: Box::new(move |settings| run(settings, contender)),
        }
    };
    contenders.iter().map(case).collect()
}
