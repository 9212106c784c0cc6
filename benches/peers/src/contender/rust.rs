//! Ours, through the Rust API.

use bench_child::{Contender, Filters, Overflow, Spec, WAIT, topic_name};
use serverlink::{Delivery, Node, Publisher, Subscriber};

use super::{payload, stamp, stamped};

pub struct Station {
    node: Node,
    spec: Spec,
}

pub struct Sender {
    node: Node,
    names: Vec<String>,
    /// Empty if publishing is by name.
    publishers: Vec<Publisher>,
    payload: Vec<u8>,
}

pub struct Receiver {
    /// Closes with its last handle.
    _node: Node,
    subscriber: Subscriber,
    size: usize,
    pub missed: u64,
}

impl Station {
    pub fn new(spec: &Spec) -> Self {
        let node = Node::builder().start().expect("a node starts");
        let spec = spec.clone();
        Self { node, spec }
    }

    pub fn sibling(&self) -> Self {
        let node = self.node.clone();
        let spec = self.spec.clone();
        Self { node, spec }
    }

    pub fn bind(&mut self) -> String {
        let endpoint = match self.spec.bind.as_str() {
            "" => "tcp://127.0.0.1:0",
            given => given,
        };
        self.node.bind(endpoint).expect("a free port")
    }

    pub fn sender(&mut self, first_topic: usize) -> Sender {
        let topics = first_topic..first_topic + self.spec.topics;
        let names: Vec<String> = topics.map(topic_name).collect();
        let mut publishers: Vec<Publisher> = names
            .iter()
            .map(|name| self.node.create_topic(name).expect("a new topic"))
            .collect();
        if self.spec.contender == Contender::RustNamed {
            publishers.clear();
        }
        Sender {
            node: self.node.clone(),
            names,
            publishers,
            payload: payload(self.spec.size),
        }
    }

    pub fn connect(&mut self, endpoints: &[String]) {
        for endpoint in endpoints {
            self.node.add_peer(endpoint).expect("a new peer");
        }
        self.node.sync(WAIT).expect("all peers answer");
    }

    pub fn receiver(&mut self, filters: &[String]) -> Receiver {
        let subscriber = self.node.subscriber();
        subscriber
            .configure(|options| {
                options.overflow = match self.spec.overflow {
                    Overflow::Block => serverlink::Overflow::Block,
                    Overflow::DropNewest => serverlink::Overflow::DropNewest,
                };
            })
            .expect("an option");
        for filter in filters {
            match self.spec.filters {
                Filters::Exact => subscriber.subscribe(filter),
                Filters::Pattern => subscriber.subscribe_pattern(&format!("{filter}*")),
            }
            .expect("a filter");
        }
        subscriber.wait_subscribed(WAIT).expect("acknowledged");
        Receiver {
            _node: self.node.clone(),
            subscriber,
            size: self.spec.size,
            missed: 0,
        }
    }

    pub fn hub(&mut self) -> (String, String) {
        let relay = self.node.configure(|options| options.relay = true);
        relay.expect("an option");
        let endpoint = self.bind();
        (endpoint.clone(), endpoint)
    }
}

impl Sender {
    pub fn wait_subscribers(&mut self, count: usize) {
        for name in &self.names {
            let there = self.node.wait_subscribers(name, count, WAIT);
            there.expect("subscribers come");
        }
    }

    #[inline]
    pub fn send(&mut self, topic: usize, number: u64) {
        stamp(&mut self.payload, number);
        match self.publishers.get(topic) {
            Some(publisher) => publisher.publish(&self.payload),
            None => self.node.publish(&self.names[topic], &self.payload),
        }
        .expect("published");
    }
}

impl Receiver {
    #[inline]
    pub fn receive(&mut self) -> u64 {
        loop {
            match self.subscriber.recv().expect("a message") {
                Delivery::Message(message) => return stamped(message.data(), self.size),
                Delivery::Gap { missed, .. } => {
                    self.missed += missed.expect("the publisher lives");
                }
                Delivery::PeerLost { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
}
