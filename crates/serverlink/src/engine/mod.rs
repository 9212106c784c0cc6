//! The node at work: the control plane of `spot-core` under one lock, its outputs carried out on the data plane, the
//! reactors and the other nodes of the context.

mod apply;
mod context;
mod credit;
mod events;
mod gap_log;
mod history;
mod inproc;
mod lifecycle;
mod link_handle;
mod links;
mod names;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock, Weak};
use std::time::Instant;

use spot_core::inbox::Limit;
use spot_core::node::PASSAGE_ALIASES;
use spot_core::{LinkId, Missed, Node, NodeId, SubscriberId};

use crate::api::{Event, Options};
use crate::data::{
    Aftermath, Counters, CutStreams, Deadline, Forgotten, Identity, Sent, SharedInbox,
    SharedOutbox, Topic, Work, lock, wait,
};
use crate::reactor::{Reactor, Turns};

pub(crate) use context::ContextInner;
pub(crate) use events::EventQueue;
use gap_log::GapLog;
pub(crate) use lifecycle::{bind, host_text, start};
pub(crate) use link_handle::LinkHandle;
use names::Names;

/// One node: shared by its handles, its links and its timers.
#[derive(Debug)]
pub(crate) struct NodeInner {
    pub(crate) identity: Identity,
    pub(crate) name: Option<String>,
    pub(crate) context: Arc<ContextInner>,
    pub(crate) reactor: Reactor,
    pub(crate) counters: Counters,
    options: RwLock<Options>,
    /// Largest payload, read at each publish.
    pub(crate) max_message_size: AtomicUsize,
    control: Mutex<Control>,
    /// Told after every change of the control plane while somebody waits.
    changed: Condvar,
    names: Names,
    /// Frames from nodes of this context, not yet handled.
    mailbox: Mutex<Vec<inproc::Inbound>>,
    /// When the reactor is going to call `handle_timeout`; `u64::MAX` for never.
    armed_ms: AtomicU64,
    /// Changes of ways to other nodes' topics; what caches one compares.
    pub(crate) ways_changed: AtomicU64,
    /// Streams published to this node or by way of it.
    pub(crate) turns: Turns,
    passages: AtomicU32,
    closed: AtomicBool,
    /// Connections that are gone and of which messages still wait for room.
    pub(crate) remaining: AtomicUsize,
    /// This node has no majority of its cluster and is set to refuse publishing then; read at each publish.
    refuses: AtomicBool,
    open_sockets: Mutex<usize>,
    all_closed: Condvar,
    epoch: Instant,
}

/// The control plane and what its outputs refer to.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) core: Node,
    pub(crate) links: HashMap<LinkId, LinkHandle>,
    /// By topic number.
    topics: Vec<Option<Arc<Topic>>>,
    pub(crate) cut_topics: Forgotten<CutStreams>,
    pub(crate) sent_topics: Forgotten<Sent>,
    /// Topics forgotten so far: one that comes back is another stream.
    forgotten_topics: u32,
    pub(crate) subscribers: HashMap<SubscriberId, Arc<SharedInbox>>,
    pub(crate) binds: Vec<Bind>,
    events: Vec<Weak<EventQueue>>,
    departed: Vec<credit::Departed>,
    gap_log: GapLog,
    waiting: usize,
    /// What carrying out outputs left to do once the lock is free.
    after: Aftermath,
}

/// A bound endpoint.
#[derive(Debug)]
pub(crate) struct Bind {
    /// As asked for, in canonical text.
    pub(crate) asked: String,
    /// With its real port.
    pub(crate) actual: String,
}

/// The node is gone, and nobody finds its topics any more. Threads that published on them may hold on to them: not to what
/// is behind them.
impl Drop for NodeInner {
    fn drop(&mut self) {
        let control = self
            .control
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        for topic in control.topics() {
            topic.retire(|_| false);
        }
    }
}

impl NodeInner {
    pub(crate) fn id(&self) -> NodeId {
        self.identity.node
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.epoch.elapsed().as_millis() as u64
    }

