//! `sim --seed N` replays one world and tells what happens; `sim --seeds A..B` runs many. `sim --calm N` replays a world
//! in which connections break and nothing else goes wrong, `sim --moving N` one in which streams change their ways,
//! `sim --leaving N` one in which an owner takes its leave again and again,
//! `sim --dying N` one in which a publisher dies for good.

use std::process::ExitCode;
use std::thread;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--seed", seed] if let Ok(seed) = seed.parse() => replay(sim::run(seed, true)),
        ["--calm", seed] if let Ok(seed) = seed.parse() => replay(sim::run_calm(seed, true)),
        ["--moving", seed] if let Ok(seed) = seed.parse() => replay(sim::run_moving(seed, true)),
        ["--leaving", seed] if let Ok(seed) = seed.parse() => {
            replay(sim::run_leaving(seed, None, true))
        }
        ["--dying", seed] if let Ok(seed) = seed.parse() => replay(sim::run_dying(seed, true)),
        ["--seeds", range] if let Some((from, to)) = parse_range(range) => run_all(from..to),
        _ => {
            eprintln!(
                "usage: sim --seed N | --seeds A..B | --calm N | --moving N | --leaving N | --dying N"
            );
            ExitCode::from(2)
        }
    }
}

fn parse_range(text: &str) -> Option<(u64, u64)> {
    let (from, to) = text.split_once("..")?;
    Some((from.parse().ok()?, to.parse().ok()?))
}

fn replay(outcome: Result<sim::Summary, String>) -> ExitCode {
    match outcome {
        Ok(summary) => {
            println!("{summary:?}");
            ExitCode::SUCCESS
        }
        Err(fault) => {
            println!("it fails: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn run_all(seeds: std::ops::Range<u64>) -> ExitCode {
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let report = sim::campaign(seeds, threads);
    println!("{report}");
    ExitCode::from(u8::from(!report.violations.is_empty()))
}
