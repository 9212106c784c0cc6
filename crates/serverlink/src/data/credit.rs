//! The credit that a blocking subscriber gives the links it hears, so that their publishers wait and no socket does.

use std::sync::Arc;

use hashbrown::HashMap;
use spot_core::credit::{Grant, Window};
use spot_core::frame::Frame;
use spot_core::inbox::{Left, Limit, Source};
use spot_core::{Class, LinkId};

use super::SharedOutbox;

/// The windows of one subscriber, one for each link, sharing its limit among them.
#[derive(Debug, Default)]
pub(super) struct Windows(HashMap<Source, CreditWindow>);

/// The credit that goes back over a link as its messages are received.
#[derive(Debug)]
struct CreditWindow {
    window: Window,
    class: Class,
    outbox: Arc<SharedOutbox>,
}

impl Windows {
    /// Opens a window for a link and resizes those of the others; once for each link.
    pub(super) fn open(
        &mut self,
        link: LinkId,
        class: Class,
        limit: Limit,
        outbox: Arc<SharedOutbox>,
    ) {
        if self.0.contains_key(&Source(link.0)) {
            return;
        }
        let links = self.0.len() + 1;
        self.resize(limit, links);
        let (window, grant) = Window::open(limit, links);
        let window = CreditWindow {
            window,
            class,
            outbox,
        };
        window.grant(grant);
        self.0.insert(Source(link.0), window);
    }

    /// Closes the window of a link and gives its share to the others.
    pub(super) fn close(&mut self, link: LinkId, limit: Limit) {
        if self.0.remove(&Source(link.0)).is_some() {
            self.resize(limit, self.0.len());
        }
    }

    /// The limit that the windows share has changed.
    pub(super) fn set_limit(&mut self, limit: Limit) {
        self.resize(limit, self.0.len());
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The window of a link.
    pub(super) fn of(&mut self, source: Source) -> Option<&mut Window> {
        let window = self.0.get_mut(&source);
        window.map(|window| &mut window.window)
    }

    /// A message of a link arrived that is not going to be queued.
    pub(super) fn arrived(&mut self, source: Source, len: usize) {
        if let Some(window) = self.of(source) {
            window.arrived(len);
        }
    }

    /// How many links share the limit.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Messages of a link left the queue: credit goes back when it is time.
    pub(super) fn received(&mut self, source: Source, received: Left) {
        if let Some(outbox) = self.settle(source, received) {
            outbox.flush_soon();
        }
    }

    /// As [`received`](Self::received); the caller writes to the link that there is credit for, if any.
    pub(super) fn settle(&mut self, source: Source, received: Left) -> Option<Arc<SharedOutbox>> {
        let window = self.0.get_mut(&source)?;
        let grant = (window.window).received_many(received.messages, received.bytes)?;
        window.queue(grant);
        Some(window.outbox.clone())
    }

    fn resize(&mut self, limit: Limit, links: usize) {
        for window in self.0.values_mut() {
            if let Some(grant) = window.window.resize(limit, links) {
                window.grant(grant);
            }
        }
    }
}

impl CreditWindow {
    fn grant(&self, grant: Grant) {
        self.queue(grant);
        self.outbox.flush_soon();
    }

    fn queue(&self, grant: Grant) {
        let frame = Frame::Credit {
            class: self.class,
            messages: grant.messages,
            bytes: grant.bytes,
        };
        self.outbox.control(&frame.to_vec());
    }
}
