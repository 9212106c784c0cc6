//! Measures what subscriptions, full queues and traffic cost, for planning memory and processors:
//! `cargo run --release -p serverlink --example sizing`. What topics, links and members cost the example `footprint` tells.
//!
//! Each figure is measured in a process of its own, which nothing was freed in before.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use serverlink::{Node, Overflow, Subscriber};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const SUBSCRIPTIONS: usize = 50_000;
const HWM: usize = 1000;
const RATE: u64 = 100_000;
const SECONDS: u64 = 5;
const WAIT: Duration = Duration::from_secs(60);

fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let figure = arguments.next();
    let len = arguments.next().map_or(Ok(0), |len| len.parse())?;
    match figure.as_deref() {
        None => all(),
        Some("here") => subscriptions_here(),
        Some("there") => subscriptions_over_a_link(),
        Some("subscriber") => waiting_at_a_subscriber(len),
        Some("link") => waiting_at_a_link(len),
        Some("processor") => processor_time(len),
        Some(other) => Err(format!("there is no figure {other}").into()),
    }
}

fn all() -> Outcome {
    let figure = |name: &str, len: usize| -> Outcome {
        let mut process = Command::new(std::env::current_exe()?);
        match process.args([name, &len.to_string()]).status()?.success() {
            true => Ok(()),
            false => Err(format!("{name} {len} failed").into()),
        }
    };
    figure("here", 0)?;
    figure("there", 0)?;
    for len in [64, 1024, 65_536] {
        figure("subscriber", len)?;
        figure("link", len)?;
    }
    figure("processor", 64)?;
    figure("processor", 1024)
}

/// A node that hosts topics of these names.
fn hosting(names: &[String]) -> Result<Node, Box<dyn std::error::Error>> {
    let host = Node::builder().bind("tcp://127.0.0.1:0").start()?;
    for name in names {
        host.create_topic(name)?;
    }
    Ok(host)
}

fn names() -> Vec<String> {
    (0..SUBSCRIPTIONS)
        .map(|n| format!("topic:{n:07}"))
        .collect()
}

/// Exact subscriptions of one subscriber to topics of its own node.
fn subscriptions_here() -> Outcome {
    let names = names();
    let host = hosting(&names)?;
    let before = resident_bytes()?;
    let here = host.subscriber();
    names.iter().try_for_each(|name| here.subscribe(name))?;
    let taken = resident_bytes()?.saturating_sub(before) / SUBSCRIPTIONS;
    println!("subscription, same node: {taken} bytes");
    Ok(())
}

/// The same to topics of another node.
fn subscriptions_over_a_link() -> Outcome {
    let names = names();
    let host = hosting(&names)?;
    let client = Node::builder().peer(endpoint(&host)?).start()?;
    client.sync(WAIT)?;
    let before = resident_bytes()?;
    let there = client.subscriber();
    names.iter().try_for_each(|name| there.subscribe(name))?;
    there.wait_subscribed(WAIT)?;
    let taken = resident_bytes()?.saturating_sub(before) / SUBSCRIPTIONS;
    println!("subscription, over a link: {taken} bytes, both ends");
    Ok(())
}

/// A subscriber's queue at its limit.
fn waiting_at_a_subscriber(len: usize) -> Outcome {
    let node = Node::builder().topic("t").start()?;
    let subscriber = node.subscribe(["t"])?;
    let publisher = node.publisher("t")?;
    let before = resident_bytes()?;
    for _ in 0..HWM {
        publisher.publish(vec![7; len])?;
    }
    assert_eq!(subscriber.queued(), HWM);
    report("subscriber's queue", len, before)
}

