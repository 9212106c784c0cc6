//! Connecting: names are resolved off this thread, addresses tried one after the other.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use spot_core::{Endpoint, LinkId};

use super::Command;
use super::connection::{Connection, Target};
use super::thread::Thread;
use crate::engine::{NodeInner, host_text};
use crate::net::{self, Stream};

impl Thread {
    pub(super) fn dial(&mut self, node: Arc<NodeInner>, link: LinkId, endpoint: Endpoint) {
        match &endpoint {
            Endpoint::Tcp { host, port } => {
                let (host, port) = (host_text(host), *port);
                let reactor = self.reactor.clone();
                let resolver = &self.reactor.0.resolver;
                resolver.resolve(
                    &host,
                    port,
                    Box::new(move |addresses| {
                        reactor.send(Command::Resolved {
                            node,
                            link,
                            endpoint,
                            addresses,
                        })
                    }),
                );
            }
            Endpoint::Ipc { path } => {
                let stream = net::dial_unix(Path::new(path));
                self.connecting(node, link, endpoint.clone(), stream, Vec::new());
            }
            Endpoint::Inproc { .. } => {
                unreachable!("nodes of a context are linked without a socket")
            }
        }
    }

    pub(super) fn resolved(
        &mut self,
        node: Arc<NodeInner>,
        link: LinkId,
        endpoint: Endpoint,
        addresses: io::Result<Vec<SocketAddr>>,
    ) {
        if !node.inspect(|control| control.core.is_open(link)) {
            return;
        }
        match addresses {
            Ok(mut addresses) => {
                let first = addresses.remove(0);
                let options = node.read_options(|options| options.tcp.clone());
                self.connecting(
                    node,
                    link,
                    endpoint,
                    net::dial_tcp(first, &options),
                    addresses,
                );
            }
            Err(error) => node.link_closed(
                link,
                &format!("cannot resolve the host of {endpoint}: {error}"),
            ),
        }
    }

    fn connecting(
        &mut self,
        node: Arc<NodeInner>,
        link: LinkId,
        endpoint: Endpoint,
        stream: io::Result<Stream>,
        more: Vec<SocketAddr>,
    ) {
        match stream {
            Ok(stream) => {
                let target = Target {
                    link,
                    endpoint,
                    more,
                };
                self.add_connection(|port, serial| {
                    Connection::dialed(node, stream, target, port, serial)
                });
            }
            Err(error) => node.link_closed(link, &error.to_string()),
        }
    }
}
