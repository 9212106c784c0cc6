//! One run from its settings to its reports.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use bench_child::Contender;
use serde::{Deserialize, Serialize};

use crate::docs::{self, Setting};
use crate::measure::{Group, Measurement, Results};
use crate::settings::{Settings, root};
use crate::{instructions, syscalls, table, workload};

/// How long the pass is that counts system calls.
const SYSCALLS_SECONDS: f64 = 0.3;

pub fn run(mut settings: Settings) -> Result<(), String> {
    let groups = workload::groups(&settings);
    tell_absent(&settings);
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
    let run = match &settings.from {
        Some(file) => read(file)?,
        None => {
            if settings.library.is_none() {
                settings.library = Some(build_library()?);
            }
            if settings.instructions {
                return instructions::count(&settings);
            }
            let setting = Setting::of_this_run(&settings);
            let measurements = measure(&settings, &groups)?.0;
            Run {
                setting,
                measurements,
            }
        }
    };
    if let Some(file) = &settings.json {
        let json = serde_json::to_string_pretty(&run).expect("numbers can be written");
        fs::write(file, json).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    let results = Results(run.measurements);
    println!("{}", table::markdown(&results));
    if settings.docs {
        docs::rewrite(&results, &run.setting)?;
    }
    Ok(())
}

/// Who is not measured is named, so that nobody takes them for forgotten.
fn tell_absent(settings: &Settings) {
    if settings.from.is_some() || settings.instructions {
        return;
    }
    for (contender, needs) in [
        (Contender::Zenoh, ""),
        (Contender::Nats, ", with nats-server installed"),
    ] {
        if !workload::is_there(settings, contender) {
            let name = contender.label();
            let package = name.to_lowercase();
            eprintln!(
                "SKIPPED: {name}. To measure it: cargo build --release --manifest-path benches/{package}/Cargo.toml{needs}"
            );
        }
    }
    if settings.syscalls && !syscalls::can_be_counted() {
        eprintln!("SKIPPED: system calls, as perf may not count them here");
    }
}

/// What `--json` writes and `--from` reads.
#[derive(Debug, Serialize, Deserialize)]
struct Run {
    setting: Setting,
    measurements: Vec<Measurement>,
}

fn read(file: &PathBuf) -> Result<Run, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let json = fs::read_to_string(file).map_err(|error| failed(&error))?;
    serde_json::from_str(&json).map_err(|error| failed(&error))
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
            if is_counted && !group.counts_syscalls() {
                continue;
            }
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
