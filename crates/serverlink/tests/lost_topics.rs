//! A TOPICS frame that is lost on the way: the list is repaired, and the streams that it was to bring are heard in full.

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use common::{WAIT, assert_numbers, bound, endpoint, eventually, knows, quick, subscribed_with};
use serverlink::Overflow;
use spot_core::frame::kind;

/// What either side says before its first frame.
const GREETING_BYTES: usize = 64;

/// Relays one connection to a node, and leaves out as many of the TOPICS that the node sends as it is told to.
struct Lossy {
    endpoint: String,
    to_lose: Arc<AtomicUsize>,
}

impl Lossy {
    fn before(node: &serverlink::Node) -> Self {
        let target = endpoint(node).strip_prefix("tcp://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
        let to_lose = Arc::<AtomicUsize>::default();
        let losing = to_lose.clone();
        thread::spawn(move || {
            let (near, _) = listener.accept().unwrap();
            let far = TcpStream::connect(target).unwrap();
            let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut from, &mut to));
            relay_frames(far, near, &losing)
        });
        Self { endpoint, to_lose }
    }

    fn lose(&self, frames: usize) {
        self.to_lose.store(frames, SeqCst);
    }

    fn has_lost_it(&self) -> bool {
        is_done(&self.to_lose)
    }
}

/// Until one side has gone.
fn relay_frames(mut from: TcpStream, mut to: TcpStream, to_lose: &AtomicUsize) -> Option<()> {
    let mut greeting = [0; GREETING_BYTES];
    from.read_exact(&mut greeting).ok()?;
    to.write_all(&greeting).ok()?;
    loop {
        let (frame, header) = read_frame(&mut from)?;
        let is_command = frame[0] & 4 != 0;
        if !is_command && frame.get(header) == Some(&kind::TOPICS) && !is_done(to_lose) {
            to_lose.fetch_sub(1, SeqCst);
            continue;
        }
        to.write_all(&frame).ok()?;
    }
}

fn is_done(to_lose: &AtomicUsize) -> bool {
    to_lose.load(SeqCst) == 0
}

/// A ZMTP frame with its header, and how long that is.
fn read_frame(from: &mut TcpStream) -> Option<(Vec<u8>, usize)> {
    let mut frame = vec![0; 2];
    from.read_exact(&mut frame).ok()?;
    let is_long = frame[0] & 2 != 0;
    let len = if is_long {
        frame.resize(9, 0);
        from.read_exact(&mut frame[2..]).ok()?;
        u64::from_be_bytes(frame[1..].try_into().unwrap()) as usize
    } else {
        usize::from(frame[1])
    };
    let header = frame.len();
    frame.resize(header + len, 0);
    from.read_exact(&mut frame[header..]).ok()?;
    Some((frame, header))
}

#[test]
fn a_topic_whose_offer_is_lost_is_known_and_heard_from_its_first_message() {
    let host = bound();
    let network = Lossy::before(&host);
    let client = quick().peer(&network.endpoint).start().unwrap();
    client.sync(WAIT).unwrap();
    let subscribers = [Overflow::DropNewest, Overflow::Block]
        .map(|overflow| subscribed_with(&client, &["t*"], overflow, 100));
    network.lose(1);
    let publisher = host.create_topic("t1").unwrap();
    for number in 0..50_u64 {
        publisher.publish(number.to_le_bytes()).unwrap();
    }
    eventually("it is lost", || network.has_lost_it());
    knows(&client, "t1");
    for subscriber in &subscribers {
        assert_numbers(subscriber, 0..50);
    }
    for number in 50..500_u64 {
        publisher.publish(number.to_le_bytes()).unwrap();
        for subscriber in &subscribers {
            assert_numbers(subscriber, number..number + 1);
        }
    }
    assert_eq!((client.stats().reconnects, client.stats().links), (0, 1));
}

#[test]
fn a_topic_whose_end_is_lost_is_forgotten() {
    let host = bound();
    let network = Lossy::before(&host);
    let publisher = host.create_topic("gone").unwrap();
    host.create_topic("stays").unwrap();
    let client = quick().peer(&network.endpoint).start().unwrap();
    client.sync(WAIT).unwrap();
    network.lose(1);
    drop(publisher);
    host.destroy_topic("gone").unwrap();
    eventually("it is lost", || network.has_lost_it());
    eventually("it is forgotten", || client.topic("gone").is_none());
    knows(&client, "stays");
}
