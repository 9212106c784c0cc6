//! How a node begins, binds and ends.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, RwLock, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use spot_core::{Endpoint, Host, Incarnation, Node, NodeConfig, NodeId, Role, limits};

use super::context::{ContextInner, NotAdmitted};
use super::{Bind, Control, Names, NodeInner};
use crate::api::{BindError, Options, StartError};
use crate::data::{Aftermath, Counters, Deadline, Forgotten, Identity, lock, wait};
use crate::net::{self, Listener};
use crate::reactor::Turns;

/// Starts a node in a context.
pub(crate) fn start(
    context: Arc<ContextInner>,
    name: Option<String>,
    role: Role,
    options: Options,
) -> Result<Arc<NodeInner>, StartError> {
    options.check()?;
    if let Some(name) = name.as_deref().filter(|name| !is_node_name(name)) {
        return Err(StartError::InvalidName {
            name: name.chars().take(40).collect(),
            bytes: name.len(),
        });
    }
    let core = control_plane(name.as_deref(), role, &options)?;
    let node = Arc::new(inner(context, name, core, options));
    match node.context.admit(&node) {
        Ok(()) => {}
        Err(NotAdmitted::Closed) => return Err(StartError::ContextClosed),
        Err(NotAdmitted::Full) => {
            return Err(StartError::TooManyNodes {
                max: node.context.max_nodes,
            });
        }
    }
    node.context.welcome(&node);
    // What follows from the options alone, such as that a node by itself has no majority.
    node.control(|_| ());
    Ok(node)
}

fn control_plane(name: Option<&str>, role: Role, options: &Options) -> Result<Node, StartError> {
    let random = random_bytes().map_err(StartError::Random)?;
    let id = name.map_or_else(|| NodeId(random), NodeId::from_name);
    let mut config = NodeConfig::new(
        id,
        incarnation_now(),
        u64::from_le_bytes(random[..8].try_into().expect("eight bytes")),
    );
    config.name = name.unwrap_or_default().to_owned();
    config.role = role;
    config.cluster = options.cluster();
    config.reconnect_min_ms = options.reconnect_min.as_millis() as u64;
    config.reconnect_max_ms = options.reconnect_max.as_millis() as u64;
    let mut core = Node::new(config);
    core.set_relay(options.relay);
    Ok(core)
}

fn inner(
    context: Arc<ContextInner>,
    name: Option<String>,
    core: Node,
    options: Options,
) -> NodeInner {
    let identity = Identity {
        node: core.id(),
        incarnation: core.incarnation(),
    };
    let control = Control {
        core,
        links: HashMap::new(),
        topics: Vec::new(),
        cut_topics: Forgotten::default(),
        sent_topics: Forgotten::default(),
        forgotten_topics: 0,
        subscribers: HashMap::new(),
        binds: Vec::new(),
        events: Vec::new(),
        departed: Vec::new(),
        waiting: 0,
        after: Aftermath::default(),
    };
    NodeInner {
        identity,
        name,
        reactor: context.pick_reactor(),
        counters: Counters::default(),
        max_message_size: AtomicUsize::new(options.max_message_size),
        options: RwLock::new(options),
        control: Mutex::new(control),
        changed: Condvar::new(),
        names: Names::new(),
        mailbox: Mutex::default(),
        armed_ms: AtomicU64::new(u64::MAX),
        ways_changed: AtomicU64::new(0),
        turns: Turns::default(),
        passages: AtomicU32::new(0),
        closed: AtomicBool::new(false),
        remaining: AtomicUsize::new(0),
        refuses: AtomicBool::new(false),
        open_sockets: Mutex::new(0),
        all_closed: Condvar::new(),
        epoch: Instant::now(),
        context,
    }
}

fn is_node_name(name: &str) -> bool {
    (1..=limits::MAX_NODE_NAME_BYTES).contains(&name.len()) && !name.contains('\0')
}

