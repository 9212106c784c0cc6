//! One run from its settings to its reports.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::measure::{Group, Results};
use crate::settings::{Settings, root};
use crate::{syscalls, table, workload};

/// How long the pass is that counts system calls.
const SYSCALLS_SECONDS: f64 = 0.3;

pub fn run(mut settings: Settings) -> Result<(), String> {
    let groups = workload::groups(&settings);
    if settings.list {
        for group in &groups {
            for case in &group.cases {
                println!(
                    "{:12} {:24} {}",
                    group.name,
                    case.workload,
                    case.contender.label()
                );
            }
        }
        return Ok(());
    }
    let results = match &settings.from {
        Some(file) => read(file)?,
        None => {
            if settings.library.is_none() {
                settings.library = Some(build_library()?);
            }
            measure(&settings, &groups)?
        }
    };
    if let Some(file) = &settings.json {
        let json = serde_json::to_string_pretty(&results.0).expect("numbers can be written");
        fs::write(file, json).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    println!("{}", table::markdown(&results));
    Ok(())
}

fn read(file: &PathBuf) -> Result<Results, String> {
    let json = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let measurements = serde_json::from_str(&json);
    let measurements = measurements.map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(Results(measurements))
}

/// Builds what C programs load; its path.
fn build_library() -> Result<PathBuf, String> {
    let built = Command::new("cargo")
        .args([
            "build",
            "--release",
            "--package",
            "serverlink-capi",
            "--quiet",
        ])
        .env_remove("CARGO_TARGET_DIR")
        .current_dir(root())
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if !built.success() {
        return Err(String::from("the C library cannot be built"));
    }
    Ok(root().join("target/release/libserverlink.so"))
}

/// All groups, the cases of each in turn, round by round. A case that fails ends the run: its figures would mean
/// nothing.
fn measure(settings: &Settings, groups: &[Group]) -> Result<Results, String> {
    let mut results = Results::default();
    let mut timed = settings.clone();
    timed.syscalls = false;
    let mut counted = settings.clone();
    counted.syscalls = settings.syscalls && syscalls::can_be_counted();
    counted.seconds = counted.seconds.min(SYSCALLS_SECONDS);
    for group in groups {
        for round in 0..settings.rounds + usize::from(counted.syscalls) {
            let is_counted = round == settings.rounds;
            for case in &group.cases {
                let with = if is_counted { &counted } else { &timed };
                let sample = (case.run)(with).map_err(|error| {
                    format!("{}, {}: {error}", case.workload, case.contender.label())
                })?;
                // The pass that counts is slower by that.
                let keep = sample
                    .into_iter()
                    .filter(|(metric, _)| is_counted == (metric == "syscalls_per_thousand"));
                results.add(case, keep.collect());
            }
        }
        eprint!("{}", table::progress(&results, group));
    }
    Ok(results)
}
