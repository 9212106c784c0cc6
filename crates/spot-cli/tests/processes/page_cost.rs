//! What the page costs the node that serves it. A measurement, so that it is run when asked for:
//! `cargo test --release -p spot-cli --test processes page_cost -- --ignored --nocapture`

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::admin::{eventually, follow, get, json, node};
use crate::support::{DEADLINE, Spot};

const NODES: usize = 30;
const MEASURED: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);

/// Most of one core that the page may take.
const MOST_PERCENT: f64 = 5.0;

/// Ticks of the processor's time in a second, as Linux counts them for programs.
const TICKS: f64 = 100.0;

#[test]
#[ignore = "a measurement of two minutes"]
fn page_cost_with_thirty_nodes() {
    for topics in [1, 10_000] {
        let alone_and_open = measure(topics);
        let [alone, open] = alone_and_open.map(|seconds| 100.0 * seconds / MEASURED.as_secs_f64());
        println!(
            "{NODES} nodes, {topics} topics at the node: {alone:.2} % of a core, {open:.2} % with the page open"
        );
        assert!(open < MOST_PERCENT, "{open} %");
    }
}

/// Seconds of processor time that the first node takes: by itself, and with the page open.
fn measure(topics: usize) -> [f64; 2] {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("page_cost.toml");
    let names: Vec<_> = (0..topics)
        .map(|number| format!("\"plant:{number:05}\""))
        .collect();
    fs::write(&file, format!("topics = [{}]\n", names.join(","))).expect("written");
    let first = [
        "--name",
        "n0",
        "--discovery",
        "gossip",
        "--config",
        file.to_str().expect("UTF-8"),
    ];
    let (first, seed, admin) = node(&first);
    let _others: Vec<Spot> = (1..NODES)
        .map(|number| {
            let name = format!("n{number}");
            Spot::node(&["--name", &name, "--discovery", "gossip", "--peer", &seed]).0
        })
        .collect();
    let linked = || {
        let peers = json(&admin, "/api/v1/peers")["peers"].clone();
        let peers = peers.as_array().expect("a list").clone();
        peers
            .iter()
            .filter(|peer| peer["state"] == "connected")
            .count()
    };
    eventually(linked, |count| *count == NODES - 1);
    // What joining caused has passed.
    thread::sleep(DEADLINE / 3);
    let alone = spent(&first, || thread::sleep(MEASURED));
    let open = spent(&first, || look_at_the_page(&admin));
    [alone, open]
}

/// Asks as the page does; a browser saves most of the connections.
fn look_at_the_page(admin: &str) {
    let _stream = follow(admin, Some("0-0"));
    let begun = Instant::now();
    for second in 0.. {
        for path in [
            "/api/v1/node",
            "/readyz",
            "/api/v1/cluster",
            "/api/v1/peers",
        ] {
            assert_eq!(get(admin, path).0, 200);
        }
        if second % 5 == 0 {
            assert_eq!(get(admin, "/api/v1/topics").0, 200);
        }
        let next = begun + SECOND * (second + 1);
        if next > begun + MEASURED {
            return;
        }
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

fn spent(node: &Spot, during: impl FnOnce()) -> f64 {
    let before = processor_ticks(node);
    during();
    (processor_ticks(node) - before) / TICKS
}

/// In user and kernel mode, all threads.
fn processor_ticks(node: &Spot) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", node.id())).expect("it runs");
    // The name in parentheses may have spaces.
    let (_, fields) = stat.rsplit_once(") ").expect("a name");
    let fields: Vec<_> = fields.split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a number");
    ticks(11) + ticks(12)
}
