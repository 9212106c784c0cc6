//! Nodes under test, and two that go about their business beside them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;

use serverlink::{Delivery, Event, Events, Node};

use crate::{WAIT, wait_until};

/// A node bound at a free TCP port, and its endpoint.
///
/// # Panics
/// If it does not start.
#[must_use]
pub fn server() -> (Node, String) {
    let node = Node::builder()
        .name("server")
        .bind("tcp://127.0.0.1:0")
        .start()
        .expect("a node on the loopback starts");
    let endpoint = node.last_endpoint().expect("it was bound");
    (node, endpoint)
}

/// Takes events until one is what is asked for.
///
/// # Panics
/// If none comes within [`WAIT`].
#[track_caller]
pub fn events_until<R>(events: &Events, mut wanted: impl FnMut(Event) -> Option<R>) -> R {
    loop {
        let event = events.next_timeout(WAIT).expect("the event must come");
        if let Some(found) = wanted(event) {
            return found;
        }
    }
}

/// The reason of the next connection that was closed because of what came over it.
///
/// # Panics
/// If none comes within [`WAIT`].
#[track_caller]
pub fn next_rejection(events: &Events) -> String {
    events_until(events, |event| match event {
        Event::Rejected { reason, .. } => Some(reason),
        _ => None,
    })
}

/// A publisher at the node under test and a subscriber at another one, linked over TCP: each message is published once
/// the one before it has arrived. Whatever harms or holds up this link shows.
#[derive(Debug)]
pub struct Bystanders {
    arrived: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    guest: Arc<Node>,
}

impl Bystanders {
    /// Begins the exchange on a topic of its own.
    ///
    /// # Panics
    /// If the two do not get into touch.
    #[must_use]
    pub fn start(host: &Node, endpoint: &str) -> Self {
        let publisher = host.create_topic("bystanders").expect("a new topic");
        let guest = Node::builder().name("guest").peer(endpoint).start();
        let guest = Arc::new(guest.expect("the guest starts"));
        guest.sync(WAIT).expect("the guest reaches the host");
        let subscriber = guest.subscribe(["bystanders"]).expect("the topic is known");
        subscriber.wait_subscribed(WAIT).expect("acknowledged");
        let (arrived, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (counter, stopped) = (arrived.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            while !stopped.load(Relaxed) {
                let number = counter.load(Relaxed).to_le_bytes();
                publisher.publish(number).expect("a subscriber listens");
                match subscriber.recv_timeout(WAIT) {
                    Ok(Delivery::Message(message)) => assert_eq!(message.data(), number),
                    other => panic!("{other:?} instead of a message"),
                }
                counter.fetch_add(1, Relaxed);
            }
        });
        Self {
            arrived,
            stop,
            thread: Some(thread),
            guest,
        }
    }

    /// Waits until a hundred more messages have arrived.
    ///
    /// # Panics
    /// If the exchange does not go on, or its link was cut.
    #[track_caller]
    pub fn go_on(&self) {
        let goal = self.arrived.load(Relaxed) + 100;
        wait_until("the bystanders' messages", || {
            self.arrived.load(Relaxed) >= goal
        });
        assert_eq!(self.guest.stats().reconnects, 0, "the link was cut");
    }
}

impl Drop for Bystanders {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            ended
                .expect("taken only here")
                .expect("the exchange never failed");
        }
    }
}
