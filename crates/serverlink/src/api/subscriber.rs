//! Subscriptions and the queue they deliver to.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use spot_core::node::SubscribeError as Refusal;
use spot_core::{Filter, LinkId};

use super::delivery::Delivery;
use super::error::{
    OptionsError, RecvError, RecvIntoError, SubscribeError, UnsubscribeError, WaitError,
};
use super::node::NodeHandle;
use super::options::SubscriberOptions;
use super::receive::{CopiedOut, Iter, RecvFuture, Wait, copy_out, delivery};
use crate::data::{Deadline, Received, SharedInbox, lock};

/// A set of subscriptions with one queue of its own, its own HWM and overflow policy.
///
/// Usable from any number of threads at once; each delivery goes to one of them. A blocked receive holds up no other
/// call. Dropping it cancels its subscriptions.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use serverlink::{Delivery, Node};
/// let node = Node::builder().topic("a").topic("b:1").start()?;
/// let subscriber = node.subscriber();
/// subscriber.configure(|options| options.hwm = 1)?;
/// subscriber.subscribe("a")?;
/// subscriber.subscribe_pattern("b:*")?;
/// node.publish("a", "kept")?;
/// node.publish("b:1", "dropped: the queue is full")?;
/// assert!(matches!(subscriber.recv()?, Delivery::Message(message) if message.topic() == "a"));
/// assert!(matches!(subscriber.recv()?, Delivery::Gap { missed: Some(1), .. }));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Subscriber {
    node: Arc<NodeHandle>,
    inbox: Arc<SharedInbox>,
    options: Mutex<SubscriberOptions>,
}

impl Subscriber {
    pub(super) fn new(node: Arc<NodeHandle>) -> Self {
        let (options, spin) =
            node.read_options(|options| (options.subscriber.clone(), options.spin));
        let closed = node.is_closed();
        let inbox = node.control(|control| {
            let subscriber = control.core.add_subscriber(options.overflow);
            control
                .core
                .set_history(subscriber, options.history_asked());
            let inbox = Arc::new(SharedInbox::new(
                Arc::downgrade(&node),
                node.reactor.clone(),
                subscriber,
                &options,
                spin,
            ));
            control.subscribers.insert(subscriber, inbox.clone());
            control.open_windows_of(&inbox);
            inbox
        });
        if closed {
            inbox.close();
        }
        Self {
            node,
            inbox,
            options: Mutex::new(options),
        }
    }

    /// Subscribes to exactly this topic. Twice is once. With the [`history`](SubscriberOptions::history) option the last
    /// messages that its owner keeps come first.
    ///
    /// A topic that nobody offers yet is subscribed to as soon as a peer offers it; without any peers it is looked for
    /// in the other nodes of the context. Does not wait for the network: see
    /// [`wait_subscribed`](Self::wait_subscribed).
    ///
    /// # Errors
    /// [`SubscribeError`]; nothing changed.
    pub fn subscribe(&self, topic: &str) -> Result<(), SubscribeError> {
        self.subscribe_filter(&Filter::exact(topic)?)
    }

    /// Subscribes to all topics, present and future, whose whole name matches the glob pattern: `*` any run of bytes,
    /// `?` one byte, `[a-z]` one of a set, `[!a-z]` one outside it, `\` takes the next as it is.
    ///
    /// # Errors
    /// [`SubscribeError`]; nothing changed.
    pub fn subscribe_pattern(&self, pattern: &str) -> Result<(), SubscribeError> {
        self.subscribe_filter(&Filter::pattern(pattern)?)
    }

    /// Subscribes to a filter.
    ///
    /// # Errors
    /// [`SubscribeError`]; nothing changed.
    pub fn subscribe_filter(&self, filter: &Filter) -> Result<(), SubscribeError> {
        if self.node.is_closed() {
            return Err(SubscribeError::Closed);
        }
        let subscribe = || {
            self.node
                .control(|control| control.core.subscribe(self.inbox.subscriber, filter))
        };
        let lonely = || {
            self.node
                .inspect(|control| !control.core.has_cluster_peer())
        };
        self.inbox.revive();
        let topic = filter.text();
        match subscribe() {
            Ok(()) => {
                if !matches!(filter, Filter::Exact(_)) && lonely() {
                    self.node.context.link_to_all(&self.node);
                }
                Ok(())
            }
            Err(Refusal::Unreachable) => Err(SubscribeError::Unreachable {
                topic: topic.into_owned(),
            }),
            Err(Refusal::Unknown) => {
                let found = self.node.context.link_to_hosts_of(&self.node, &topic);
                let subscribed = found && subscribe().is_ok();
                if subscribed {
                    Ok(())
                } else {
                    Err(SubscribeError::Unknown {
                        topic: topic.into_owned(),
                    })
                }
            }
        }
    }