    /// What the node's milliseconds count from.
    pub(crate) fn epoch(&self) -> Instant {
        self.epoch
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    /// An alias for a stream of published messages that is passed on. They are as good as never all in use.
    pub(crate) fn passage_alias(&self) -> u32 {
        PASSAGE_ALIASES | self.passages.fetch_add(1, Relaxed)
    }

    /// Whether publishing is refused for want of a majority.
    #[inline]
    pub(crate) fn refuses_to_publish(&self) -> bool {
        self.refuses.load(Relaxed)
    }

    pub(crate) fn options(&self) -> Options {
        self.read_options(Options::clone)
    }

    pub(crate) fn read_options<R>(&self, read: impl FnOnce(&Options) -> R) -> R {
        read(
            &self
                .options
                .read()
                .unwrap_or_else(|poisoned| poisoned.into_inner()),
        )
    }

    /// Runs `change` on the control plane and carries out what follows from it, here and in the nodes of this context
    /// that it concerns.
    pub(crate) fn control<R>(self: &Arc<Self>, change: impl FnOnce(&mut Control) -> R) -> R {
        let mut touched = Vec::new();
        let (result, after) = {
            let mut control = lock(&self.control);
            let result = change(&mut control);
            self.carry_out(&mut control, &mut touched);
            (result, std::mem::take(&mut control.after))
        };
        inproc::deliver_mail(touched);
        if !after.is_empty() {
            self.settle_on_reactor(after);
        }
        result
    }

    /// Looks at the control plane without changing it.
    pub(crate) fn inspect<R>(&self, look: impl FnOnce(&Control) -> R) -> R {
        look(&lock(&self.control))
    }

    /// Waits until `done` gives something, asking after every change of the control plane; `None` when the time is up
    /// or the node is closed.
    pub(crate) fn wait_until<R>(
        &self,
        deadline: Deadline,
        done: impl FnMut(&Control) -> Option<R>,
    ) -> Option<R> {
        self.wait_while(|| !self.is_closed(), deadline, done)
    }

    /// As [`wait_until`](Self::wait_until), also while the node is closed.
    fn wait_while<R>(
        &self,
        goes_on: impl Fn() -> bool,
        deadline: Deadline,
        mut done: impl FnMut(&Control) -> Option<R>,
    ) -> Option<R> {
        let mut control = lock(&self.control);
        loop {
            if let Some(result) = done(&control) {
                return Some(result);
            }
            if !goes_on() {
                return None;
            }
            control.waiting += 1;
            let (guard, in_time) = wait(&self.changed, control, deadline);
            control = guard;
            control.waiting -= 1;
            if !in_time {
                return done(&control);
            }
        }
    }

    /// Does what the data plane left to do, once its locks are free.
    #[inline]
    pub(crate) fn settle(self: &Arc<Self>, after: Aftermath) {
        if let Some(work) = after.into_work() {
            self.settle_work(*work);
        }
    }

    #[inline(never)]
    fn settle_work(self: &Arc<Self>, work: Work) {
        for outbox in &work.flush {
            outbox.flush_as_publisher();
        }
        self.settle_rare(work);
    }

    fn settle_rare(self: &Arc<Self>, work: Work) {
        work.announce.iter().for_each(|inbox| inbox.announce());
        for inbox in work.ended_inboxes {
            if let Some(owner) = inbox.owner.upgrade() {
                owner.control(|control| {
                    control.core.end_subscriptions(inbox.subscriber);
                    let endpoint = owner.name.clone().unwrap_or_else(|| owner.id().to_string());
                    owner.tell_event(control, &Event::SlowSubscriber { endpoint });
                });
            }
        }
        if !work.ended_classes.is_empty() {
            self.control(|control| {
                for (link, class) in work.ended_classes {
                    if control.core.end_class(link, class) {
                        let endpoint = control.address_of(link);
                        self.tell_event(control, &Event::SlowSubscriber { endpoint });
                    }
                }
            });
        }
        if work.duplicates > 0 {
            self.counters
                .duplicates_refused
                .fetch_add(work.duplicates, Relaxed);
        }
        if !work.followed.is_empty() {
            self.control(|control| {
                for (topic, origin, link) in work.followed {
                    control.core.stream_followed(topic, origin, link);
                }
            });
        }
        if work.relayed.0 > 0 {
            let (messages, bytes) = work.relayed;
            let counters = &self.counters;
            counters.relayed_messages.fetch_add(messages, Relaxed);
            counters.relayed_bytes.fetch_add(bytes, Relaxed);
        }
        if !work.gaps.is_empty() {
            self.tell_gaps(work.gaps);
        }
    }

    /// Tells of messages that were lost on the way here.
    fn tell_gaps(&self, gaps: Vec<(Arc<str>, Missed)>) {
        for (topic, missed) in &gaps {
            self.counters.gaps.fetch_add(1, Relaxed);
            self.counters
                .missed_messages
                .fetch_add(missed.counted(), Relaxed);
            if let Some(topic) = self.find_topic(topic) {
                topic.count_gap(*missed);
            }
        }
        self.tell_missed(gaps);
    }

    /// Has the log and the events say what was missed; counted it is elsewhere.
    #[cold]
    pub(crate) fn tell_missed(&self, gaps: Vec<(Arc<str>, Missed)>) {
        let mut control = lock(&self.control);
        for (topic, missed) in gaps {
            if let Some(sum) = control.gap_log.count(missed.counted(), self.now_ms()) {
                let (node, gaps) = (self.name.as_deref().unwrap_or_default(), sum.gaps);
                let (topic, missed) = (&*topic, sum.missed);
                tracing::warn!(node, topic, missed, gaps, "messages missed");
            }
            let missed = missed.count();
            control.tell(&Event::Gap { topic, missed });
        }
    }

    pub(crate) fn send_limit(&self) -> Limit {
        self.read_options(|options| Limit {
            messages: options.send_hwm,
            bytes: options.send_hwm_bytes,
        })
    }

    /// Changes options; what applies at once is applied.
    pub(crate) fn configure(self: &Arc<Self>, options: Options) {
        self.max_message_size
            .store(options.max_message_size, Relaxed);
        let (min_ms, max_ms) = (
            options.reconnect_min.as_millis() as u64,
            options.reconnect_max.as_millis() as u64,
        );
        let (spin, relay) = (options.spin, options.relay);
        let cluster = options.cluster();
        *self
            .options
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = options;
        let limit = self.send_limit();
        let history = self.history_limit();
        self.control(|control| {
            control.set_history(history);
            control.core.set_reconnect_pauses(min_ms, max_ms);
            control.core.set_relay(relay);
            control.core.configure_cluster(cluster);
            control
                .outboxes()
                .for_each(|outbox| outbox.set_limit(limit));
            control
                .subscribers
                .values()
                .for_each(|inbox| inbox.set_spin(spin));
        });
    }

    pub(crate) fn socket_opened(&self) {
        *lock(&self.open_sockets) += 1;
    }

    pub(crate) fn socket_closed(&self) {
        *lock(&self.open_sockets) -= 1;
        self.all_closed.notify_all();
    }
}

impl Control {
    pub(crate) fn topic(&self, id: spot_core::TopicId) -> Option<&Arc<Topic>> {
        self.topics.get(id.0 as usize)?.as_ref()
    }