/// A link's queue at its limit: the network takes nothing any more.
fn waiting_at_a_link(len: usize) -> Outcome {
    let host = Node::builder()
        .bind("tcp://127.0.0.1:0")
        .topic("t")
        .start()?;
    let network = Network::before(&endpoint(&host)?)?;
    let client = Node::builder().peer(&network.endpoint).start()?;
    client.sync(WAIT)?;
    let subscriber = client.subscribe(["t"])?;
    subscriber.wait_subscribed(WAIT)?;
    network.silent.store(true, Relaxed);
    let publisher = host.publisher("t")?;
    // What the kernel's buffers take is not in this process.
    let full = || host.stats().dropped_at_sender > 0;
    let before = resident_bytes()?;
    while !full() {
        publisher.publish(vec![7; len])?;
    }
    report("link's queue", len, before)
}

fn report(what: &str, len: usize, before: usize) -> Outcome {
    let taken = resident_bytes()?.saturating_sub(before) / 1024;
    println!("{what}, {HWM} messages of {len} bytes: {taken} KiB");
    Ok(())
}

/// Both ends of a link in this process, at a steady rate that neither of them is busy with.
fn processor_time(len: usize) -> Outcome {
    let host = Node::builder()
        .bind("tcp://127.0.0.1:0")
        .topic("t")
        .start()?;
    let client = Node::builder().peer(endpoint(&host)?).start()?;
    client.sync(WAIT)?;
    let subscriber = client.subscriber();
    subscriber.configure(|options| options.overflow = Overflow::Block)?;
    subscriber.subscribe("t")?;
    subscriber.wait_subscribed(WAIT)?;
    let total = RATE * SECONDS;
    let before = processor_seconds()?;
    let begun = Instant::now();
    thread::scope(|scope| -> Outcome {
        scope.spawn(|| receive(&subscriber, total));
        let publisher = host.publisher("t")?;
        let payload = vec![7; len];
        for tick in 0..SECONDS * 1000 {
            let due = begun + Duration::from_millis(tick);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            for _ in 0..RATE / 1000 {
                publisher.publish(&payload[..])?;
            }
        }
        Ok(())
    })?;
    let wall = begun.elapsed().as_secs_f64();
    let share = (processor_seconds()? - before) / wall * 100.0;
    println!(
        "{RATE} messages/s of {len} bytes, both ends: {share:.0} % of one core, in {wall:.1} s"
    );
    Ok(())
}

fn receive(subscriber: &Subscriber, total: u64) {
    for _ in 0..total {
        if subscriber.recv_timeout(WAIT).is_err() {
            return;
        }
    }
}

/// A TCP relay in front of a node that can fall silent.
struct Network {
    endpoint: String,
    silent: Arc<AtomicBool>,
}

impl Network {
    fn before(endpoint: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let target = endpoint.trim_start_matches("tcp://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let endpoint = format!("tcp://{}", listener.local_addr()?);
        let silent = Arc::new(AtomicBool::new(false));
        let is_silent = silent.clone();
        thread::spawn(move || {
            let (near, _) = listener.accept()?;
            let far = TcpStream::connect(target)?;
            let (near_too, far_too) = (near.try_clone()?, far.try_clone()?);
            let silent_too = is_silent.clone();
            thread::spawn(move || carry(near_too, far_too, &silent_too));
            carry(far, near, &is_silent)
        });
        Ok(Self { endpoint, silent })
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, silent: &AtomicBool) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        while silent.load(Relaxed) {
            thread::sleep(Duration::from_millis(100));
        }
        to.write_all(&buffer[..read])?;
    }
}

fn endpoint(node: &Node) -> Result<String, Box<dyn std::error::Error>> {
    Ok(node.last_endpoint().ok_or("it is bound")?)
}

/// Resident memory of this process.
fn resident_bytes() -> Result<usize, Box<dyn std::error::Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(kib.ok_or("no VmRSS line")?.parse::<usize>()? * 1024)
}

/// Processor time of all threads of this process so far, also of those that have ended.
fn processor_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no name")?;
    // User and system time, in ticks of a hundredth of a second.
    let times = fields.split_whitespace().skip(11).take(2);
    let times: Vec<u64> = times.map(str::parse).collect::<Result<_, _>>()?;
    let ticks: u64 = times.iter().sum();
    Ok(ticks as f64 / 100.0)
}
