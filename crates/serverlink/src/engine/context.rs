//! What the nodes of a context share: I/O threads, the names bound by inproc, and each other.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};

use super::NodeInner;
use super::inproc::link_implicitly;
use crate::data::{Buffers, lock};
use crate::reactor::{IoThread, Reactor};

/// A context.
#[derive(Debug)]
pub(crate) struct ContextInner {
    threads: Vec<IoThread>,
    next_thread: AtomicUsize,
    pub(crate) max_nodes: usize,
    members: Mutex<Members>,
    /// Of large messages.
    pub(crate) buffers: Arc<Buffers>,
}

#[derive(Debug, Default)]
struct Members {
    nodes: Vec<Weak<NodeInner>>,
    inproc: HashMap<String, Weak<NodeInner>>,
    closed: bool,
}

/// Why a context did not take a node in.
pub(crate) enum NotAdmitted {
    Closed,
    Full,
}

impl ContextInner {
    pub(crate) fn new(threads: Vec<IoThread>, max_nodes: usize) -> Self {
        Self {
            threads,
            next_thread: AtomicUsize::new(0),
            max_nodes,
            members: Mutex::default(),
            buffers: Arc::default(),
        }
    }

    /// The I/O thread for the next node: each in turn.
    pub(crate) fn pick_reactor(&self) -> Reactor {
        let next = self.next_thread.fetch_add(1, Relaxed);
        self.threads[next % self.threads.len()].reactor().clone()
    }

    pub(super) fn admit(&self, node: &Arc<NodeInner>) -> Result<(), NotAdmitted> {
        let mut members = lock(&self.members);
        members.nodes.retain(|node| node.strong_count() > 0);
        if members.closed {
            return Err(NotAdmitted::Closed);
        }
        if members.nodes.len() >= self.max_nodes {
            return Err(NotAdmitted::Full);
        }
        members.nodes.push(Arc::downgrade(node));
        Ok(())
    }

    pub(super) fn dismiss(&self, node: &NodeInner) {
        let mut members = lock(&self.members);
        let is_it = |known: &Weak<NodeInner>| std::ptr::eq(known.as_ptr(), node);
        members.nodes.retain(|known| !is_it(known));
        members.inproc.retain(|_, known| !is_it(known));
    }

    /// Binds an inproc name; false if it is taken.
    pub(super) fn bind_inproc(&self, name: &str, node: &Arc<NodeInner>) -> bool {
        let mut members = lock(&self.members);
        if members
            .inproc
            .get(name)
            .is_some_and(|known| known.strong_count() > 0)
        {
            return false;
        }
        members.inproc.insert(name.to_owned(), Arc::downgrade(node));
        true
    }

    pub(super) fn bound_inproc(&self, name: &str) -> Option<Arc<NodeInner>> {
        lock(&self.members)
            .inproc
            .get(name)?
            .upgrade()
            .filter(|node| !node.is_closed())
    }

    /// Links `node` to the other nodes of the context that host `topic`; false if there is none.
    pub(crate) fn link_to_hosts_of(&self, node: &Arc<NodeInner>, topic: &str) -> bool {
        let mut found = false;
        for other in self.others(node) {
            let hosts = other.inspect(|control| control.core.hosts(topic));
            if hosts {
                link_implicitly(node, &other);
                found = true;
            }
        }
        found
    }

    /// Links `node` to every other node of the context, for its patterns.
    pub(crate) fn link_to_all(&self, node: &Arc<NodeInner>) {
        for other in self.others(node) {
            link_implicitly(node, &other);
        }
    }

    /// A node has joined: those whose patterns may match its topics, and who have no cluster, link to it.
    pub(super) fn welcome(&self, node: &Arc<NodeInner>) {
        for other in self.others(node) {
            if other
                .inspect(|control| control.core.has_patterns() && !control.core.has_cluster_peer())
            {
                link_implicitly(&other, node);
            }
        }
    }

    /// Closes every node and refuses new ones.
    pub(crate) fn close(&self) {
        let nodes: Vec<Arc<NodeInner>> = {
            let mut members = lock(&self.members);
            members.closed = true;
            members.nodes.iter().filter_map(Weak::upgrade).collect()
        };
        nodes.iter().for_each(NodeInner::close);
    }

    fn others(&self, node: &Arc<NodeInner>) -> Vec<Arc<NodeInner>> {
        let members = lock(&self.members);
        let nodes = members.nodes.iter().filter_map(Weak::upgrade);
        nodes
            .filter(|other| !Arc::ptr_eq(other, node) && !other.is_closed())
            .collect()
    }
}
