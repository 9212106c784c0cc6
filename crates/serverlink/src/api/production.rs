//! A node of a production cluster set up in one call.

use std::time::Duration;

use spot_core::limits;

use super::error::{AddPeerError, StartError, SyncError};
use super::node::Node;

/// What [`Node::init_production`] sets up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Production {
    /// Where to listen; see [`Node::bind`].
    pub binds: Vec<String>,
    /// Nodes to link to; see [`Node::add_peer`].
    pub peers: Vec<String>,
    /// Messages that may wait in a link's queue (SNDHWM); 0 is unlimited. Default 1000.
    pub send_hwm: usize,
    /// Messages that may wait in the queue of a subscriber made later (RCVHWM); 0 is unlimited. Default 1000.
    pub receive_hwm: usize,
    /// How long the first sync may take. Default 1 s.
    pub sync_timeout: Duration,
}

impl Default for Production {
    fn default() -> Self {
        Self {
            binds: Vec::new(),
            peers: Vec::new(),
            send_hwm: limits::DEFAULT_HWM,
            receive_hwm: limits::DEFAULT_HWM,
            sync_timeout: Duration::from_secs(1),
        }
    }
}

/// What [`Node::init_production`] left undone. The node goes on without; a warning is due.
#[derive(Debug, Default)]
pub struct Undone {
    /// Peers that were refused.
    pub peers: Vec<AddPeerError>,
    /// Why the first sync is incomplete; the peers it names are tried for ever.
    pub sync: Option<SyncError>,
}

impl Node {
    /// Sets this node up for production: queues, binds, peers, and a first sync that may be incomplete, as nodes start in
    /// any order. Blocks for up to the sync timeout.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use serverlink::{Node, Production};
    /// use std::time::Duration;
    /// let node = Node::builder().name("a").topic("sensor:temp").start()?;
    /// let undone = node.init_production(&Production {
    ///     binds: vec!["tcp://127.0.0.1:0".into()],
    ///     peers: vec!["tcp://127.0.0.1:1".into()], // not there yet
    ///     send_hwm: 10_000,
    ///     receive_hwm: 10_000,
    ///     sync_timeout: Duration::from_millis(50),
    /// })?;
    /// assert!(undone.peers.is_empty() && undone.sync.is_some());
    /// assert_eq!(node.options().send_hwm, 10_000);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`StartError::Options`], [`StartError::Bind`]: nothing after that was done; binds made before it stay.
    pub fn init_production(&self, production: &Production) -> Result<Undone, StartError> {
        self.configure(|options| {
            options.send_hwm = production.send_hwm;
            options.subscriber.hwm = production.receive_hwm;
        })?;
        for endpoint in &production.binds {
            self.bind(endpoint)?;
        }
        let peers = production.peers.iter();
        Ok(Undone {
            peers: peers.filter_map(|peer| self.add_peer(peer).err()).collect(),
            sync: self.sync(production.sync_timeout).err(),
        })
    }
}
