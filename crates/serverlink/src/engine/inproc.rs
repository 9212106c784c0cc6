//! Links between nodes of one context: control frames go from mailbox to mailbox, messages straight into the peer's
//! queues.
//!
//! Mail is delivered by the thread that caused it, after it has let go of its own node's lock; so a subscription made
//! here is in force there when the call returns.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use spot_core::{Hello, LinkId, LinkPeer};

use super::link_handle::LinkHandle;
use super::{Control, NodeInner};
use crate::data::lock;

/// One end of a link between two nodes of a context: who is at the other end.
#[derive(Debug)]
pub(crate) struct InprocLink {
    pub(crate) node: Weak<NodeInner>,
    pub(crate) link: LinkId,
}

/// Mail from a node of this context.
#[derive(Debug)]
pub(crate) enum Inbound {
    /// A node wants a link: its end of it, and who it is.
    Accept {
        from: InprocLink,
        hello: Box<Hello>,
        implicit: bool,
    },
    /// The link that this node wanted is there: the other end of it, and who that is.
    Up {
        link: LinkId,
        to: InprocLink,
        hello: Box<Hello>,
    },
    /// A control frame.
    Frame(LinkId, Vec<u8>),
    /// The link is closed.
    Closed(LinkId),
}

impl InprocLink {
    pub(super) fn post(&self, mail: Inbound, touched: &mut Vec<Arc<NodeInner>>) {
        if let Some(node) = self.node.upgrade() {
            node.post_mail(mail);
            touched.push(node);
        }
    }
}

impl NodeInner {
    /// Handles the mail of nodes of this context that has come so far, also what another thread is at.
    pub(crate) fn read_mail(self: &Arc<Self>) {
        deliver_mail(vec![self.clone()]);
    }
}

/// Delivers the mail of these nodes, and what follows from it, until there is none.
pub(super) fn deliver_mail(touched: Vec<Arc<NodeInner>>) {
    let mut queue = VecDeque::from(touched);
    while let Some(node) = queue.pop_front() {
        let mut touched = Vec::new();
        let after = {
            let mut control = lock(&node.control);
            for mail in node.take_mail() {
                node.handle_mail(&mut control, mail, &mut touched);
                node.carry_out(&mut control, &mut touched);
            }
            std::mem::take(&mut control.after)
        };
        if !after.is_empty() {
            node.settle_on_reactor(after);
        }
        queue.extend(touched);
    }
}

/// Connects to the node of this context that has bound `name`.
pub(super) fn dial_inproc(
    node: &Arc<NodeInner>,
    control: &mut Control,
    link: LinkId,
    name: &str,
    touched: &mut Vec<Arc<NodeInner>>,
) {
    match node.context.bound_inproc(name) {
        None => {
            let reason = format!("nobody in this context has bound inproc://{name}");
            control.core.link_closed(node.now_ms(), link, &reason);
        }
        Some(peer) if Arc::ptr_eq(&peer, node) => {
            let hello = control.core.hello();
            control
                .core
                .link_up(node.now_ms(), link, LinkPeer::Spot(hello));
        }
        Some(peer) => request_link(node, control, link, &peer, false, touched),
    }
}

/// Links two nodes of a context that have no link, because one looks for topics that the other may host.
pub(crate) fn link_implicitly(node: &Arc<NodeInner>, peer: &Arc<NodeInner>) {
    let mut touched = Vec::new();
    {
        let mut control = lock(&node.control);
        if control.is_linked_to(peer) {
            return;
        }
        let link = control.core.accept_implicit(address_of(peer));
        request_link(node, &control, link, peer, true, &mut touched);
    }
    deliver_mail(touched);
}

fn request_link(
    node: &Arc<NodeInner>,
    control: &Control,
    link: LinkId,
    peer: &Arc<NodeInner>,
    implicit: bool,
    touched: &mut Vec<Arc<NodeInner>>,
) {
    let from = InprocLink {
        node: Arc::downgrade(node),
        link,
    };
    peer.post_mail(Inbound::Accept {
        from,
        hello: Box::new(control.core.hello()),
        implicit,
    });
    touched.push(peer.clone());
}

fn address_of(node: &NodeInner) -> String {
    match &node.name {
        Some(name) => format!("node {name} of this context"),
        None => format!("node {} of this context", node.id()),
    }
}

impl NodeInner {
    fn handle_mail(
        self: &Arc<Self>,
        control: &mut Control,
        mail: Inbound,
        touched: &mut Vec<Arc<NodeInner>>,
    ) {
        let now_ms = self.now_ms();
        match mail {
            Inbound::Accept {
                from,
                hello,
                implicit,
            } => {
                let Some(peer) = from.node.upgrade() else {
                    return;
                };
                if self.is_closed() {
                    return from.post(Inbound::Closed(from.link), touched);
                }
                let address = address_of(&peer);
                let core = &mut control.core;
                let link = if implicit {
                    core.accept_implicit(address)
                } else {
                    core.accept(address)
                };
                let to = InprocLink {
                    node: Arc::downgrade(self),
                    link,
                };
                from.post(
                    Inbound::Up {
                        link: from.link,
                        to,
                        hello: Box::new(core.hello()),
                    },
                    touched,
                );
                control.links.insert(link, LinkHandle::Inproc(from));
                control.core.mark_in_process(link);
                control.core.link_up(now_ms, link, LinkPeer::Spot(*hello));
            }
            Inbound::Up { link, to, hello } => {
                if !control.core.is_open(link) {
                    return to.post(Inbound::Closed(to.link), touched);
                }
                control.links.insert(link, LinkHandle::Inproc(to));
                control.core.mark_in_process(link);
                control.core.link_up(now_ms, link, LinkPeer::Spot(*hello));
            }
            Inbound::Frame(link, frame) => {
                if let Err(error) = control.core.handle_frame(now_ms, link, &frame) {
                    unreachable!("a node of this context sent a bad frame: {error}");
                }
            }
            Inbound::Closed(link) => {
                control.core.link_closed(now_ms, link, "closed by the peer");
                control.links.remove(&link);
            }
        }
    }
}

impl Control {
    fn is_linked_to(&self, peer: &Arc<NodeInner>) -> bool {
        self.links.values().any(|link| match link {
            LinkHandle::Inproc(link) => std::ptr::eq(link.node.as_ptr(), Arc::as_ptr(peer)),
            LinkHandle::Wire {
                peer: LinkPeer::Spot(hello),
                ..
            } => hello.node == peer.id(),
            LinkHandle::Wire { .. } => false,
        })
    }
}