/// Binds an endpoint of a node; returns it with its real port.
pub(crate) fn bind(node: &Arc<NodeInner>, text: &str) -> Result<String, BindError> {
    let endpoint = Endpoint::parse_bind(text)?;
    let asked = endpoint.to_string();
    if node.is_closed() {
        return Err(BindError::Closed);
    }
    let is_known =
        |bind: &Bind| bind.asked == asked && !asked.ends_with(":0") || bind.actual == asked;
    if node.inspect(|control| control.binds.iter().any(is_known)) {
        return Err(BindError::AlreadyBound { endpoint: asked });
    }
    let actual = match &endpoint {
        Endpoint::Inproc { name } => {
            if !node.context.bind_inproc(name, node) {
                return Err(BindError::InUse { endpoint: asked });
            }
            asked.clone()
        }
        Endpoint::Tcp { host, port } => {
            let (tcp, backlog) =
                node.read_options(|options| (options.tcp.clone(), options.backlog));
            listen(
                node,
                net::listen_tcp(&host_text(host), *port, backlog, &tcp),
                &asked,
            )?
        }
        Endpoint::Ipc { path } => {
            let backlog = node.read_options(|options| options.backlog);
            listen(node, net::listen_unix(Path::new(path), backlog), &asked)?
        }
    };
    node.control(|control| {
        control.core.add_endpoint(actual.clone());
        control.binds.push(Bind {
            asked,
            actual: actual.clone(),
        });
    });
    Ok(actual)
}

fn listen(
    node: &Arc<NodeInner>,
    listener: io::Result<Listener>,
    asked: &str,
) -> Result<String, BindError> {
    let endpoint = asked.to_owned();
    let listener = listener.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { endpoint },
        io::ErrorKind::AddrNotAvailable => BindError::NotAvailable { endpoint },
        _ => BindError::Io { endpoint, source },
    })?;
    let actual = listener.local_text();
    node.socket_opened();
    node.reactor.listen(node.clone(), listener);
    Ok(actual)
}

/// The host of an endpoint as the socket layer takes it.
pub(crate) fn host_text(host: &Host) -> String {
    match host {
        Host::Any => String::from("*"),
        Host::V4(address) => address.to_string(),
        Host::V6(address) => address.to_string(),
        Host::Name(name) => name.clone(),
    }
}

impl NodeInner {
    /// Closes the node: blocked calls end, peers are told, queued data is sent within the linger time.
    pub(crate) fn close(self: &Arc<Self>) {
        if self.closed.swap(true, Relaxed) {
            return self.wait_until_sockets_closed();
        }
        self.reactor.stop_listening(self.id());
        self.control(|control| {
            for inbox in control.subscribers.values() {
                inbox.close();
                self.counters.keep_received(inbox.counts());
            }
            control.outboxes().for_each(|outbox| outbox.wake_blocked());
            control.core.cease();
        });
        self.wait_until_ceased();
        self.control(|control| control.core.leave());
        self.control(|control| control.subscribers.clear());
        self.changed.notify_all();
        self.inspect(|control| {
            control
                .events
                .iter()
                .filter_map(Weak::upgrade)
                .for_each(|queue| queue.close())
        });
        self.context.dismiss(self);
        self.wait_until_sockets_closed();
    }

    /// Until what others have published to this node has arrived, if that is within the linger time.
    fn wait_until_ceased(&self) {
        if self.reactor.is_current_thread() {
            return;
        }
        let most = Duration::from_millis(limits::CEASE_MS);
        let linger = self.read_options(|options| options.linger);
        let deadline = Deadline::after(Some(linger.map_or(most, |linger| linger.min(most))));
        let ceased = |control: &Control| (!control.core.is_published_to()).then_some(());
        self.wait_while(|| true, deadline, ceased);
    }

    /// Until every socket of the node is closed; the reactor keeps to the linger time.
    fn wait_until_sockets_closed(&self) {
        if self.reactor.is_current_thread() {
            return;
        }
        let mut open = lock(&self.open_sockets);
        while *open > 0 {
            open = wait(&self.all_closed, open, Deadline::Never).0;
        }
    }
}

/// An incarnation that is higher than any before it of the same name: the time in microseconds.
fn incarnation_now() -> Incarnation {
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Incarnation(since_1970.as_micros() as u64)
}

fn random_bytes() -> io::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}
