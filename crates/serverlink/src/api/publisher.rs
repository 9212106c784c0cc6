//! A resolved topic to publish on.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use spot_core::{Payload, View, validate_topic};

use super::error::PublishError;
use super::node::NodeHandle;
use crate::data::{Aftermath, Deadline, Mail, PublishFailure, Topic, lock};
use crate::engine::NodeInner;

/// Data up to this many bytes is copied where it is queued, under the locks of the topic; more is copied before.
pub(super) const COPIED_LATE_MAX_BYTES: usize = 1024;

/// A topic resolved once, so that publishing on it needs no look-up. Cheap to clone, usable from any thread.
///
/// It stays good when the topic moves: destroyed and created again, or hosted elsewhere and then here.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let node = serverlink::Node::builder().start()?;
/// let temperature = node.create_topic("sensor:temp")?;
/// let subscriber = node.subscribe(["sensor:temp"])?;
/// temperature.publish("21.5")?;
/// assert_eq!(subscriber.recv()?.into_message().unwrap().data(), b"21.5");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Publisher {
    node: Arc<NodeHandle>,
    topic: Arc<Topic>,
    /// The topic that came after it, where it was destroyed and created again.
    successor: Arc<Mutex<Option<Arc<Topic>>>>,
}

impl Publisher {
    pub(super) fn new(node: Arc<NodeHandle>, topic: Arc<Topic>) -> Self {
        Self {
            node,
            topic,
            successor: Arc::default(),
        }
    }

    /// The topic's name.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic.name
    }

    /// Publishes a message. Waits for subscribers that chose [`Overflow::Block`](crate::Overflow::Block), and on a
    /// remote topic for the link's queue, up to the node's send timeout. The bytes are copied.
    ///
    /// # Errors
    /// [`PublishError`]; in every case no subscriber got the message.
    #[inline(always)]
    pub fn publish(&self, data: impl AsRef<[u8]>) -> Result<(), PublishError> {
        self.publish_copy(data.as_ref(), None)
    }

    /// As [`publish`](Self::publish), sharing `data` instead of copying it where it is large.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub fn publish_bytes(&self, data: Bytes) -> Result<(), PublishError> {
        check_size(&self.node, data.len())?;
        self.publish_view((&Payload::from_bytes(data)).into(), None)
    }

    /// Publishes without waiting.
    ///
    /// # Errors
    /// As [`publish`](Self::publish); [`PublishError::Full`] when a blocking subscriber has no room.
    #[inline]
    pub fn try_publish(&self, data: impl AsRef<[u8]>) -> Result<(), PublishError> {
        self.publish_copy(data.as_ref(), Some(Deadline::Now))
    }

    /// Publishes, waiting at most `timeout`.
    ///
    /// # Errors
    /// As [`publish`](Self::publish); [`PublishError::Full`] when the time is up.
    pub fn publish_timeout(
        &self,
        data: impl AsRef<[u8]>,
        timeout: Duration,
    ) -> Result<(), PublishError> {
        self.publish_copy(data.as_ref(), Some(Deadline::after(Some(timeout))))
    }

    /// Publishes messages in order, as [`publish`](Self::publish). Says how many were accepted, and the error that
    /// stopped it.
    pub fn publish_many<D: AsRef<[u8]>>(
        &self,
        messages: impl IntoIterator<Item = D>,
    ) -> (usize, Result<(), PublishError>) {
        let mut accepted = 0;
        for message in messages {
            if let Err(error) = self.publish(message) {
                return (accepted, Err(error));
            }
            accepted += 1;
        }
        (accepted, Ok(()))
    }

    /// Subscribers that listen: those of this node and its context, and one for each interested link. Of a topic
    /// hosted elsewhere only those of this node are known.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.current().subscribers()
    }

    /// The topic, or the one that came after it.
    fn current(&self) -> Arc<Topic> {
        let successor = lock(&self.successor);
        successor.as_ref().unwrap_or(&self.topic).clone()
    }

    #[inline(always)]
    fn publish_copy(&self, data: &[u8], deadline: Option<Deadline>) -> Result<(), PublishError> {
        match publish_plainly(&self.node, &self.topic, data) {
            true => Ok(()),
            false => self.publish_any(data, deadline),
        }
    }

    #[inline(never)]
    fn publish_any(&self, data: &[u8], deadline: Option<Deadline>) -> Result<(), PublishError> {
        check_size(&self.node, data.len())?;
        if data.len() > COPIED_LATE_MAX_BYTES {
            let payload = self.node.context.buffers.payload(data);
            return self.publish_view((&payload).into(), deadline);
        }
        self.publish_view(data.into(), deadline)
    }

    fn publish_view(&self, data: View<'_>, deadline: Option<Deadline>) -> Result<(), PublishError> {
        match publish(&self.node, &self.topic, data, deadline) {
            Ok(()) => Ok(()),
            Err(refusal) => self.publish_in_spite(refusal, data, deadline),
        }
    }

    #[cold]
    fn publish_in_spite(
        &self,
        refusal: Refusal,
        data: View<'_>,
        deadline: Option<Deadline>,
    ) -> Result<(), PublishError> {
        match refusal {
            Refusal::Retired => self.publish_on_successor(data, deadline),
            Refusal::Error(error) => Err(error),
        }
    }

    #[cold]
    fn publish_on_successor(
        &self,
        data: View<'_>,
        deadline: Option<Deadline>,
    ) -> Result<(), PublishError> {
        match publish(&self.node, &self.current(), data, deadline) {
            Err(Refusal::Retired) => {}
            Err(Refusal::Error(error)) => return Err(error),
            Ok(()) => return Ok(()),
        }
        let found = resolve(&self.node, &self.topic.name)?;
        *lock(&self.successor) = Some(found.clone());
        publish_found(&self.node, &found, data, deadline)
    }
}

