//! A node: topics hosted, topics reached, peers.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use spot_core::node::{self as core, RouteError, RouteStatus};
use spot_core::{Endpoint, Filter, NodeId, validate_topic};

use super::builder::NodeBuilder;
use super::error::*;
use super::event::Events;
use super::options::Options;
use super::publisher::{Publisher, publish_known, publish_looked_up, resolve};
use super::subscriber::Subscriber;
use crate::data::Deadline;
use crate::engine::{self, NodeInner};

/// A node of a SPOT cluster. Cheap to clone, usable from any number of threads at once; closed by
/// [`close`](Self::close), or when the last of its handles (clones, publishers, subscribers) is dropped.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// let server = serverlink::Node::builder().bind("tcp://127.0.0.1:0").topic("sensor:temp").start()?;
/// let client = serverlink::Node::builder().peer(server.last_endpoint().unwrap()).start()?;
/// client.sync(Duration::from_secs(5))?;
/// let readings = client.subscribe(["sensor:*"])?;
/// readings.wait_subscribed(Duration::from_secs(5))?;
/// server.publish("sensor:temp", "21.5")?;
/// assert_eq!(readings.recv()?.into_message().unwrap().data(), b"21.5");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Node {
    pub(super) handle: Arc<NodeHandle>,
}

/// Closes the node when the last handle to it is gone.
#[derive(Debug)]
pub(super) struct NodeHandle(Arc<NodeInner>);

impl Deref for NodeHandle {
    type Target = Arc<NodeInner>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for NodeHandle {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Node {
    pub(super) fn from_inner(inner: Arc<NodeInner>) -> Self {
        Self {
            handle: Arc::new(NodeHandle(inner)),
        }
    }

    /// Describes a node with a context of its own.
    #[must_use]
    pub fn builder() -> NodeBuilder {
        NodeBuilder::new(None)
    }

    /// The node's id: random, or derived from its name.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.handle.id()
    }

    /// The node's name, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.handle.name.as_deref()
    }

    /// Hosts a topic on this node. A topic that was only discovered elsewhere may be hosted here, too: subscribers then
    /// get both streams.
    ///
    /// # Errors
    /// [`CreateTopicError`]; nothing changed.
    pub fn create_topic(&self, topic: &str) -> Result<Publisher, CreateTopicError> {
        validate_topic(topic)?;
        self.open(CreateTopicError::Closed)?;
        let created = self
            .handle
            .control(|control| control.core.create_topic(topic));
        created.map_err(|error| match error {
            core::CreateTopicError::AlreadyHosted => CreateTopicError::AlreadyHosted {
                topic: topic.to_owned(),
            },
            core::CreateTopicError::Routed { endpoint } => CreateTopicError::Routed {
                topic: topic.to_owned(),
                endpoint,
            },
        })?;
        let object = self
            .handle
            .find_topic(topic)
            .ok_or(CreateTopicError::Closed)?;
        Ok(Publisher::new(self.handle.clone(), object))
    }

    /// Routes a topic to the node at `endpoints`, one or several separated by commas, the first preferred: the topic is
    /// remote there, and other nodes that offer it are ignored. Waits up to the connect timeout until one is reached.
    /// A route whose endpoints are unreachable is replaced.
    ///
    /// # Errors
    /// [`RouteTopicError`]; nothing is registered.
    pub fn route_topic(&self, topic: &str, endpoints: &str) -> Result<(), RouteTopicError> {
        validate_topic(topic)?;
        let list = Endpoint::parse_list(endpoints)?;
        self.open(RouteTopicError::Closed)?;
        let refused = |error| match error {
            RouteError::AlreadyHosted => RouteTopicError::AlreadyHosted {
                topic: topic.to_owned(),
            },
            RouteError::AlreadyRouted { endpoint } => RouteTopicError::AlreadyRouted {
                topic: topic.to_owned(),
                endpoint,
            },
        };
        let now_ms = self.handle.now_ms();
        let peers = self
            .handle
            .control(|control| control.core.begin_route(now_ms, topic, &list))
            .map_err(refused)?;
        let timeout = self.handle.read_options(|options| options.connect_timeout);
        let status = self
            .handle
            .wait_until(Deadline::after(Some(timeout)), |control| {
                let status = control.core.route_status(&peers);
                (status != RouteStatus::Connecting).then_some(status)
            });
        match status {
            Some(RouteStatus::Reached) => self
                .handle
                .control(|control| control.core.finish_route(topic, peers))
                .map_err(refused),
            other => {
                self.handle
                    .control(|control| control.core.abandon_route(&peers));
                self.open(RouteTopicError::Closed)?;
                let endpoint = endpoints.to_owned();
                Err(match other {
                    Some(RouteStatus::Itself) => RouteTopicError::Itself { endpoint },
                    _ => RouteTopicError::Unreachable {
                        topic: topic.to_owned(),
                        endpoint,
                        timeout,
                    },
                })
            }
        }
    }

