//! Calls that wait for the network do the I/O thread's work meanwhile. Nothing and nobody may be forgotten over that.

mod common;

use std::thread;
use std::time::Duration;

use common::*;
use serverlink::{Node, Overflow, RecvError, Spin, Subscriber};

/// Two nodes, each of which hosts a topic that the other subscribes to: `to` and `fro`, heard once in each direction.
fn ping_pong() -> ((Node, Subscriber), (Node, Subscriber)) {
    let host = bound();
    host.create_topic("to").unwrap();
    let client = joined(&[&host]);
    client.create_topic("fro").unwrap();
    knows(&host, "fro");
    let at_client = subscribed_with(&client, &["to"], Overflow::Block, 1000);
    let at_host = subscribed_with(&host, &["fro"], Overflow::Block, 1000);
    host.publish("to", "first").unwrap();
    client.publish("fro", "first").unwrap();
    assert_eq!(
        (text(&at_client), text(&at_host)),
        ("first".into(), "first".into())
    );
    ((host, at_host), (client, at_client))
}

#[test]
fn every_question_gets_its_answer() {
    let ((host, at_host), (client, at_client)) = ping_pong();
    let answering = thread::spawn(move || {
        for _ in 0..5_000 {
            let question = number(&at_host);
            host.publish("to", question.to_le_bytes()).unwrap();
        }
        (host, at_host)
    });
    for question in 0..5_000u64 {
        client.publish("fro", question.to_le_bytes()).unwrap();
        assert_eq!(number(&at_client), question);
    }
    answering.join().unwrap();
}

/// It looked for credit, waited for the seat of the I/O thread in vain, and went to sleep without looking again.
#[test]
fn a_publisher_slept_through_the_credit_that_came_while_it_tried_to_drive() {
    let (host, client) = hosting(&["t"]);
    let subscriber = subscribed_with(&client, &["t"], Overflow::Block, 16);
    let publishing = thread::spawn(move || {
        let publisher = host.publisher("t").unwrap();
        for n in 0..40_000u64 {
            publisher.publish_timeout(n.to_le_bytes(), WAIT).unwrap();
        }
        host
    });
    assert_numbers(&subscriber, 0..40_000);
    publishing.join().unwrap();
}

#[test]
fn those_who_wait_beside_each_other_are_all_served() {
    let topics = ["a", "b", "c", "d"];
    let (host, client) = hosting(&topics);
    let subscribers = topics.map(|topic| subscribed_with(&client, &[topic], Overflow::Block, 100));
    let receiving = subscribers.map(|subscriber| {
        thread::spawn(move || {
            assert_numbers(&subscriber, 0..2_000);
            subscriber
        })
    });
    // In turn, so that each of them waits again and again while another is served.
    for n in 0..2_000u64 {
        for topic in topics {
            host.publish(topic, n.to_le_bytes()).unwrap();
        }
    }
    for receiving in receiving {
        receiving.join().unwrap();
    }
}

#[test]
fn who_waits_for_the_network_is_served_by_its_own_process_too() {
    let ((_host, _at_host), (client, at_client)) = ping_pong();
    client.create_topic("near").unwrap();
    at_client.subscribe("near").unwrap();
    let publisher = client.publisher("near").unwrap();
    let waiting = thread::spawn(move || {
        let got = (0..100).map(|_| text(&at_client)).collect::<Vec<_>>();
        (at_client, got)
    });
    for n in 0..100 {
        publisher.publish(n.to_string()).unwrap();
    }
    let (at_client, got) = waiting.join().unwrap();
    assert_eq!(got, (0..100).map(|n| n.to_string()).collect::<Vec<_>>());
    let waiting = thread::spawn(move || at_client.recv());
    client.close();
    assert_eq!(waiting.join().unwrap(), Err(RecvError::Closed));
}

#[test]
fn who_spins_gets_the_same() {
    let (host, client) = hosting(&["t"]);
    client
        .configure(|options| options.spin = Spin::Micros(200))
        .unwrap();
    let subscriber = subscribed_with(&client, &["t"], Overflow::Block, 100);
    let publishing = thread::spawn(move || {
        for n in 0..3_000u64 {
            host.publish("t", n.to_le_bytes()).unwrap();
        }
        host
    });
    assert_numbers(&subscriber, 0..3_000);
    let _host = publishing.join().unwrap();
    let empty = subscriber.recv_timeout(Duration::from_millis(2));
    assert_eq!(empty, Err(RecvError::Empty));
}

#[test]
fn a_wait_with_a_limit_ends_in_time() {
    let ((_host, _at_host), (_client, at_client)) = ping_pong();
    for _ in 0..20 {
        let empty = at_client.recv_timeout(Duration::from_millis(2));
        assert_eq!(empty, Err(RecvError::Empty));
    }
}

#[test]
fn a_node_whose_program_does_something_else_still_answers() {
    let ((host, at_host), (client, at_client)) = ping_pong();
    // It has driven, and may drive next time.
    let empty = at_client.recv_timeout(Duration::from_millis(2));
    assert_eq!(empty, Err(RecvError::Empty));
    for n in 0..20 {
        host.create_topic(&format!("new:{n}")).unwrap();
        host.sync(WAIT).unwrap();
        knows(&client, &format!("new:{n}"));
    }
    drop((at_host, at_client));
}

/// Who publishes has driven while it waited for credit, and may come back; here it never does.
#[test]
fn what_a_burst_leaves_is_written_though_its_publisher_does_not_come_back() {
    let (host, client) = hosting(&["t"]);
    let subscriber = subscribed_with(&client, &["t"], Overflow::Block, 100);
    let publisher = host.publisher("t").unwrap();
    for round in 0..20u64 {
        // More than the window, so that it waits, and then some that fit.
        let publishing =
            || (0..253).for_each(|n| publisher.publish((round * 253 + n).to_le_bytes()).unwrap());
        thread::scope(|scope| {
            scope.spawn(|| assert_numbers(&subscriber, round * 253..(round + 1) * 253));
            publishing();
        });
    }
}

#[test]
fn who_waits_with_a_descriptor_is_told_though_another_receiver_drives() {
    let (host, client) = hosting(&["a", "b"]);
    let [driving, polled] = ["a", "b"].map(|topic| subscribed(&client, &[topic]));
    host.publish("a", "first").unwrap();
    assert_eq!(text(&driving), "first");
    let waiting = thread::spawn(move || (text(&driving), driving));
    for n in 0..50 {
        host.publish("b", n.to_string()).unwrap();
        assert_readable(&polled);
        assert_eq!(text(&polled), n.to_string());
    }
    host.publish("a", "last").unwrap();
    assert_eq!(waiting.join().unwrap().0, "last");
}

#[track_caller]
fn assert_readable(subscriber: &Subscriber) {
    use std::os::fd::AsRawFd;
    let mut polled = libc::pollfd {
        fd: subscriber.poll_fd().unwrap().as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one entry, which is ours.
    let ready = unsafe { libc::poll(&raw mut polled, 1, WAIT.as_millis() as i32) };
    assert_eq!(ready, 1, "readable within the deadline");
}
