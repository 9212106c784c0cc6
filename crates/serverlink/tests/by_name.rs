//! Publishing by name: a thread that knows a name's topic already must not hold on to it longer than it is good.

mod common;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use common::*;
use serverlink::{Node, PublishError};

#[test]
fn a_topic_that_was_destroyed_is_unknown_though_it_was_published_on() {
    let node = quick().topic("t").start().unwrap();
    node.publish("t", "1").unwrap();
    node.destroy_topic("t").unwrap();
    for _ in 0..2 {
        assert!(matches!(
            node.publish("t", "2"),
            Err(PublishError::Unknown { topic }) if topic == "t"
        ));
    }
}

#[test]
fn a_topic_that_is_created_again_is_the_one_published_on() {
    let node = quick().start().unwrap();
    for round in 0..3 {
        node.create_topic("t").unwrap();
        let got = node.subscribe(["t"]).unwrap();
        for number in 0..3 {
            let data = format!("{round}.{number}");
            node.publish("t", &data).unwrap();
            assert_eq!(text(&got), data);
        }
        drop(got);
        node.destroy_topic("t").unwrap();
    }
}

#[test]
fn a_topic_destroyed_and_created_by_another_thread_is_found_again() {
    let node = quick().topic("t").start().unwrap();
    let (go, gone) = channel::<()>();
    let (tell, told) = channel();
    let publisher = {
        let node = node.clone();
        thread::spawn(move || {
            for () in gone {
                tell.send(node.publish("t", "x").is_ok()).unwrap();
            }
        })
    };
    let publishes = || {
        go.send(()).unwrap();
        told.recv_timeout(WAIT).unwrap()
    };
    assert!(publishes());
    node.destroy_topic("t").unwrap();
    assert!(!publishes());
    node.create_topic("t").unwrap();
    let got = node.subscribe(["t"]).unwrap();
    assert!(publishes());
    assert_eq!(text(&got), "x");
    drop(go);
    publisher.join().unwrap();
}

#[test]
fn a_topic_that_moves_to_another_node_is_published_on_there() {
    let host = bound();
    host.create_topic("t").unwrap();
    let there = host.subscribe(["t"]).unwrap();
    let node = quick().topic("t").start().unwrap();
    let here = node.subscribe(["t"]).unwrap();
    node.publish("t", "here").unwrap();
    assert_eq!(text(&here), "here");
    node.destroy_topic("t").unwrap();
    drop(here);
    node.route_topic("t", &endpoint(&host)).unwrap();
    node.wait_reachable("t", WAIT).unwrap();
    node.publish("t", "there").unwrap();
    assert_eq!(text(&there), "there");
    node.destroy_topic("t").unwrap();
    node.create_topic("t").unwrap();
    let here = node.subscribe(["t"]).unwrap();
    node.publish("t", "here again").unwrap();
    assert_eq!(text(&here), "here again");
}

#[test]
fn nodes_of_two_contexts_do_not_share_what_a_thread_knows() {
    let nodes = [(); 2].map(|()| quick().topic("t").start().unwrap());
    let got = nodes.each_ref().map(|node| node.subscribe(["t"]).unwrap());
    for round in 0..3 {
        for (index, node) in nodes.iter().enumerate() {
            node.publish("t", format!("{index}.{round}")).unwrap();
        }
    }
    for (index, got) in got.iter().enumerate() {
        for round in 0..3 {
            assert_eq!(text(got), format!("{index}.{round}"));
        }
        assert_eq!(got.queued(), 0);
    }
}

#[test]
fn a_node_that_comes_after_another_is_not_taken_for_it() {
    for round in 0..100 {
        let node = quick().topic("t").start().unwrap();
        let got = node.subscribe(["t"]).unwrap();
        for data in [format!("{round}.1"), format!("{round}.2")] {
            node.publish("t", &data).unwrap();
            assert_eq!(text(&got), data);
        }
    }
}

#[test]
fn more_names_than_a_thread_remembers_are_told_apart() {
    let names: Vec<String> = (0..300)
        .map(|number| match number % 3 {
            0 => format!("{number}"),
            1 => format!("sensor:{number}:celsius"),
            _ => format!("{number}:a name whose end is always the same"),
        })
        .collect();
    let node = quick().start().unwrap();
    for name in &names {
        node.create_topic(name).unwrap();
    }
    let got = node
        .subscribe([serverlink::Filter::pattern("*").unwrap()])
        .unwrap();
    for _ in 0..2 {
        for name in &names {
            for _ in 0..2 {
                node.publish(name, name).unwrap();
                assert_eq!(message(&got), (name.clone(), name.clone()));
            }
        }
    }
}

/// A waker that publishes itself, on a name for which the thread may have to make room.
struct Publishes(Node, Vec<String>);

impl Wake for Publishes {
    fn wake(self: Arc<Self>) {
        for name in &self.1 {
            self.0.publish(name, "of the waker").unwrap();
        }
    }
}

#[test]
fn a_waker_may_publish_while_its_thread_publishes() {
    let names: Vec<String> = (0..200).map(|number| format!("w{number}")).collect();
    let node = quick().topic("t").start().unwrap();
    for name in &names {
        node.create_topic(name).unwrap();
    }
    let of_waker = node.subscribe(["w*"]).unwrap();
    let got = node.subscribe(["t"]).unwrap();
    // Known from before, so that it is in use while the waker runs.
    node.publish("t", "1").unwrap();
    assert_eq!(text(&got), "1");
    let mut next = pin!(got.recv_async());
    let waker = Waker::from(Arc::new(Publishes(node.clone(), names.clone())));
    assert!(
        next.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    node.publish("t", "2").unwrap();
    let noop = &mut Context::from_waker(Waker::noop());
    assert!(matches!(next.as_mut().poll(noop), Poll::Ready(Ok(_))));
    for name in &names {
        assert_eq!(
            message(&of_waker),
            (name.clone(), "of the waker".to_owned())
        );
    }
}

/// Publishes when its thread ends, when what the thread knew may be gone already.
struct LastWords(Option<Node>);

impl Drop for LastWords {
    fn drop(&mut self) {
        if let Some(node) = &self.0 {
            node.publish("t", "last words").unwrap();
        }
    }
}

thread_local! {
    static LAST_WORDS: std::cell::RefCell<LastWords> = const { std::cell::RefCell::new(LastWords(None)) };
}

#[test]
fn a_thread_may_publish_while_it_ends() {
    let node = quick().topic("t").start().unwrap();
    let got = node.subscribe(["t"]).unwrap();
    for first_of_all in [true, false] {
        let node = node.clone();
        let thread = thread::spawn(move || {
            if first_of_all {
                node.publish("t", "words").unwrap();
            }
            LAST_WORDS.set(LastWords(Some(node.clone())));
            if !first_of_all {
                node.publish("t", "words").unwrap();
            }
        });
        thread.join().unwrap();
        assert_eq!(text(&got), "words");
        assert_eq!(text(&got), "last words");
    }
}