    /// Cancels the subscription to this topic, this pattern, or both; at once: what is queued for it alone is
    /// discarded.
    ///
    /// # Errors
    /// [`UnsubscribeError`]; nothing changed.
    pub fn unsubscribe(&self, topic_or_pattern: &str) -> Result<(), UnsubscribeError> {
        if self.node.is_closed() {
            return Err(UnsubscribeError::Closed);
        }
        let filters = [
            Filter::exact(topic_or_pattern).ok(),
            Filter::pattern(topic_or_pattern).ok(),
        ];
        let subscriber = self.inbox.subscriber;
        let removed = self.node.control(|control| {
            let mut removed = false;
            for filter in filters.iter().flatten() {
                removed |= control.core.unsubscribe(subscriber, filter);
            }
            control.forget_unwanted();
            removed
        });
        if !removed {
            return Err(UnsubscribeError::NotSubscribed {
                filter: topic_or_pattern.to_owned(),
            });
        }
        self.node.inspect(|control| {
            self.inbox
                .retain(|topic| control.core.wants(subscriber, topic))
        });
        Ok(())
    }

    /// Waits for the next delivery, as long as the `recv_timeout` option allows (for ever by default).
    ///
    /// # Errors
    /// [`RecvError`].
    pub fn recv(&self) -> Result<Delivery, RecvError> {
        self.recv_wait(Wait::Default)
    }

    /// The next delivery if there is one now.
    ///
    /// # Errors
    /// [`RecvError`].
    pub fn try_recv(&self) -> Result<Delivery, RecvError> {
        self.recv_wait(Wait::Never)
    }

    /// Waits at most `timeout` for the next delivery.
    ///
    /// # Errors
    /// [`RecvError`].
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Delivery, RecvError> {
        self.recv_wait(Wait::For(timeout))
    }

    /// Waits as told for the next delivery.
    ///
    /// # Errors
    /// [`RecvError`].
    pub fn recv_wait(&self, wait: Wait) -> Result<Delivery, RecvError> {
        match self.inbox.receive(|| self.deadline(wait)) {
            Received::Got(taken) => Ok(delivery(taken)),
            Received::Empty => Err(RecvError::Empty),
            Received::Closed => Err(RecvError::Closed),
        }
    }