    /// Stops hosting a topic, or forgets its route. Peers learn of it at once.
    ///
    /// # Errors
    /// [`DestroyTopicError`]; nothing changed.
    pub fn destroy_topic(&self, topic: &str) -> Result<(), DestroyTopicError> {
        validate_topic(topic)?;
        self.open(DestroyTopicError::Closed)?;
        let destroyed = self
            .handle
            .control(|control| control.core.destroy_topic(topic));
        destroyed.map_err(|_| DestroyTopicError::Unknown {
            topic: topic.to_owned(),
        })
    }

    /// Resolves a topic, local or remote, for publishing.
    ///
    /// # Errors
    /// [`PublishError::InvalidName`], [`PublishError::Unknown`], [`PublishError::Closed`].
    pub fn publisher(&self, topic: &str) -> Result<Publisher, PublishError> {
        validate_topic(topic)?;
        Ok(Publisher::new(
            self.handle.clone(),
            resolve(&self.handle, topic)?,
        ))
    }

    /// Publishes on a topic, local or remote; see [`Publisher::publish`]. A message to a remote topic goes to one
    /// owner, which fans it out.
    ///
    /// # Errors
    /// [`PublishError`]; in every case no subscriber got the message.
    #[inline]
    pub fn publish(&self, topic: &str, data: impl AsRef<[u8]>) -> Result<(), PublishError> {
        let data = data.as_ref();
        match publish_known(&self.handle, topic.as_bytes(), data) {
            Some(published) => published,
            None => publish_looked_up(&self.handle, topic, data),
        }
    }

    /// As [`publish`](Self::publish), if this thread has lately published on that topic; otherwise `None`, and nothing has
    /// happened. For who has a name as bytes that are yet to be checked, as the C library does.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let node = serverlink::Node::builder().topic("a").start()?;
    /// assert!(node.publish_known(b"a", b"1").is_none());
    /// node.publish("a", "1")?;
    /// assert!(node.publish_known(b"a", b"2").is_some());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    #[inline]
    pub fn publish_known(&self, topic: &[u8], data: &[u8]) -> Option<Result<(), PublishError>> {
        publish_known(&self.handle, topic, data)
    }

    /// A subscriber without subscriptions yet, with the node's subscriber options.
    #[must_use]
    pub fn subscriber(&self) -> Subscriber {
        Subscriber::new(self.handle.clone())
    }

    /// A subscriber to these filters. A `&str` with one of `*?[` in it is a pattern, otherwise an exact topic; pass a
    /// [`Filter`] to be explicit.
    ///
    /// # Errors
    /// [`SubscribeError`]; no subscriber is left behind.
    pub fn subscribe<F>(
        &self,
        filters: impl IntoIterator<Item = F>,
    ) -> Result<Subscriber, SubscribeError>
    where
        F: TryInto<Filter>,
        SubscribeError: From<F::Error>,
    {
        let subscriber = self.subscriber();
        for filter in filters {
            subscriber.subscribe_filter(&filter.try_into()?)?;
        }
        Ok(subscriber)
    }

    /// Accepts links at `endpoint`: `tcp://*:5555`, `tcp://127.0.0.1:0`, `tcp://[::1]:5555`, `ipc:///path`,
    /// `inproc://name`. Returns it with its real port. Several binds are allowed.
    ///
    /// # Errors
    /// [`BindError`]; nothing is bound.
    pub fn bind(&self, endpoint: &str) -> Result<String, BindError> {
        engine::bind(&self.handle, endpoint)
    }

    /// The most recent bind, with its real port.
    #[must_use]
    pub fn last_endpoint(&self) -> Option<String> {
        self.handle
            .inspect(|control| control.binds.last().map(|bind| bind.actual.clone()))
    }

    /// Adds a peer and returns at once; resolving, connecting and reconnecting go on in the background, for ever.
    /// Start order does not matter.
    ///
    /// # Errors
    /// [`AddPeerError`]; nothing changed.
    pub fn add_peer(&self, endpoint: &str) -> Result<(), AddPeerError> {
        let parsed = Endpoint::parse_connect(endpoint)?;
        self.open(AddPeerError::Closed)?;
        let is_own = self.handle.inspect(|control| {
            control
                .binds
                .iter()
                .any(|bind| bind.actual == parsed.to_string())
        });
        if is_own {
            return Err(AddPeerError::Itself {
                endpoint: parsed.to_string(),
            });
        }
        let now_ms = self.handle.now_ms();
        let added = self
            .handle
            .control(|control| control.core.add_peer(now_ms, &parsed));
        let endpoint = parsed.to_string();
        added.map(drop).map_err(|error| match error {
            core::AddPeerError::AlreadyAdded => AddPeerError::AlreadyAdded { endpoint },
            core::AddPeerError::Itself => AddPeerError::Itself { endpoint },
        })
    }

