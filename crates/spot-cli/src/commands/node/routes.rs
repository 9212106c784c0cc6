//! Topics hosted elsewhere: routed as soon as one of their endpoints is reached.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use serverlink::{Node, RouteTopicError};
use tracing::{debug, info, warn};

use crate::interrupt::FOREVER;

/// The pause before what was not reached is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Topics, each with the endpoints that it is routed to, the preferred one first.
type Routes = BTreeMap<String, Vec<String>>;

/// A thread that tries until every route stands: nodes may start in any order.
pub(super) struct Router {
    wanted: Sender<Routes>,
    changed: Receiver<()>,
    /// Something else is wanted than what is being tried.
    is_changing: Arc<AtomicBool>,
}

impl Router {
    pub(super) fn start(node: Node) -> Self {
        let (wanted, receiver) = channel();
        let (done, changed) = channel();
        let is_changing = Arc::new(AtomicBool::new(false));
        let routing = Routing {
            node,
            standing: Routes::new(),
            pending: Routes::new(),
            told: HashSet::new(),
            is_changing: Arc::clone(&is_changing),
        };
        thread::spawn(move || routing.run(&receiver, &done));
        Self {
            wanted,
            changed,
            is_changing,
        }
    }

    /// Routes these topics, and returns when no others are routed any more.
    pub(super) fn want(&self, routes: impl IntoIterator<Item = (String, Vec<String>)>) {
        self.is_changing.store(true, Ordering::SeqCst);
        // Without its thread the node is closed.
        if self.wanted.send(routes.into_iter().collect()).is_ok() {
            let _ = self.changed.recv();
        }
    }
}

struct Routing {
    node: Node,
    standing: Routes,
    pending: Routes,
    /// Topics of which it is known that they are not reached yet.
    told: HashSet<String>,
    is_changing: Arc<AtomicBool>,
}

impl Routing {
    fn run(mut self, wanted: &Receiver<Routes>, done: &Sender<()>) {
        loop {
            let wait = if self.pending.is_empty() {
                FOREVER
            } else {
                PAUSE
            };
            match wanted.recv_timeout(wait) {
                Ok(routes) => {
                    self.is_changing.store(false, Ordering::SeqCst);
                    self.change(routes);
                    let _ = done.send(());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.try_pending();
        }
    }

    fn change(&mut self, wanted: Routes) {
        for (topic, endpoints) in std::mem::take(&mut self.standing) {
            if wanted.get(&topic) == Some(&endpoints) {
                self.standing.insert(topic, endpoints);
            } else if let Err(error) = self.node.destroy_topic(&topic) {
                debug!("{error}");
            } else {
                info!("{topic} is not routed any more");
            }
        }
        self.pending = wanted;
        self.pending
            .retain(|topic, _| !self.standing.contains_key(topic));
        self.told.clear();
    }

    fn try_pending(&mut self) {
        // Each attempt waits, so endpoints out of reach are tried once for all their topics.
        let mut out_of_reach = HashSet::new();
        for (topic, endpoints) in std::mem::take(&mut self.pending) {
            let list = endpoints.join(",");
            if out_of_reach.contains(&list) || self.is_changing.load(Ordering::SeqCst) {
                self.pending.insert(topic, endpoints);
                continue;
            }
            match self.node.route_topic(&topic, &list) {
                Ok(()) => {
                    info!("routing {topic} to {list}");
                    self.standing.insert(topic, endpoints);
                }
                Err(RouteTopicError::Closed) => return,
                Err(RouteTopicError::Unreachable { .. }) => {
                    if self.told.insert(topic.clone()) {
                        warn!("cannot route {topic}: {list} is not reached; trying again");
                    }
                    out_of_reach.insert(list);
                    self.pending.insert(topic, endpoints);
                }
                // One list for all nodes of a cluster is handy, and harmless.
                Err(error) => warn!("{error}; left out"),
            }
        }
    }
}
