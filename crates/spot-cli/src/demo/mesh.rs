//! Three nodes, each linked to the other two.

use std::collections::HashSet;
use std::time::Instant;

use serverlink::{Events, Node, Overflow, PeerState, Publisher, Subscriber, TopicPlace};

use super::PATIENCE;
use super::story::Story;
use crate::cli::value::is_pattern;
use crate::failure::Failure;

/// Which node hosts which topics.
const TOPICS: [(&str, &[&str]); 3] = [
    ("alpha", &["sensor:temp", "sensor:humidity", "burst"]),
    ("beta", &["chat:lobby"]),
    ("gamma", &["game:score"]),
];

/// The nodes of the demo.
pub(super) struct Mesh {
    pub(super) alpha: Member,
    pub(super) beta: Member,
    pub(super) gamma: Member,
}

/// A node, and where it listens.
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) node: Node,
    pub(super) endpoint: String,
    events: Events,
}

impl Mesh {
    /// Starts three nodes, each with I/O threads of its own.
    pub(super) fn start(story: &mut Story) -> Result<Self, Failure> {
        story.step("Three nodes start");
        let [alpha, beta, gamma] = TOPICS.map(|(name, _)| Member::start(name, "tcp://127.0.0.1:0"));
        let mesh = Self {
            alpha: alpha?,
            beta: beta?,
            gamma: gamma?,
        };
        for member in mesh.members() {
            story.check(&format!("{:5} listens at {}", member.name, member.endpoint));
        }
        Ok(mesh)
    }

    /// Tells every node where the others are, and waits for the links.
    pub(super) fn link(&self, story: &mut Story) -> Result<(), Failure> {
        story.step("Each is told where the other two are, and links to them");
        for member in self.members() {
            self.join(member)?;
        }
        for member in self.members() {
            member.wait_linked(2)?;
            story.check(&format!("{:5} has links to the other two", member.name));
        }
        Ok(())
    }

    /// Tells `member` where the others are.
    pub(super) fn join(&self, member: &Member) -> Result<(), Failure> {
        for other in self.members() {
            if other.name != member.name {
                member.node.add_peer(&other.endpoint)?;
            }
        }
        Ok(())
    }

    /// Hosts the topics and checks that every node knows all of them.
    pub(super) fn offer_topics(&self, story: &mut Story) -> Result<(), Failure> {
        story.step("Each hosts topics of its own; a sync makes them known to all");
        for (member, (_, topics)) in self.members().into_iter().zip(TOPICS) {
            for topic in topics {
                member.node.create_topic(topic)?;
            }
            story.say(&format!("{:5} hosts {}", member.name, topics.join(", ")));
        }
        for (member, (_, own)) in self.members().into_iter().zip(TOPICS) {
            member.sync()?;
            let all: usize = TOPICS.iter().map(|(_, topics)| topics.len()).sum();
            let known = member.node.topics();
            let local = known
                .iter()
                .filter(|topic| topic.place == TopicPlace::Local);
            if (known.len(), local.count()) != (all, own.len()) {
                return Err(Failure::Failed(format!(
                    "{} knows the topics {known:?}",
                    member.name
                )));
            }
        }
        story.check("every node knows all 5 topics, and which of them are its own");
        Ok(())
    }

    pub(super) fn members(&self) -> [&Member; 3] {
        [&self.alpha, &self.beta, &self.gamma]
    }

    pub(super) fn close(self) {
        for member in self.members() {
            member.node.close();
        }
    }
}

impl Member {
    pub(super) fn start(name: &'static str, endpoint: &str) -> Result<Self, Failure> {
        let node = Node::builder().name(name).start()?;
        let events = node.events();
        let endpoint = node.bind(endpoint)?;
        Ok(Self {
            name,
            node,
            endpoint,
            events,
        })
    }

    pub(super) fn sync(&self) -> Result<(), Failure> {
        let synced = self.node.sync(PATIENCE);
        synced.map_err(|error| Failure::Failed(format!("{} cannot sync: {error}", self.name)))
    }

    /// Waits until `count` other nodes are connected.
    pub(super) fn wait_linked(&self, count: usize) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        while self.linked() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            if self.events.next_timeout(left).is_none() {
                return Err(Failure::Failed(format!(
                    "{} has links to {} of {count} nodes after {PATIENCE:?}: {:?}",
                    self.name,
                    self.linked(),
                    self.node.peers()
                )));
            }
        }
        Ok(())
    }

    fn linked(&self) -> usize {
        let peers = self.node.peers().into_iter();
        let connected = peers.filter(|peer| peer.state == PeerState::Connected);
        connected
            .filter_map(|peer| peer.node)
            .collect::<HashSet<_>>()
            .len()
    }

    /// A subscriber whose subscription every owner has acknowledged.
    pub(super) fn subscribe(
        &self,
        filter: &str,
        hwm: usize,
        overflow: Overflow,
    ) -> Result<Subscriber, Failure> {
        let subscriber = self.node.subscriber();
        subscriber.configure(|options| {
            options.hwm = hwm;
            options.overflow = overflow;
        })?;
        if is_pattern(filter) {
            subscriber.subscribe_pattern(filter)?;
        } else {
            subscriber.subscribe(filter)?;
        }
        subscriber.wait_subscribed(PATIENCE).map_err(|error| {
            Failure::Failed(format!("{} subscribing to {filter}: {error}", self.name))
        })?;
        Ok(subscriber)
    }

    pub(super) fn publisher(&self, topic: &str) -> Result<Publisher, Failure> {
        Ok(self.node.publisher(topic)?)
    }
}