    /// Removes a peer: its link closes, the topics known only through it are forgotten, and its links are refused until
    /// it is added again. Subscriptions stay as interest.
    ///
    /// # Errors
    /// [`RemovePeerError`]; nothing changed.
    pub fn remove_peer(&self, endpoint: &str) -> Result<(), RemovePeerError> {
        let parsed = Endpoint::parse_connect(endpoint)?;
        self.open(RemovePeerError::Closed)?;
        let removed = self
            .handle
            .control(|control| control.core.remove_peer(&parsed));
        removed.map_err(|_| RemovePeerError::Unknown {
            endpoint: parsed.to_string(),
        })
    }

    /// Asks every peer for its topics and waits for the answers. Succeeds at once without peers. A plain ZeroMQ peer has
    /// answered once it is connected.
    ///
    /// # Errors
    /// [`SyncError`]; what the answering peers told is kept.
    pub fn sync(&self, timeout: Duration) -> Result<(), SyncError> {
        self.open(SyncError::Closed)?;
        let id = self.handle.control(|control| control.core.begin_sync());
        let done = self
            .handle
            .wait_until(Deadline::after(Some(timeout)), |control| {
                control.core.sync_pending(id).is_empty().then_some(())
            });
        let pending = self.handle.control(|control| {
            let pending = control.core.sync_pending(id);
            control.core.end_sync(id);
            pending
        });
        if done.is_some() {
            return Ok(());
        }
        self.open(SyncError::Closed)?;
        if pending.unreachable.is_empty() {
            Err(SyncError::TimedOut {
                peers: pending.silent,
                timeout,
            })
        } else {
            Err(SyncError::Unreachable {
                peers: pending.unreachable,
            })
        }
    }

    /// Events from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::listen(self.handle.clone())
    }

    /// Waits until at least `count` subscribers listen to the topic (see [`Publisher::subscribers`]), so that nothing
    /// published from then on is missed by them.
    ///
    /// # Errors
    /// [`WaitError`].
    pub fn wait_subscribers(
        &self,
        topic: &str,
        count: usize,
        timeout: Duration,
    ) -> Result<(), WaitError> {
        self.open(WaitError::Closed)?;
        if self.topic(topic).is_none() {
            return Err(WaitError::Unknown {
                topic: topic.to_owned(),
            });
        }
        let there = self
            .handle
            .wait_until(Deadline::after(Some(timeout)), |control| {
                let view = control.core.topic(topic)?;
                (control.topic(view.id)?.subscribers() >= count).then_some(())
            });
        there.ok_or_else(|| {
            self.open(WaitError::Closed)
                .err()
                .unwrap_or(WaitError::TimedOut { timeout })
        })
    }

    /// Waits until the topic can be published on: it is hosted here, or a node that offers it is linked. It may be unknown
    /// when the call is made.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use serverlink::Node;
    /// use std::time::Duration;
    /// let server = Node::builder().topic("t").bind("tcp://127.0.0.1:0").start()?;
    /// let client = Node::builder().peer(server.last_endpoint().unwrap()).start()?;
    /// client.wait_reachable("t", Duration::from_secs(5))?;
    /// client.publish("t", "hello")?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`WaitError::TimedOut`], [`WaitError::Closed`].
    pub fn wait_reachable(&self, topic: &str, timeout: Duration) -> Result<(), WaitError> {
        self.open(WaitError::Closed)?;
        let there = self
            .handle
            .wait_until(Deadline::after(Some(timeout)), |control| {
                control.core.topic(topic)?.reachable.then_some(())
            });
        there.ok_or_else(|| {
            self.open(WaitError::Closed)
                .err()
                .unwrap_or(WaitError::TimedOut { timeout })
        })
    }

    /// The options now.
    #[must_use]
    pub fn options(&self) -> Options {
        self.handle.options()
    }

    /// Changes options.
    ///
    /// # Errors
    /// [`OptionsError`]; the options stay as they were.
    pub fn configure(&self, change: impl FnOnce(&mut Options)) -> Result<(), OptionsError> {
        self.open(OptionsError::Closed)?;
        let mut options = self.handle.options();
        change(&mut options);
        options.check()?;
        self.handle.configure(options);
        Ok(())
    }

    /// Closes the node: blocked calls return `Closed`, queued outbound data is sent within the linger option, peers are
    /// told. Returns when the node's sockets are closed. Twice is once.
    pub fn close(&self) {
        self.handle.close();
    }

    fn open<E>(&self, closed: E) -> Result<(), E> {
        if self.handle.is_closed() {
            Err(closed)
        } else {
            Ok(())
        }
    }
}
