//! Writes the results into `docs/performance.md`, between its markers.

use std::fs;
use std::process::Command;

use crate::measure::Results;
use crate::settings::{Settings, root};
use crate::{plots, table};

const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";

/// What a run was made with; told by those who measured, and kept with their values.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Setting {
    pub lines: Vec<String>,
}

impl Setting {
    /// Of this machine, now.
    pub fn of_this_run(settings: &Settings) -> Self {
        let (major, minor, patch) = zmq::version();
        let lines = vec![
            format!("Machine: {}", machine()),
            format!("Kernel: {}", said_by("uname", &["-sr"])),
            format!("Compiler: {}", said_by("rustc", &["--version"])),
            format!(
                "ServerLink SPOT: {}",
                said_by("git", &["describe", "--always", "--dirty"])
            ),
            format!("libzmq: {major}.{minor}.{patch}"),
            format!(
                "Rounds: {}, of {} s each; date: {}",
                settings.rounds,
                settings.seconds,
                said_by("date", &["-u", "+%Y-%m-%d"])
            ),
        ];
        Self { lines }
    }
}

pub fn rewrite(results: &Results, setting: &Setting) -> Result<(), String> {
    let page = root().join("docs/performance.md");
    let folder = root().join("docs/performance");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let drawn = plots::draw(results, &folder)?;
    let failed = |error| format!("{}: {error}", page.display());
    let before = fs::read_to_string(&page).map_err(failed)?;
    let parts = before.split_once(BEGIN).and_then(|(head, rest)| {
        let (_, tail) = rest.split_once(END)?;
        Some((head, tail))
    });
    let (head, tail) = parts.ok_or(format!("{} lacks its markers", page.display()))?;
    let mut text = format!("{head}{BEGIN}\n\n");
    for line in &setting.lines {
        text.push_str(&format!("- {line}\n"));
    }
    text.push_str(&format!("\n{}", table::markdown(results)));
    for (file, title) in drawn {
        text.push_str(&format!("\n![{title}](performance/{file})\n"));
    }
    text.push_str(&format!("\n{END}{tail}"));
    fs::write(&page, text).map_err(failed)
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown", |rest| rest.trim_start_matches(['\t', ' ', ':']));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{model}, {cores} processors")
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output();
    let said = output.ok().filter(|output| output.status.success());
    said.map_or(String::from("unknown"), |output| {
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    })
}