    /// A future of the next delivery; works under any executor and loses nothing when dropped.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
    /// let node = serverlink::Node::builder().topic("a").start()?;
    /// let subscriber = node.subscribe(["a"])?;
    /// node.publish("a", "1")?;
    /// let mut next = pin!(subscriber.recv_async());
    /// let polled = next.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    /// assert!(matches!(polled, Poll::Ready(Ok(_))));
    /// # Ok(()) }
    /// ```
    pub fn recv_async(&self) -> RecvFuture<'_> {
        RecvFuture { subscriber: self }
    }

    /// Receives into the caller's buffers: the lengths of topic and data, nothing allocated. Gaps are not told here
    /// (see [`SubscriberOptions::tell_gaps`], events and statistics).
    ///
    /// # Errors
    /// [`RecvIntoError`]; with `TooSmall` the message stays first in line.
    #[inline]
    pub fn recv_into(
        &self,
        topic: &mut [u8],
        data: &mut [u8],
        wait: Wait,
    ) -> Result<(usize, usize), RecvIntoError> {
        match self.inbox.copy_message(topic, data) {
            Some(lens) => Ok(lens),
            None => self.recv_into_later(topic, data, wait),
        }
    }

    /// As [`recv_into`](Self::recv_into), where no message is first in line.
    #[cold]
    #[inline(never)]
    fn recv_into_later(
        &self,
        topic: &mut [u8],
        data: &mut [u8],
        wait: Wait,
    ) -> Result<(usize, usize), RecvIntoError> {
        let mut deadline = None;
        loop {
            let until = || *deadline.get_or_insert_with(|| self.deadline(wait));
            let found = self
                .inbox
                .receive_with(until, |front| copy_out(front, topic, data));
            match found {
                Received::Got(CopiedOut::Message {
                    topic_len,
                    data_len,
                    ..
                }) => return Ok((topic_len, data_len)),
                Received::Got(CopiedOut::TooSmall {
                    topic_len,
                    data_len,
                }) => {
                    return Err(RecvIntoError::TooSmall {
                        topic_len,
                        data_len,
                    });
                }
                Received::Got(CopiedOut::Gap) => {}
                Received::Got(CopiedOut::PeerLost) => return Err(RecvIntoError::PeerLost),
                Received::Got(CopiedOut::Ended) => return Err(RecvIntoError::Ended),
                Received::Empty => return Err(RecvIntoError::Empty),
                Received::Closed => return Err(RecvIntoError::Closed),
            }
        }
    }

    /// Messages until the node closes, in order; gaps and losses are skipped (use [`recv`](Self::recv) to see them).
    pub fn iter(&self) -> Iter<'_> {
        Iter { subscriber: self }
    }

    /// Waits until every subscription is acknowledged by every reachable owner, so that nothing published from now on
    /// is missed, and history that was asked for is here. Peers that were just added are waited for until their first connection attempt has ended.
    ///
    /// # Errors
    /// [`WaitError`].
    pub fn wait_subscribed(&self, timeout: Duration) -> Result<(), WaitError> {
        self.wait_acknowledged(None, timeout)
    }

    /// As [`wait_subscribed`](Self::wait_subscribed) for one topic: waits also until an owner is known and reachable.
    ///
    /// # Errors
    /// [`WaitError`]; `NotSubscribed` if the topic is not subscribed to.
    pub fn wait_subscribed_to(&self, topic: &str, timeout: Duration) -> Result<(), WaitError> {
        let subscriber = self.inbox.subscriber;
        if !self
            .node
            .inspect(|control| control.core.wants(subscriber, topic))
        {
            return Err(WaitError::NotSubscribed {
                topic: topic.to_owned(),
            });
        }
        self.wait_acknowledged(Some(topic), timeout)
    }

    /// Messages waiting to be received.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.inbox.messages()
    }

    /// The options now.
    #[must_use]
    pub fn options(&self) -> SubscriberOptions {
        lock(&self.options).clone()
    }

    /// Changes options; they take effect at once.
    ///
    /// # Errors
    /// [`OptionsError::Closed`].
    pub fn configure(
        &self,
        change: impl FnOnce(&mut SubscriberOptions),
    ) -> Result<(), OptionsError> {
        if self.node.is_closed() {
            return Err(OptionsError::Closed);
        }
        let mut options = lock(&self.options);
        let (before, asked_before) = (options.overflow, options.history_asked());
        change(&mut options);
        self.inbox.configure(&options);
        let asked = options.history_asked();
        if asked != asked_before {
            self.node
                .control(|control| control.core.set_history(self.inbox.subscriber, asked));
        }
        if before != options.overflow {
            self.node.control(|control| {
                control
                    .core
                    .set_overflow(self.inbox.subscriber, options.overflow);
                control.open_windows_of(&self.inbox);
            });
        }
        Ok(())
    }

    /// A descriptor that is readable exactly while a receive would give something (level-triggered). Only poll it; it
    /// lives as long as the subscriber.
    ///
    /// # Errors
    /// The system's error when it has no descriptor left.
    pub fn poll_fd(&self) -> io::Result<BorrowedFd<'_>> {
        self.inbox.event_fd()
    }

    fn deadline(&self, wait: Wait) -> Deadline {
        match wait {
            Wait::Never => Deadline::Now,
            Wait::Forever => Deadline::Never,
            Wait::For(timeout) => Deadline::after(Some(timeout)),
            Wait::Default => Deadline::after(lock(&self.options).recv_timeout),
        }
    }

    fn wait_acknowledged(&self, topic: Option<&str>, timeout: Duration) -> Result<(), WaitError> {
        if self.node.is_closed() {
            return Err(WaitError::Closed);
        }
        let wanted: Vec<(LinkId, u64)> = self.node.inspect(|control| {
            control
                .core
                .interest_versions()
                .map(|(link, _, sent)| (link, sent))
                .collect()
        });
        let done = self
            .node
            .wait_until(Deadline::after(Some(timeout)), |control| {
                let core = &control.core;
                let owned =
                    topic.is_none_or(|topic| core.topic(topic).is_some_and(|view| view.reachable));
                // A link that came up since then was told everything at once: all of that counts.
                let acknowledged = core.interest_versions().all(|(link, acked, sent)| {
                    let asked = wanted
                        .iter()
                        .find(|(known, _)| *known == link)
                        .map_or(sent, |(_, sent)| *sent);
                    acked >= asked
                });
                (owned && acknowledged && !core.is_still_connecting()).then_some(())
            });
        match done {
            Some(()) => Ok(()),
            None if self.node.is_closed() => Err(WaitError::Closed),
            None => Err(WaitError::TimedOut { timeout }),
        }
    }

    pub(super) fn poll_delivery(
        &self,
        task: &TaskContext<'_>,
    ) -> Poll<Result<Delivery, RecvError>> {
        loop {
            match self.recv_wait(Wait::Never) {
                Err(RecvError::Empty) if self.inbox.wake_when_ready(task.waker()) => {
                    return Poll::Pending;
                }
                Err(RecvError::Empty) => {}
                ready => return Poll::Ready(ready),
            }
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.inbox.close();
        self.node.control(|control| {
            control.core.remove_subscriber(self.inbox.subscriber);
            control.forget_unwanted();
        });
        self.node.control(|control| {
            if control.subscribers.remove(&self.inbox.subscriber).is_some() {
                self.node.counters.keep_inbox(self.inbox.totals());
            }
        });
    }
}

impl AsFd for Subscriber {
    /// As [`poll_fd`](Subscriber::poll_fd).
    ///
    /// # Panics
    /// When the system has no descriptor left.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll_fd().expect("the system has a descriptor left")
    }
}