    pub(crate) fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics.iter().flatten()
    }

    /// A subscription was cancelled: what nobody subscribes to any more is not missed.
    pub(crate) fn forget_unwanted(&mut self) {
        let (core, subscribers) = (&self.core, &self.subscribers);
        self.cut_topics.retain(|topic, cut| {
            cut.retain_waiting(|subscriber| core.wants(subscriber, topic));
            subscribers
                .keys()
                .any(|subscriber| core.wants(*subscriber, topic))
        });
    }

    /// Tells an event to everybody who listens.
    pub(crate) fn tell(&self, event: &Event) {
        self.events
            .iter()
            .filter_map(Weak::upgrade)
            .for_each(|queue| queue.push(event.clone()));
    }

    pub(crate) fn listen(&mut self, queue: &Arc<EventQueue>) {
        self.events.retain(|known| known.strong_count() > 0);
        self.events.push(Arc::downgrade(queue));
    }

    pub(crate) fn outboxes(&self) -> impl Iterator<Item = &Arc<SharedOutbox>> {
        self.links.values().filter_map(|link| link.outbox())
    }

    pub(crate) fn address_of(&self, link: LinkId) -> String {
        let peers = self.core.peers();
        peers
            .into_iter()
            .find(|peer| peer.link == Some(link))
            .map_or_else(String::new, |peer| peer.endpoint)
    }
}
