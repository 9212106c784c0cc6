//! Measures what settled clusters cost while nobody publishes: traffic and processor time of a node.
//!
//! All nodes run in this process, each with a context of its own, linked over the loopback. What the loopback carries
//! is counted by the system, so run it in a network namespace of its own, where nothing else talks:
//!
//! ```text
//! cargo build --release -p serverlink --example idle
//! unshare -rn sh -c 'ip link set lo up && target/release/examples/idle'
//! ```

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serverlink::Node;

/// Several heartbeats.
const MEASURED: Duration = Duration::from_secs(20);
const SETTLING: Duration = Duration::from_secs(10);
const WAIT: Duration = Duration::from_secs(60);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "cluster        nodes  links  bytes/s of a node  packets/s of a node  cpu ms/s of a node"
    );
    for nodes in [2, 5, 10, 20] {
        let mesh = mesh(nodes)?;
        measure("mesh", &mesh)?;
    }
    for spokes in [10, 30, 100] {
        let hub = hub(spokes)?;
        measure("hub", &hub)?;
    }
    Ok(())
}

/// Every node has added every other.
fn mesh(count: usize) -> Result<Vec<Node>, Box<dyn std::error::Error>> {
    let nodes = bound(count)?;
    for node in &nodes {
        for other in nodes.iter().filter(|other| other.id() != node.id()) {
            node.add_peer(&other.last_endpoint().ok_or("it is bound")?)?;
        }
    }
    settle(nodes)
}

/// The first node is known to all others, which do not know each other.
fn hub(spokes: usize) -> Result<Vec<Node>, Box<dyn std::error::Error>> {
    let nodes = bound(spokes + 1)?;
    let hub = nodes[0].last_endpoint().ok_or("it is bound")?;
    for spoke in &nodes[1..] {
        spoke.add_peer(&hub)?;
    }
    settle(nodes)
}

fn bound(count: usize) -> Result<Vec<Node>, Box<dyn std::error::Error>> {
    let nodes = (0..count).map(|number| {
        let builder = Node::builder().bind("tcp://127.0.0.1:0");
        builder.topic(format!("of:{number}")).start()
    });
    Ok(nodes.collect::<Result<_, _>>()?)
}

fn settle(nodes: Vec<Node>) -> Result<Vec<Node>, Box<dyn std::error::Error>> {
    for node in &nodes {
        node.sync(WAIT)?;
    }
    thread::sleep(SETTLING);
    Ok(nodes)
}

fn measure(cluster: &str, nodes: &[Node]) -> Result<(), Box<dyn std::error::Error>> {
    let (begun, cpu, traffic) = (Instant::now(), cpu_ms()?, loopback()?);
    thread::sleep(MEASURED);
    let seconds = begun.elapsed().as_secs_f64();
    let per_node = |total: u64| total as f64 / seconds / nodes.len() as f64;
    let (bytes, packets) = loopback()?;
    println!(
        "{cluster:<12} {:>7} {:>6} {:>18.0} {:>20.1} {:>19.2}",
        nodes.len(),
        nodes.iter().map(|node| node.stats().links).sum::<u64>() / 2,
        per_node(bytes - traffic.0),
        per_node(packets - traffic.1),
        per_node(cpu_ms()? - cpu),
    );
    Ok(())
}

/// Bytes and packets that the loopback has carried, headers included.
fn loopback() -> Result<(u64, u64), Box<dyn std::error::Error>> {
    let table = fs::read_to_string("/proc/net/dev")?;
    let line = table
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("lo:"));
    let mut figures = line.ok_or("there is a loopback")?.split_whitespace();
    let mut next = || figures.next().ok_or("two figures");
    Ok((next()?.parse()?, next()?.parse()?))
}

/// Processor time of this process, of all its threads.
fn cpu_ms() -> Result<u64, Box<dyn std::error::Error>> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        let stat = fs::read_to_string(thread?.path().join("schedstat"))?;
        let running = stat.split_whitespace().next().ok_or("three figures")?;
        nanoseconds += running.parse::<u64>()?;
    }
    Ok(nanoseconds / 1_000_000)
}
