//! Sockets, and nothing above them: byte streams, listeners and name resolution.
//!
//! Everything here is non-blocking. A [`Stream`] is read and written through a shared reference, so
//! that a publisher's thread can write while the reactor reads. Nothing is global to the process:
//! after a fork the child starts afresh.

mod ipc;
mod listener;
mod options;
mod resolver;
mod stream;
mod tcp;
#[cfg(test)]
mod testing;

pub(crate) use ipc::dial_unix;
pub(crate) use listener::{AcceptError, Listener, listen_tcp, listen_unix};
pub use options::TcpOptions;
pub(crate) use resolver::Resolver;
pub(crate) use stream::Stream;
pub(crate) use tcp::dial_tcp;
