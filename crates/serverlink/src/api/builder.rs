//! Describing a node before it starts.

use spot_core::Role;

use super::context::Context;
use super::error::StartError;
use super::node::Node;
use super::options::Options;
use crate::engine;

/// Describes a [`Node`] before it starts.
#[derive(Debug, Clone)]
pub struct NodeBuilder {
    context: Option<Context>,
    name: Option<String>,
    role: Role,
    binds: Vec<String>,
    peers: Vec<String>,
    topics: Vec<String>,
    options: Options,
}

impl NodeBuilder {
    pub(super) fn new(context: Option<Context>) -> Self {
        Self {
            context,
            name: None,
            role: Role::Node,
            binds: Vec::new(),
            peers: Vec::new(),
            topics: Vec::new(),
            options: Options::default(),
        }
    }

    /// The node's name, 1 to 255 bytes. A named node keeps its id over restarts; without a name the id is random.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Joins as an observer: a short-lived tool that counts in no quorum.
    #[must_use]
    pub fn observer(mut self) -> Self {
        self.role = Role::Observer;
        self
    }

    /// Binds an endpoint at the start; see [`Node::bind`].
    #[must_use]
    pub fn bind(mut self, endpoint: impl Into<String>) -> Self {
        self.binds.push(endpoint.into());
        self
    }

    /// Adds a peer at the start; see [`Node::add_peer`].
    #[must_use]
    pub fn peer(mut self, endpoint: impl Into<String>) -> Self {
        self.peers.push(endpoint.into());
        self
    }

    /// Hosts a topic from the start; see [`Node::create_topic`].
    #[must_use]
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.topics.push(topic.into());
        self
    }

    /// Sets options, starting from the defaults.
    #[must_use]
    pub fn options(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.options);
        self
    }

    /// Starts the node: topics, then binds, then peers.
    ///
    /// # Errors
    /// [`StartError`]; nothing stays bound and no node is left behind.
    pub fn start(self) -> Result<Node, StartError> {
        let context = match self.context {
            Some(context) => context,
            None => Context::new()?,
        };
        let inner = engine::start(context.inner().clone(), self.name, self.role, self.options)?;
        let node = Node::from_inner(inner);
        for topic in &self.topics {
            node.create_topic(topic)?;
        }
        for endpoint in &self.binds {
            node.bind(endpoint)?;
        }
        for endpoint in &self.peers {
            node.add_peer(endpoint)?;
        }
        Ok(node)
    }
}
