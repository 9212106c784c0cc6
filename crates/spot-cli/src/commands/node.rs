//! `spot node`: a node that runs until it is told to stop.

use std::collections::HashMap;
use std::io::{self, IsTerminal};

use serverlink::{AddPeerError, Event, Node, NodeId, PeerState};
use tracing::{debug, info, warn};
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::{DEFAULT_ENDPOINT, NodeArgs, list};
use crate::failure::Failure;
use crate::interrupt::{self, FOREVER};
use crate::text::{counted, harmless};

/// Endpoints out of reach that are remembered: as many as a cluster of members that come and go may leave behind.
const MAX_FAILING: usize = 4096;

pub(crate) fn run(args: &NodeArgs) -> Result<(), Failure> {
    start_log(args.log);
    let node = start(args)?;
    let stopped = node.clone();
    interrupt::on_first(move || stopped.close())?;
    let events = node.events();
    listen(&node, args)?;
    join(&node, args)?;
    let mut failing = HashMap::new();
    while let Some(event) = events.next_timeout(FOREVER) {
        match &event {
            // Our own end is no news.
            _ if interrupt::happened() => {}
            Event::ConnectFailed { endpoint, reason }
                if !is_news(&mut failing, endpoint, reason) =>
            {
                debug!("cannot connect to {endpoint}: {reason}; trying again");
            }
            Event::PeerUp { .. } => {
                forget_connected(&mut failing, &node);
                log(&event);
            }
            event => log(event),
        }
    }
    // Returns when the close that the signal began is done.
    node.close();
    info!("stopped");
    Ok(())
}

fn start_log(level: LevelFilter) {
    // The library logs what it also tells as events, which are logged here.
    let library = if level >= LevelFilter::DEBUG {
        level
    } else {
        level.min(LevelFilter::ERROR)
    };
    let filter = Targets::new()
        .with_target("spot", level)
        // This is no event: nothing is known of who could not connect.
        .with_target("serverlink::accept", level)
        .with_default(library);
    // Peers choose their names and topics, which are not to act on the terminal.
    let fields = debug_fn(|line, field, value| match field.name() {
        "message" => write!(line, "{}", harmless(&format!("{value:?}"))),
        name => write!(line, "{name}={}", harmless(&format!("{value:?}"))),
    });
    let lines = tracing_subscriber::fmt::layer()
        .fmt_fields(fields.delimited(" "))
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false);
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .init();
}

fn start(args: &NodeArgs) -> Result<Node, Failure> {
    let mut builder = Node::builder().options(|options| {
        options.relay = args.relay;
        options.history = args.history.messages;
        options.cluster_size = args.cluster_size;
        options.discovery = args.discovery;
        options.minority = args.minority;
    });
    if let Some(name) = &args.name {
        builder = builder.name(name);
    }
    for topic in list(&args.topics) {
        builder = builder.topic(topic);
    }
    let node = builder.start()?;
    info!("node {} started", node.id());
    if args.relay {
        info!("relaying between the nodes that link to this one");
    }
    for topic in list(&args.topics) {
        info!("hosting {topic}");
    }
    Ok(node)
}

fn listen(node: &Node, args: &NodeArgs) -> Result<(), Failure> {
    let mut binds = list(&args.binds);
    if binds.is_empty() && list(&args.peers).is_empty() {
        binds.push(DEFAULT_ENDPOINT);
    }
    for endpoint in binds {
        let actual = node.bind(endpoint)?;
        info!("listening on {actual}");
    }
    Ok(())
}

fn join(node: &Node, args: &NodeArgs) -> Result<(), Failure> {
    for endpoint in list(&args.peers) {
        match node.add_peer(endpoint) {
            Ok(()) => info!("joining {endpoint}"),
            // One list for all nodes of a cluster is handy, and harmless.
            Err(error @ AddPeerError::Itself { .. }) => info!("{error}; left out"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn log(event: &Event) {
    match event {
        Event::PeerUp { endpoint, name, .. } => info!("peer {} up", peer(name, endpoint)),
        Event::PeerDown {
            endpoint,
            name,
            reason,
            graceful: true,
            ..
        } => {
            info!("peer {} left: {reason}", peer(name, endpoint));
        }
        // A plain ZeroMQ peer has no other way to leave.
        Event::PeerDown {
            endpoint,
            node: None,
            reason,
            ..
        } => info!("peer {endpoint} gone: {reason}"),
        Event::PeerDown {
            endpoint,
            name,
            reason,
            ..
        } => {
            warn!("peer {} lost: {reason}", peer(name, endpoint));
        }
        Event::ConnectFailed { endpoint, reason } => {
            warn!("cannot connect to {endpoint}: {reason}; trying again");
        }
        Event::Rejected { endpoint, reason } => {
            warn!("rejected the connection with {endpoint}: {reason}");
        }
        Event::MemberUp { node, name } => info!("member {} is there", member(name, node)),
        Event::MemberSuspect { node, name } => {
            info!("member {} does not answer", member(name, node));
        }
        Event::MemberDown { node, name, left } => {
            let what = if *left { "left" } else { "is down" };
            info!("member {} {what}", member(name, node));
        }
        Event::Partition {
            reachable,
            size,
            majority,
        } => {
            let what = if *majority {
                "a majority"
            } else {
                "no majority"
            };
            warn!("partition: {reachable} of {size} members reachable, {what}");
        }
        Event::Heal { size } => info!("all {size} members reachable"),
        Event::TopicAdded { topic } => info!("topic {topic} offered"),
        Event::TopicRemoved { topic } => info!("topic {topic} gone"),
        Event::Gap { topic, missed } => match missed {
            Some(count) => warn!("missed {} of {topic}", counted(*count, "message")),
            None => warn!("may have missed messages of {topic}: the count died with the publisher"),
        },
        Event::SlowSubscriber { endpoint } => {
            warn!("ended a subscription of {endpoint}: it was too slow");
        }
        event => debug!("{event:?}"),
    }
}

/// Whether an attempt to connect is the first that failed since there was a connection, or failed otherwise than the one
/// before: each further one is no news.
fn is_news(failing: &mut HashMap<String, String>, endpoint: &str, reason: &str) -> bool {
    if failing.len() >= MAX_FAILING {
        failing.clear();
    }
    let before = failing.insert(endpoint.to_owned(), reason.to_owned());
    before.as_deref() != Some(reason)
}

/// Whoever is connected, by whichever connection, is no longer out of reach.
fn forget_connected(failing: &mut HashMap<String, String>, node: &Node) {
    for peer in node.peers() {
        if peer.state == PeerState::Connected {
            failing.remove(&peer.endpoint);
        }
    }
}

fn member(name: &str, node: &NodeId) -> String {
    if name.is_empty() {
        node.to_string()
    } else {
        name.to_owned()
    }
}

fn peer(name: &str, endpoint: &str) -> String {
    if name.is_empty() {
        endpoint.to_owned()
    } else {
        format!("{name} ({endpoint})")
    }
}
