//! One connection for each pair of nodes.

mod common;

use std::collections::HashSet;
use std::thread;

use common::*;
use serverlink::{Node, Overflow};

const NODES: usize = 10;
const EACH: u64 = 200;

#[test]
fn a_full_mesh_settles_on_one_connection_for_each_pair_and_loses_nothing() {
    let nodes: Vec<Node> = (0..NODES)
        .map(|index| {
            quick()
                .name(format!("node{index}"))
                .bind("tcp://127.0.0.1:0")
                .start()
                .unwrap()
        })
        .collect();
    for node in &nodes {
        node.create_topic(&format!("of:{}", node.name().unwrap()))
            .unwrap();
    }
    for node in &nodes {
        for other in nodes.iter().filter(|other| other.id() != node.id()) {
            node.add_peer(&endpoint(other)).unwrap();
        }
    }
    for node in &nodes {
        node.sync(WAIT).unwrap();
        assert_eq!(node.topics().len(), NODES);
    }
    let ports: HashSet<u16> = nodes.iter().map(port).collect();
    let pairs = NODES * (NODES - 1) / 2;
    eventually("one connection for each pair is left", || {
        connections(&ports) == pairs
    });
    let links = || nodes.iter().map(|node| node.stats().links).sum::<u64>();
    assert_eq!(links(), 2 * pairs as u64);

    assert_streams(&nodes);
    eventually("it stays so", || connections(&ports) == pairs);
    assert!(nodes.iter().all(|node| node.stats().reconnects == 0));
}

/// Every node receives what every other publishes, complete and in order.
fn assert_streams(nodes: &[Node]) {
    let subscribers: Vec<_> = nodes
        .iter()
        .map(|node| subscribed_with(node, &["of:*"], Overflow::Block, 1000))
        .collect();
    thread::scope(|scope| {
        for node in nodes {
            scope.spawn(move || {
                let topic = node
                    .publisher(&format!("of:{}", node.name().unwrap()))
                    .unwrap();
                for n in 0..EACH {
                    topic.publish_timeout(n.to_le_bytes(), WAIT).unwrap();
                }
            });
        }
        for subscriber in &subscribers {
            scope.spawn(move || {
                let mut next_of = std::collections::HashMap::new();
                for _ in 0..NODES as u64 * EACH {
                    let message = next(subscriber).into_message().expect("no loss and no gap");
                    let next = next_of.entry(message.topic().to_owned()).or_insert(0);
                    assert_eq!(number_in(message.data()), *next, "{}", message.topic());
                    *next += 1;
                }
                assert_eq!(next_of.len(), NODES);
            });
        }
    });
}

#[test]
fn two_nodes_that_add_each_other_at_once_keep_one_connection() {
    for _ in 0..20 {
        let (a, b) = (bound(), bound());
        a.create_topic("t").unwrap();
        thread::scope(|scope| {
            scope.spawn(|| a.add_peer(&endpoint(&b)).unwrap());
            scope.spawn(|| b.add_peer(&endpoint(&a)).unwrap());
        });
        a.sync(WAIT).unwrap();
        b.sync(WAIT).unwrap();
        let subscriber = subscribed_with(&b, &["t"], Overflow::Block, 10);
        thread::scope(|scope| {
            scope.spawn(|| {
                let topic = a.publisher("t").unwrap();
                for n in 0..100u64 {
                    topic.publish_timeout(n.to_le_bytes(), WAIT).unwrap();
                }
            });
            assert_eq!(take_run(&subscriber, 100).received, 100);
        });
        let ports = HashSet::from([port(&a), port(&b)]);
        eventually("one connection is left", || connections(&ports) == 1);
    }
}

#[test]
fn a_peer_that_linked_first_is_not_dialled_besides() {
    let a = bound();
    let b = quick()
        .bind("tcp://127.0.0.1:0")
        .peer(endpoint(&a))
        .start()
        .unwrap();
    b.sync(WAIT).unwrap();
    a.add_peer(&endpoint(&b)).unwrap();
    a.sync(WAIT).unwrap();
    let ports = HashSet::from([port(&a), port(&b)]);
    eventually("one connection is left", || connections(&ports) == 1);
    b.remove_peer(&endpoint(&a)).unwrap();
    eventually("the link is refused", || a.stats().links == 0);
}
