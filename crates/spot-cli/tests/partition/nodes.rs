//! The programs that run on the hosts.

use std::io::Write;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::hosts::{address, on};
use crate::member;
use crate::support::{PROGRAM, Spot};

/// Pauses between the messages of a publisher.
pub(crate) const TICK: Duration = Duration::from_millis(20);

pub(crate) fn endpoint(host: usize) -> String {
    format!("tcp://{}:5555", address(host))
}

fn endpoints(hosts: impl Iterator<Item = usize>) -> String {
    hosts.map(endpoint).collect::<Vec<_>>().join(",")
}

/// The topic that the node of a host has.
pub(crate) fn of(host: usize) -> String {
    format!("of:{host}")
}

/// `spot` on a host, with the node there as its only peer.
pub(crate) fn spot_at(host: usize, args: &[&str]) -> Spot {
    let mut command = on(host, PROGRAM);
    command.args(args).args(["--peer", &endpoint(host)]);
    Spot::spawn(command)
}

/// A member of `member.rs` in place of a node.
pub(crate) fn member(host: usize) -> Spot {
    let this = std::env::current_exe().expect("this test has a path");
    let mut command = on(host, this.to_str().expect("a path in UTF-8"));
    command.env(member::HOST, host.to_string());
    Spot::spawn(command)
}

/// `spot` on a host, with the node of each host as a peer.
pub(crate) fn spot(host: usize, hosts: usize, args: &[&str]) -> Command {
    let mut command = on(host, PROGRAM);
    command.args(args).args(["--peer", &endpoints(0..hosts)]);
    command
}

/// The node of a host, with a topic named after it.
pub(crate) fn node(host: usize, hosts: usize) -> Spot {
    let name = format!("node{host}");
    let topic = of(host);
    let args = [
        "node",
        "--bind",
        "tcp://0.0.0.0:5555",
        "--name",
        &name,
        "--topic",
        &topic,
    ];
    Spot::spawn(spot(host, hosts, &args))
}

/// Publishes 1, 2, 3 and so on, on the topic of a host's node.
pub(crate) struct Ticker {
    stop: Sender<()>,
    ticking: JoinHandle<u64>,
}

impl Ticker {
    pub(crate) fn start(host: usize) -> Self {
        let mut command = on(host, PROGRAM);
        command.args(["pub", &of(host), "--peer", &endpoint(host)]);
        let mut publisher = command.stdin(Stdio::piped()).spawn().expect("spot starts");
        let stdin = publisher.stdin.take().expect("piped");
        let (stop, stopped) = channel();
        let ticking = thread::spawn(move || {
            let last = tick(stdin, || {
                stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout)
            });
            assert!(publisher.wait().expect("waited").success());
            last
        });
        Self { stop, ticking }
    }

    /// Ends it; the last number.
    pub(crate) fn stop(self) -> u64 {
        drop(self.stop);
        self.ticking.join().expect("it ticked to the end")
    }
}

fn tick(mut stdin: ChildStdin, goes_on: impl Fn() -> bool) -> u64 {
    let mut number = 0;
    while goes_on() {
        number += 1;
        writeln!(stdin, "{number}").expect("it reads");
    }
    number
}
