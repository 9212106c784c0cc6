//! Waiting for a subscriber by its descriptor, as a future, as a stream, as an iterator.

mod common;

use std::future::{Future, poll_fn};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use common::*;
use futures_core::Stream;
use serverlink::{Delivery, Overflow, RecvError, Subscriber};

/// Whether the descriptor is readable, waiting at most so long.
fn poll_readable(fd: BorrowedFd<'_>, timeout_ms: i32) -> bool {
    let mut polled = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one valid pollfd, which outlives the call.
    let ready = unsafe { libc::poll(&raw mut polled, 1, timeout_ms) };
    assert!(ready >= 0);
    ready == 1 && polled.revents & libc::POLLIN != 0
}

fn is_readable(subscriber: &Subscriber) -> bool {
    poll_readable(subscriber.poll_fd().unwrap(), 0)
}

#[test]
fn the_descriptor_is_readable_exactly_while_something_can_be_received() {
    let (host, client) = hosting(&["t", "u"]);
    for node in [&host, &client] {
        let subscriber = subscribed(node, &["t", "u"]);
        assert!(!is_readable(&subscriber));
        host.publish("t", "1").unwrap();
        host.publish("u", "2").unwrap();
        eventually("both are queued", || subscriber.queued() == 2);
        for _ in 0..3 {
            assert!(is_readable(&subscriber), "level-triggered");
        }
        assert_eq!(text(&subscriber), "1");
        assert!(is_readable(&subscriber));
        assert_eq!(text(&subscriber), "2");
        assert!(!is_readable(&subscriber));
        host.publish("t", "3").unwrap();
        assert!(poll_readable(subscriber.as_fd(), 30_000));
        subscriber.unsubscribe("t").unwrap();
        assert!(!is_readable(&subscriber), "what was queued is discarded");
        assert_empty(&subscriber);
    }
}

#[test]
fn the_descriptor_tells_what_was_queued_before_it_was_asked_for() {
    let node = quick().topic("t").start().unwrap();
    let subscriber = node.subscribe(["t"]).unwrap();
    node.publish("t", "1").unwrap();
    assert!(is_readable(&subscriber));
}

#[test]
fn the_descriptor_tells_gaps_losses_and_the_end() {
    let (host, client) = hosting(&["t"]);
    let subscriber = subscribed_with(&client, &["t"], Overflow::DropNewest, 1);
    assert!(!is_readable(&subscriber));
    host.publish("t", "1").unwrap();
    host.publish("t", "2").unwrap();
    assert_eq!(text(&subscriber), "1");
    assert!(poll_readable(subscriber.as_fd(), 30_000));
    assert!(matches!(
        next(&subscriber),
        Delivery::Gap { .. } | Delivery::Message(_)
    ));
    while subscriber.try_recv().is_ok() {}
    assert!(!is_readable(&subscriber));
    host.close();
    assert!(poll_readable(subscriber.as_fd(), 30_000));
    assert!(matches!(next(&subscriber), Delivery::PeerLost { .. }));
    assert!(!is_readable(&subscriber));
    client.close();
    assert!(
        is_readable(&subscriber),
        "a receive answers that the node is closed"
    );
    assert_eq!(subscriber.try_recv(), Err(RecvError::Closed));
}

#[test]
fn the_descriptor_wakes_a_thread_that_polls() {
    let (host, client) = hosting(&["t"]);
    let subscriber = subscribed_with(&client, &["t"], Overflow::Block, 2);
    thread::scope(|scope| {
        scope.spawn(|| {
            let publisher = host.publisher("t").unwrap();
            for n in 0..500u64 {
                publisher.publish_timeout(n.to_le_bytes(), WAIT).unwrap();
            }
        });
        let mut expected = 0;
        while expected < 500 {
            assert!(poll_readable(subscriber.poll_fd().unwrap(), 30_000));
            while let Ok(delivery) = subscriber.try_recv() {
                assert_eq!(number_in(delivery.into_message().unwrap().data()), expected);
                expected += 1;
            }
        }
    });
}

#[test]
fn each_subscriber_has_its_own_descriptor() {
    let node = quick().topic("t").topic("u").start().unwrap();
    let (t, u) = (
        node.subscribe(["t"]).unwrap(),
        node.subscribe(["u"]).unwrap(),
    );
    assert!(!is_readable(&t) && !is_readable(&u));
    node.publish("t", "1").unwrap();
    assert!(is_readable(&t) && !is_readable(&u));
}

