//! Measures what nodes, topics and links cost, in this process: `cargo run --release -p serverlink --example footprint`.
//!
//! One line for each figure: its name, its value, its unit. With an argument, only the figure of that name.

use std::fs;
use std::time::{Duration, Instant};

use serverlink::{Context, Event, Node};

const TOPICS: u32 = 1_000_000;
const SYNCED_TOPICS: u32 = 100_000;
const LINKS: usize = 200;
const WAIT: Duration = Duration::from_secs(60);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let wanted = std::env::args().nth(1);
    let is_wanted = |figure: &str| wanted.as_deref().is_none_or(|wanted| wanted == figure);
    if is_wanted("idle_node") {
        idle_node()?;
    }
    if is_wanted("topic") {
        topics()?;
    }
    if is_wanted("link") {
        links()?;
    }
    if is_wanted("member") {
        members()?;
    }
    if is_wanted("sync") {
        sync()?;
    }
    Ok(())
}

/// A node with its I/O thread and one bind.
fn idle_node() -> Result<(), Box<dyn std::error::Error>> {
    let before = resident_bytes()?;
    let node = Node::builder().bind("tcp://127.0.0.1:0").start()?;
    report(
        "idle_node",
        resident_bytes()?.saturating_sub(before) / 1024,
        "KiB",
    );
    drop(node);
    Ok(())
}

/// A million topics: memory and time to create each, and to publish to them in an order that no cache foresees.
fn topics() -> Result<(), Box<dyn std::error::Error>> {
    let node = Node::builder().start()?;
    let names: Vec<String> = (0..TOPICS).map(|n| format!("topic:{n:07}")).collect();
    let before = resident_bytes()?;
    let begun = Instant::now();
    for name in &names {
        node.create_topic(name)?;
    }
    let created_in = begun.elapsed();
    report(
        "topic",
        resident_bytes()?.saturating_sub(before) / names.len(),
        "bytes",
    );
    report("topics_created", created_in.as_millis() as usize, "ms");
    for few in [1, 1000, names.len()] {
        let begun = Instant::now();
        for n in 0..names.len() {
            node.publish(&names[n * 7919 % few], b"x")?;
        }
        let each = begun.elapsed().as_nanos() as usize / names.len();
        report(&format!("publish_to_one_of_{few}"), each, "ns");
    }
    Ok(())
}

/// Idle links: both ends, and the node at the far end, are in this process. The nodes that dial are observers: what
/// members know of each other is a figure of its own.
fn links() -> Result<(), Box<dyn std::error::Error>> {
    let hub = Node::builder().bind("tcp://127.0.0.1:0").start()?;
    let endpoint = hub.last_endpoint().ok_or("just bound")?;
    let context = Context::new()?;
    let alone = resident_bytes()?;
    let spokes = (0..LINKS)
        .map(|_| context.node().observer().start())
        .collect::<Result<Vec<_>, _>>()?;
    let before = resident_bytes()?;
    report(
        "node_in_a_context",
        before.saturating_sub(alone) / LINKS,
        "bytes",
    );
    for spoke in &spokes {
        spoke.add_peer(&endpoint)?;
    }
    for spoke in &spokes {
        spoke.sync(WAIT)?;
    }
    report(
        "link",
        resident_bytes()?.saturating_sub(before) / LINKS,
        "bytes, both ends",
    );
    Ok(())
}

/// What a node knows of a member: all of them around a hub, so that each node knows each. Links are counted in.
fn members() -> Result<(), Box<dyn std::error::Error>> {
    let hub = Node::builder().bind("tcp://127.0.0.1:0").start()?;
    let endpoint = hub.last_endpoint().ok_or("just bound")?;
    let context = Context::new()?;
    let spokes = (0..LINKS)
        .map(|_| context.node().start())
        .collect::<Result<Vec<_>, _>>()?;
    let before = resident_bytes()?;
    for spoke in &spokes {
        spoke.add_peer(&endpoint)?;
    }
    let begun = Instant::now();
    while spokes.iter().any(|spoke| spoke.cluster().size <= LINKS) {
        if begun.elapsed() > WAIT {
            return Err("the members do not come to know each other".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    report(
        "all_known_after",
        begun.elapsed().as_millis() as usize,
        "ms",
    );
    let known = (LINKS + 1) * (LINKS + 1);
    let taken = resident_bytes()?.saturating_sub(before);
    report("member", taken / known, "bytes at each node that knows it");
    Ok(())
}

/// A hundred thousand topics told to a node that joins, and one more told to it later.
fn sync() -> Result<(), Box<dyn std::error::Error>> {
    let owner = Node::builder().bind("tcp://127.0.0.1:0").start()?;
    for n in 0..SYNCED_TOPICS {
        owner.create_topic(&format!("topic:{n:07}"))?;
    }
    let joining = Node::builder().start()?;
    let begun = Instant::now();
    joining.add_peer(&owner.last_endpoint().ok_or("just bound")?)?;
    joining.sync(WAIT)?;
    report("sync", begun.elapsed().as_millis() as usize, "ms");
    let listed = joining.topics().len();
    report("topics_synced", listed, "topics");

    let news = joining.events();
    let begun = Instant::now();
    owner.create_topic("one:more")?;
    while !matches!(news.next_timeout(WAIT), Some(Event::TopicAdded { topic }) if &*topic == "one:more")
    {
    }
    report("one_more_topic", begun.elapsed().as_micros() as usize, "us");
    Ok(())
}

fn report(figure: &str, value: usize, unit: &str) {
    println!("{figure} {value} {unit}");
}

/// Resident memory of this process.
fn resident_bytes() -> Result<usize, Box<dyn std::error::Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .ok_or("no VmRSS line")?;
    let kib: usize = line.split_whitespace().nth(1).ok_or("no figure")?.parse()?;
    Ok(kib * 1024)
}