/// Why a publish on a topic object failed.
enum Refusal {
    /// It is not in use any more: look the topic up.
    Retired,
    Error(PublishError),
}

impl Refusal {
    /// The error where the topic was just found.
    fn on(self, topic: &Topic) -> PublishError {
        match self {
            Self::Retired => PublishError::Unknown {
                topic: topic.name.to_string(),
            },
            Self::Error(error) => error,
        }
    }
}

#[inline]
pub(super) fn check_size(node: &NodeInner, len: usize) -> Result<(), PublishError> {
    let max = node.max_message_size.load(Relaxed);
    if len > max {
        Err(PublishError::TooLarge { len, max })
    } else {
        Ok(())
    }
}

/// Finds a topic by name: known here, or hosted by another node of this context while this node has no peers.
pub(super) fn resolve(node: &Arc<NodeInner>, name: &str) -> Result<Arc<Topic>, PublishError> {
    if node.is_closed() {
        return Err(PublishError::Closed);
    }
    let known = || node.inspect(|control| control.core.topic(name).is_some());
    let lonely = || node.inspect(|control| !control.core.has_cluster_peer());
    let found = known() || lonely() && node.context.link_to_hosts_of(node, name) && known();
    if found && let Some(topic) = node.find_topic(name) {
        return Ok(topic);
    }
    Err(PublishError::Unknown {
        topic: name.to_owned(),
    })
}

/// Publishes a message if that is plain, as it mostly is; otherwise nothing has happened.
#[inline(always)]
fn publish_plainly(node: &NodeInner, topic: &Topic, data: &[u8]) -> bool {
    data.len() <= COPIED_LATE_MAX_BYTES
        && data.len() <= node.max_message_size.load(Relaxed)
        && !node.is_closed()
        && !node.refuses_to_publish()
        && topic.publish_plainly(data)
}

/// Publishes on the topic of this name if this thread knows it, as it mostly does. `None` if it does not, or the topic is
/// gone: nothing has happened.
#[inline(always)]
pub(super) fn publish_known(
    node: &Arc<NodeInner>,
    name: &[u8],
    data: &[u8],
) -> Option<Result<(), PublishError>> {
    let mut refusal = None;
    let publish = |topic: &Topic| {
        publish_plainly(node, topic, data) || {
            refusal = publish_any(node, topic, data, None).err();
            refusal.is_none()
        }
    };
    match node.with_known_topic(name, publish) {
        Some(true) => Some(Ok(())),
        _ => refused(refusal),
    }
}

#[cold]
#[inline(never)]
fn refused(refusal: Option<Refusal>) -> Option<Result<(), PublishError>> {
    match refusal {
        Some(Refusal::Error(error)) => Some(Err(error)),
        Some(Refusal::Retired) | None => None,
    }
}

/// Publishes a message of any size.
#[inline(never)]
fn publish_any(
    node: &Arc<NodeInner>,
    topic: &Topic,
    data: &[u8],
    deadline: Option<Deadline>,
) -> Result<(), Refusal> {
    check_size(node, data.len()).map_err(Refusal::Error)?;
    if data.len() > COPIED_LATE_MAX_BYTES {
        let payload = node.context.buffers.payload(data);
        return publish(node, topic, (&payload).into(), deadline);
    }
    publish(node, topic, data.into(), deadline)
}

