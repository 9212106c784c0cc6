//! What is set on the sockets of links, as the kernel tells it.
#![cfg(target_os = "linux")]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use common::*;
use serverlink::{Event, Options};
use socket2::SockRef;

/// TCP_USER_TIMEOUT of this process's connections with `port` at either end; zero where it is not set.
fn user_timeouts(port: u16) -> Vec<Duration> {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap();
    let numbers = descriptors.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let numbers: Vec<i32> = numbers.collect();
    let timeout = |number: i32| {
        // SAFETY: not owned and only asked; one that is closed by now answers with an error.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        let socket = SockRef::from(&descriptor);
        let ends = [socket.peer_addr().ok()?, socket.local_addr().ok()?];
        let is_ours = ends
            .iter()
            .any(|end| end.as_socket().is_some_and(|end| end.port() == port));
        is_ours.then(|| socket.tcp_user_timeout().unwrap().unwrap_or_default())
    };
    numbers.into_iter().filter_map(timeout).collect()
}

fn port(endpoint: &str) -> u16 {
    endpoint.rsplit(':').next().unwrap().parse().unwrap()
}

/// The two ends of a link between nodes with these options.
fn ends_of_a_link(options: impl Fn(&mut Options)) -> [Duration; 2] {
    let host = quick().options(&options).bind("tcp://127.0.0.1:0");
    let host = host.topic("t").start().unwrap();
    let client = quick().options(&options).peer(endpoint(&host));
    let client = client.start().unwrap();
    client.wait_reachable("t", WAIT).unwrap();
    let timeouts = user_timeouts(port(&endpoint(&host)));
    timeouts.try_into().expect("one socket at each end")
}

#[test]
fn unacknowledged_data_keeps_a_link_no_longer_than_the_probes_of_an_idle_one() {
    let seconds = |s| [Duration::from_secs(s); 2];
    assert_eq!(ends_of_a_link(|_| ()), seconds(30));
    let patient = |options: &mut Options| {
        options.heartbeat_interval = Duration::from_secs(20);
        options.heartbeat_timeout = Some(Duration::from_secs(60));
    };
    assert_eq!(ends_of_a_link(patient), seconds(80));
    let without_probes = |options: &mut Options| {
        options.heartbeat_interval = Duration::from_secs(2);
        options.heartbeat_timeout = None;
        options.tcp.keepalive = false;
    };
    assert_eq!(ends_of_a_link(without_probes), seconds(8));
}

#[test]
fn what_was_chosen_stands() {
    let chosen = |options: &mut Options| options.tcp.user_timeout_ms = Some(1234);
    assert_eq!(ends_of_a_link(chosen), [Duration::from_millis(1234); 2]);
    let no_heartbeats = |options: &mut Options| options.heartbeat_interval = Duration::ZERO;
    assert_eq!(ends_of_a_link(no_heartbeats), [Duration::ZERO; 2]);
}

/// It may stop reading and still be alive: then it loses messages, and not its connection.
#[test]
fn a_plain_subscriber_is_not_cut_off_for_being_slow() {
    let node = bound();
    let events = node.events();
    let mut plain = TcpStream::connect(("127.0.0.1", port(&endpoint(&node)))).unwrap();
    let mut greeting = [0; 64];
    greeting[..10].copy_from_slice(&[0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f]);
    greeting[10..16].copy_from_slice(b"\x03\x01NULL");
    plain.write_all(&greeting).unwrap();
    plain
        .write_all(b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB")
        .unwrap();
    event(&events, |event| matches!(event, Event::PeerUp { .. }));
    plain.read_exact(&mut greeting).unwrap();
    let timeouts = user_timeouts(port(&endpoint(&node)));
    assert_eq!(timeouts, [Duration::ZERO; 2]);
}
