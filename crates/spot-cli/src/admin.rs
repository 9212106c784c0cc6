//! The admin server of a node: health, metrics, JSON, events and a page over HTTP, for people and programs on call.

mod api;
mod guard;
mod health;
mod metrics;
mod page;
mod ring;
mod server;
mod stream;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serverlink::Node;
use tokio::sync::Semaphore;
use tracing::{info, warn};

use crate::config::Admin;
use crate::failure::Failure;
use ring::Ring;

/// What the answers are made from.
struct State {
    node: Node,
    name: Option<String>,
    /// Where the node listens, with real ports.
    endpoints: Vec<String>,
    started: Instant,
    minimum_peers: AtomicUsize,
    metrics_topics: AtomicUsize,
    events: Arc<Ring>,
    /// Room for streams of events.
    streams: Arc<Semaphore>,
}

/// A running admin server, or none.
pub(crate) struct AdminServer(Option<Arc<State>>);

/// Takes the address of the admin server, so that it is known before the node starts. Without an address there is none;
/// nor where the default one is taken, because several nodes of a machine are usual.
pub(crate) fn listen(admin: &Admin) -> Result<Option<TcpListener>, Failure> {
    let Some(address) = admin.address else {
        return Ok(None);
    };
    match TcpListener::bind(address) {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && !admin.asked_for => {
            warn!(
                "no admin server: {address} is in use, perhaps by another node; choose an address with --admin, or off"
            );
            Ok(None)
        }
        Err(error) => Err(Failure::Failed(told(address, &error))),
    }
}

fn told(address: SocketAddr, error: &io::Error) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => "choose another port or stop the program that holds it",
        io::ErrorKind::AddrNotAvailable => "choose an address of this machine, or 0.0.0.0 for all",
        _ => "choose another address",
    };
    format!("admin.address = {address}: {error}; {remedy}, or set it to off")
}

impl AdminServer {
    /// Serves a node that listens at `endpoints`.
    pub(crate) fn start(
        listener: Option<TcpListener>,
        admin: &Admin,
        node: &Node,
        name: Option<String>,
        endpoints: Vec<String>,
    ) -> Result<Self, Failure> {
        let Some(listener) = listener else {
            return Ok(Self(None));
        };
        let state = Arc::new(State {
            node: node.clone(),
            name,
            endpoints,
            started: Instant::now(),
            minimum_peers: AtomicUsize::new(admin.minimum_peers),
            metrics_topics: AtomicUsize::new(admin.metrics_topics),
            events: Ring::follow(node),
            streams: Arc::new(Semaphore::new(server::MAX_STREAMS)),
        });
        let address = server::start(listener, Arc::clone(&state))
            .map_err(|error| Failure::Failed(format!("cannot start the admin server: {error}")))?;
        info!("admin server at http://{address}");
        Ok(Self(Some(state)))
    }

    /// Takes over what may change while it runs.
    pub(crate) fn change(&self, admin: &Admin) {
        if let Some(state) = &self.0 {
            state
                .minimum_peers
                .store(admin.minimum_peers, Ordering::Relaxed);
            state
                .metrics_topics
                .store(admin.metrics_topics, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_a_failure_only_where_it_was_asked_for() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("bound");
        let mut admin = Admin {
            address: taken.local_addr().ok(),
            asked_for: false,
            minimum_peers: 0,
            metrics_topics: 0,
        };
        assert!(matches!(listen(&admin), Ok(None)));
        admin.asked_for = true;
        let told = listen(&admin).unwrap_err().to_string();
        assert!(told.contains("choose another port"), "{told}");
    }
}