/// Publishes on the topic of this name, which this thread does not know.
#[cold]
pub(super) fn publish_looked_up(
    node: &Arc<NodeInner>,
    name: &str,
    data: &[u8],
) -> Result<(), PublishError> {
    check_size(node, data.len())?;
    let topic = match node.find_topic(name) {
        Some(topic) => topic,
        None => {
            node.forget_topic(name);
            resolve(node, validate_topic(name)?)?
        }
    };
    node.know_topic(&topic);
    publish_any(node, &topic, data, None).map_err(|refusal| refusal.on(&topic))
}

/// Publishes on a topic that was just found.
fn publish_found(
    node: &Arc<NodeInner>,
    topic: &Arc<Topic>,
    data: View<'_>,
    deadline: Option<Deadline>,
) -> Result<(), PublishError> {
    publish(node, topic, data, deadline).map_err(|refusal| refusal.on(topic))
}

/// Publishes, waiting where need be; `None` waits as long as the node's send timeout says.
fn publish(
    node: &Arc<NodeInner>,
    topic: &Topic,
    data: View<'_>,
    deadline: Option<Deadline>,
) -> Result<(), Refusal> {
    check_state(node, topic)?;
    let mut after = Aftermath::default();
    let published = topic.publish(&node.identity, data, Mail::Unread, &mut after);
    node.settle(after);
    match published {
        Ok(()) => Ok(()),
        Err(failure) => publish_in_spite(failure, node, topic, data, deadline),
    }
}

/// Goes on publishing after a failure that may pass.
#[cold]
fn publish_in_spite(
    mut failure: PublishFailure,
    node: &Arc<NodeInner>,
    topic: &Topic,
    data: View<'_>,
    mut deadline: Option<Deadline>,
) -> Result<(), Refusal> {
    let mut mail = Mail::Unread;
    loop {
        match failure {
            PublishFailure::MailUnread(peer) => {
                peer.read_mail();
                mail = Mail::Read;
            }
            PublishFailure::Retired => return Err(Refusal::Retired),
            PublishFailure::Unreachable => {
                let topic = topic.name.to_string();
                return Err(Refusal::Error(PublishError::Unreachable { topic }));
            }
            PublishFailure::Full(blocker) => {
                let until = *deadline.get_or_insert_with(|| {
                    Deadline::after(node.read_options(|options| options.send_timeout))
                });
                if !blocker.wait(data.len(), until) {
                    return Err(Refusal::Error(PublishError::Full {
                        topic: topic.name.clone(),
                    }));
                }
            }
        }
        check_state(node, topic)?;
        let mut after = Aftermath::default();
        let published = topic.publish(&node.identity, data, mail, &mut after);
        node.settle(after);
        match published {
            Ok(()) => return Ok(()),
            Err(next) => failure = next,
        }
    }
}

/// Whether the node publishes anything now.
#[inline]
fn check_state(node: &NodeInner, topic: &Topic) -> Result<(), Refusal> {
    if node.is_closed() {
        return Err(Refusal::Error(PublishError::Closed));
    }
    if node.refuses_to_publish() {
        return Err(Refusal::Error(minority(node, topic)));
    }
    Ok(())
}

#[cold]
fn minority(node: &NodeInner, topic: &Topic) -> PublishError {
    let cluster = node.inspect(|control| control.core.cluster());
    PublishError::Minority {
        topic: topic.name.to_string(),
        reachable: cluster.reachable,
        size: cluster.size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Node;

    fn known_of(node: &NodeInner, name: &str) -> bool {
        node.with_known_topic(name.as_bytes(), |_| ()).is_some()
    }

    #[test]
    fn a_thread_knows_what_it_has_published_on() {
        let node = Node::builder().topic("a").topic("b").start().unwrap();
        node.publish("a", "1").unwrap();
        let inner = &node.handle;
        assert!(known_of(inner, "a") && !known_of(inner, "b"));
        let of_another = Node::builder().topic("a").start().unwrap();
        assert!(!known_of(&of_another.handle, "a"));
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(!known_of(inner, "a")));
        });
        node.destroy_topic("a").unwrap();
        assert!(node.publish("a", "2").is_err());
        assert!(!known_of(inner, "a"), "what is gone is let go");
    }

    #[test]
    fn a_node_that_is_gone_leaves_nothing_behind_its_topics() {
        let node = Node::builder()
            .options(|options| options.history = 10)
            .topic("t")
            .start()
            .unwrap();
        node.publish("t", "kept in memory").unwrap();
        let identity = node.handle.identity;
        let topic = node.handle.find_topic("t").unwrap();
        drop(node);
        let refused = topic.publish(
            &identity,
            View::from(&[][..]),
            Mail::Unread,
            &mut Aftermath::default(),
        );
        assert!(matches!(refused, Err(PublishFailure::Retired)));
    }
}
