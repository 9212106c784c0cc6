//! A tool's place in the cluster: a short-lived observer.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serverlink::{Event, Events, Node, Options, PeerInfo, PeerState, SyncError};

use crate::cli::{DEFAULT_ENDPOINT, JoinArgs, list};
use crate::config;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::note;
use crate::text::duration;

/// Where a topic may be that the peers do not offer.
pub(crate) const ELSEWHERE: &str = "tools see only what the nodes named with --peer offer, and a node offers the \
     topics of others only with --relay; `spot cluster` lists the members that may be named";

/// An observer node with its peers.
pub(crate) struct Client {
    pub(crate) node: Node,
    /// Where it joins.
    pub(crate) peers: Vec<String>,
    /// Where it listens, with real ports.
    pub(crate) bound: Vec<String>,
    /// What happened since before the first peer was added.
    pub(crate) events: Events,
    /// The same once more, for the reasons in it.
    failures: Events,
}

impl Client {
    /// Starts an observer that listens at `binds` and joins the peers asked for; the default one if there is neither.
    /// A signal to end calls `on_signal` on another thread.
    pub(crate) fn start(
        join: &JoinArgs,
        binds: &[String],
        options: impl FnOnce(&mut Options),
        on_signal: fn(&Node),
    ) -> Result<Self, Failure> {
        config::unknown_variables().iter().for_each(note);
        let node = Node::builder().observer().options(options).start()?;
        let stopped = node.clone();
        interrupt::on_first(move || on_signal(&stopped))?;
        let (events, failures) = (node.events(), node.events());
        let mut bound = Vec::new();
        for endpoint in list(binds) {
            bound.push(node.bind(endpoint)?);
        }
        let mut peers: Vec<String> = list(&join.peers).into_iter().map(String::from).collect();
        if peers.is_empty() && bound.is_empty() {
            peers.push(DEFAULT_ENDPOINT.into());
        }
        for endpoint in &peers {
            node.add_peer(endpoint)?;
        }
        for endpoint in &bound {
            note(format_args!("listening on {endpoint}"));
        }
        Ok(Self {
            node,
            peers,
            bound,
            events,
            failures,
        })
    }

    /// An observer that only asks: any signal ends it.
    pub(crate) fn asking(join: &JoinArgs) -> Result<Self, Failure> {
        Self::start(join, &[], |_| (), Node::close)
    }

    /// Learns the peers' topics; what is missing when `timeout` is over is told with its reason.
    pub(crate) fn sync(&self, timeout: Duration) -> Result<(), Failure> {
        let synced = self.node.sync(timeout);
        synced.map_err(|error| self.sync_failure(error, timeout))
    }

    /// What a sync that took `timeout` did not reach.
    pub(crate) fn sync_failure(&self, error: SyncError, timeout: Duration) -> Failure {
        match error {
            SyncError::Unreachable { peers } => Failure::Timeout(format!(
                "not connected within {} to {}; is a node running there? (start one with `spot node`, \
                 name another with --peer)",
                duration(timeout),
                self.explain(&peers)
            )),
            SyncError::TimedOut { peers, .. } => Failure::Timeout(format!(
                "no answer within {} from {}",
                duration(timeout),
                peers.join(", ")
            )),
            error => Failure::Failed(error.to_string()),
        }
    }

    /// Whether anybody is connected.
    pub(crate) fn is_connected(&self) -> bool {
        let peers = self.node.peers();
        peers.iter().any(|peer| peer.state == PeerState::Connected)
    }

    /// The peers that are not connected, each with the last reason known.
    pub(crate) fn explain(&self, peers: &[String]) -> String {
        let mut reasons = HashMap::new();
        while let Some(event) = self.failures.try_next() {
            if let Event::ConnectFailed { endpoint, reason }
            | Event::Rejected { endpoint, reason }
            | Event::PeerDown {
                endpoint, reason, ..
            } = event
            {
                reasons.insert(endpoint, reason);
            }
        }
        let explained: Vec<String> = peers
            .iter()
            .map(|peer| match reasons.get(peer) {
                Some(reason) => format!("{peer} ({reason})"),
                None => peer.clone(),
            })
            .collect();
        explained.join(", ")
    }
}

/// The endpoints that one link serves, for each link that serves several: a node at two endpoints, or two nodes of one
/// name, of which the newer is linked to.
pub(crate) fn shared(peers: &[PeerInfo]) -> Vec<Vec<&str>> {
    let mut endpoints: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    let connected = peers
        .iter()
        .filter(|peer| peer.state == PeerState::Connected);
    for peer in connected {
        if let Some(node) = peer.node {
            endpoints.entry(node).or_default().push(&peer.endpoint);
        }
    }
    endpoints.retain(|_, endpoints| endpoints.len() > 1);
    endpoints.into_values().collect()
}

/// Warns of links that serve several endpoints.
pub(crate) fn note_shared(peers: &[PeerInfo]) {
    for endpoints in shared(peers) {
        note(format_args!(
            "{} lead to one node, over one link; if these are two nodes, one is left out: give each a name of its own",
            endpoints.join(" and ")
        ));
    }
}

impl Drop for Client {
    /// However a command ends, it takes its leave.
    fn drop(&mut self) {
        self.node.close();
    }
}
