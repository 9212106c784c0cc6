//! A context: the I/O threads that a group of nodes shares.

use std::sync::Arc;

use super::builder::NodeBuilder;
use super::error::ContextError;
use crate::engine::ContextInner;
use crate::reactor::IoThread;

/// I/O threads shared by the nodes made in it, and the place where those nodes find each other without a network.
///
/// Cheap to clone; the threads end when the last clone and the last node are gone.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let context = serverlink::Context::new()?;
/// let a = context.node().start()?;
/// let b = context.node().start()?;
/// let spawn = a.create_topic("game:player:spawn")?;
/// let listener = b.subscribe(["game:player:spawn"])?;
/// spawn.publish(b"alice")?;
/// assert_eq!(listener.recv()?.into_message().unwrap().data(), b"alice");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Context {
    inner: Arc<ContextInner>,
}

impl Context {
    /// A context with one I/O thread.
    ///
    /// # Errors
    /// [`ContextError::Io`] when the system refuses a thread or a poller.
    pub fn new() -> Result<Self, ContextError> {
        Self::builder().build()
    }

    /// A context with options.
    #[must_use]
    pub fn builder() -> ContextBuilder {
        ContextBuilder::default()
    }

    /// Starts to describe a node of this context.
    #[must_use]
    pub fn node(&self) -> NodeBuilder {
        NodeBuilder::new(Some(self.clone()))
    }

    /// Closes every node of the context, each with its own linger, and refuses new ones. Blocked calls of those nodes
    /// return `Closed`.
    pub fn close(&self) {
        self.inner.close();
    }

    pub(super) fn inner(&self) -> &Arc<ContextInner> {
        &self.inner
    }
}

/// Options of a [`Context`].
#[derive(Debug, Clone)]
pub struct ContextBuilder {
    io_threads: usize,
    max_nodes: usize,
    thread_name_prefix: String,
}

impl Default for ContextBuilder {
    fn default() -> Self {
        Self {
            io_threads: 1,
            max_nodes: 1023,
            thread_name_prefix: String::from("spot"),
        }
    }
}

impl ContextBuilder {
    /// I/O threads, 1 to 64. Default 1.
    #[must_use]
    pub fn io_threads(mut self, count: usize) -> Self {
        self.io_threads = count;
        self
    }

    /// Nodes the context may hold at once, at least 1. Default 1023.
    #[must_use]
    pub fn max_nodes(mut self, count: usize) -> Self {
        self.max_nodes = count;
        self
    }

    /// What the names of the I/O threads begin with; at most 12 characters are kept. Default `spot`.
    #[must_use]
    pub fn thread_name_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.thread_name_prefix = prefix.into();
        self
    }

    /// Starts the I/O threads.
    ///
    /// # Errors
    /// [`ContextError::InvalidOption`] for a count out of range, [`ContextError::Io`] when the system refuses.
    pub fn build(self) -> Result<Context, ContextError> {
        let invalid = |option, value: usize, expected| {
            Err(ContextError::InvalidOption {
                option,
                value: value.to_string(),
                expected,
            })
        };
        if !(1..=64).contains(&self.io_threads) {
            return invalid("io_threads", self.io_threads, "1 to 64");
        }
        if self.max_nodes == 0 {
            return invalid("max_nodes", self.max_nodes, "at least 1");
        }
        let prefix: String = self
            .thread_name_prefix
            .chars()
            .take(12)
            .filter(|c| *c != '\0')
            .collect();
        let threads =
            (0..self.io_threads).map(|index| IoThread::start(&format!("{prefix}-{index}")));
        let threads = threads
            .collect::<Result<Vec<_>, _>>()
            .map_err(ContextError::Io)?;
        Ok(Context {
            inner: Arc::new(ContextInner::new(threads, self.max_nodes)),
        })
    }
}