/// Wakes the thread that runs a future.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest executor: runs one future on this thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park_timeout(WAIT),
        }
    }
}

#[test]
fn messages_are_received_as_futures() {
    let (host, client) = hosting(&["t"]);
    let subscriber = subscribed_with(&client, &["t"], Overflow::Block, 10);
    thread::scope(|scope| {
        scope.spawn(|| {
            let publisher = host.publisher("t").unwrap();
            for n in 0..2_000u64 {
                publisher.publish_timeout(n.to_le_bytes(), WAIT).unwrap();
            }
        });
        block_on(async {
            for n in 0..2_000 {
                let message = subscriber
                    .recv_async()
                    .await
                    .unwrap()
                    .into_message()
                    .unwrap();
                assert_eq!(number_in(message.data()), n);
            }
        });
    });
}

#[test]
fn a_future_that_is_dropped_loses_nothing() {
    let node = quick().topic("t").start().unwrap();
    let subscriber = node.subscribe(["t"]).unwrap();
    {
        let mut given_up = pin!(subscriber.recv_async());
        let mut context = Context::from_waker(Waker::noop());
        assert!(given_up.as_mut().poll(&mut context).is_pending());
        node.publish("t", "1").unwrap();
    }
    let got = block_on(subscriber.recv_async()).unwrap();
    assert_eq!(got.into_message().unwrap().data(), b"1");
}

#[test]
fn several_futures_of_one_subscriber_are_all_served() {
    let (host, client) = hosting(&["t"]);
    let subscriber = subscribed_with(&client, &["t"], Overflow::Block, 4);
    let publisher = host.publisher("t").unwrap();
    let mut got: Vec<u64> = thread::scope(|scope| {
        let receivers = [(); 3].map(|()| {
            scope.spawn(|| {
                block_on(async {
                    let mut got = Vec::new();
                    loop {
                        let message = subscriber
                            .recv_async()
                            .await
                            .unwrap()
                            .into_message()
                            .unwrap();
                        match number_in(message.data()) {
                            u64::MAX => return got,
                            number => got.push(number),
                        }
                    }
                })
            })
        });
        for n in (0..600).chain([u64::MAX; 3]) {
            publisher.publish_timeout(n.to_le_bytes(), WAIT).unwrap();
        }
        receivers
            .into_iter()
            .flat_map(|receiver| receiver.join().unwrap())
            .collect()
    });
    got.sort_unstable();
    assert!(got.into_iter().eq(0..600));
}

#[test]
fn a_future_ends_when_the_node_closes() {
    let node = quick().topic("t").start().unwrap();
    let subscriber = node.subscribe(["t"]).unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| block_on(subscriber.recv_async()));
        node.close();
        assert_eq!(waiting.join().unwrap(), Err(RecvError::Closed));
    });
}

#[test]
fn a_subscriber_is_a_stream_of_deliveries() {
    let node = quick().topic("t").start().unwrap();
    let mut subscriber = subscribed_with(&node, &["t"], Overflow::DropNewest, 1);
    node.publish("t", "1").unwrap();
    node.publish("t", "2").unwrap();
    let mut next = || {
        block_on(poll_fn(|context| {
            Pin::new(&mut subscriber).poll_next(context)
        }))
    };
    assert!(matches!(next(), Some(Delivery::Message(message)) if message.data() == b"1"));
    assert!(matches!(
        next(),
        Some(Delivery::Gap {
            missed: Some(1),
            ..
        })
    ));
    node.close();
    assert_eq!(next(), None);
}

#[test]
fn a_subscriber_is_an_iterator_of_messages_until_the_node_closes() {
    let node = quick().topic("t").start().unwrap();
    let subscriber = subscribed_with(&node, &["t"], Overflow::DropNewest, 3);
    for text in ["1", "2", "3", "dropped"] {
        node.publish("t", text).unwrap();
    }
    let got: Vec<_> = subscriber
        .iter()
        .take(3)
        .map(|message| message.into_bytes())
        .collect();
    assert_eq!(got, ["1", "2", "3"]);
    thread::scope(|scope| {
        let counted = scope.spawn(|| (&subscriber).into_iter().count());
        node.publish("t", "4").unwrap();
        eventually("it is taken", || subscriber.queued() == 0);
        node.close();
        assert_eq!(counted.join().unwrap(), 1);
    });
}
