//! Counts instructions with callgrind: figures that do not depend on what else the machine does, to see small changes.

use std::fs;
use std::process::{Command, Stdio};

use bench_child::{Contender, Role, Spec};

use crate::settings::{Settings, root};

const FILE: &str = "benches/instructions.txt";
const HEAD: &str = "\
# Instructions for each message of 64 bytes, counted by callgrind; rewritten by
#     cargo run --release --manifest-path benches/peers/Cargo.toml -- --instructions
";
const SIZE: usize = 64;
const MESSAGES: u64 = 2000;

/// What is counted: all that happens below a function.
struct Figure {
    name: &'static str,
    function: &'static str,
    spec: Spec,
}

/// Counts, says what changed, and rewrites the file.
pub fn count(settings: &Settings) -> Result<(), String> {
    let path = root().join(FILE);
    let before = fs::read_to_string(&path).unwrap_or_default();
    let mut counts = Vec::new();
    for figure in figures() {
        counts.push((figure.name, each(settings, &figure)?));
    }
    counts.push(deliver(&counts));
    let mut text = String::from(HEAD);
    for (name, count) in counts {
        let known = before.lines().find_map(|line| {
            let (known, count) = line.split_once(' ')?;
            (known == name).then(|| count.trim().parse::<i64>().ok())?
        });
        let change = known.map_or(String::from("new"), |known| {
            let share = (count - known) as f64 / known as f64 * 100.0;
            format!("{known} -> {count}, {share:+.1} %")
        });
        println!("{name:24} {count:6}  {change}");
        text.push_str(&format!("{name:24} {count:6}\n"));
    }
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn figures() -> Vec<Figure> {
    let spec = |contender, subscribers, relayed| {
        let mut spec = Spec::new(Role::Count, contender, SIZE);
        spec.subscribers = subscribers;
        spec.relayed = relayed;
        spec.messages = MESSAGES;
        spec
    };
    let mut codec = spec(Contender::C, 1, false);
    codec.role = Role::Codec;
    let figure = |name, function, spec| Figure {
        name,
        function,
        spec,
    };
    let by_name = "slk_spot_publish";
    let resolved = "slk_spot_publisher_publish";
    vec![
        figure("publish", by_name, spec(Contender::C, 1, false)),
        figure("publish-to-two", by_name, spec(Contender::C, 2, false)),
        figure(
            "publish-resolved",
            resolved,
            spec(Contender::CResolved, 1, false),
        ),
        figure("publish-to-link", by_name, spec(Contender::C, 1, true)),
        figure("receive", "slk_spot_recv", spec(Contender::C, 1, false)),
        figure("encode", "bench_encode", codec.clone()),
        figure("decode", "bench_decode", codec),
    ]
}

/// What one more subscriber of the process costs a publisher.
fn deliver(counts: &[(&'static str, i64)]) -> (&'static str, i64) {
    let of = |name| counts.iter().find(|it| it.0 == name).map_or(0, |it| it.1);
    ("deliver", of("publish-to-two") - of("publish"))
}

fn each(settings: &Settings, figure: &Figure) -> Result<i64, String> {
    let out = std::env::temp_dir().join(format!("bench-callgrind-{}", std::process::id()));
    let spec = settings.complete(&figure.spec);
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--toggle-collect={}", figure.function))
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .arg("--child")
        .arg(serde_json::to_string(&spec).expect("a spec can be written"))
        .stdout(Stdio::null())
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    if !run.status.success() {
        let said = String::from_utf8_lossy(&run.stderr);
        return Err(format!("{}: {said}", figure.name));
    }
    let profile =
        fs::read_to_string(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    let _ = fs::remove_file(&out);
    let total = profile.lines().find_map(|line| {
        let count = line.strip_prefix("totals:")?;
        count.trim().parse::<i64>().ok()
    });
    let total = total.ok_or(format!("{}: callgrind tells no total", figure.name))?;
    Ok((total as f64 / MESSAGES as f64).round() as i64)
}
