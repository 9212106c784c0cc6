//! The network side: connections that come and go, and frames by their kind.

use spot_core::frame::{Data, Frame, Past};
use spot_core::past::Token;
use spot_core::{LinkId, LinkPeer};

use super::{Driver, Request};
use crate::link::{Link, Received};

impl Driver {
    /// Somebody connects to us.
    pub fn accepted(&mut self, address: String) -> LinkId {
        let id = self.node.accept(address);
        self.links.insert(id, Link::accepting(self.now_ms));
        id
    }

    /// Our connection is made; false if it is not wanted any more.
    pub fn connected(&mut self, id: LinkId) -> bool {
        let link = self.links.get_mut(&id);
        let wanted = link.map(|link| link.connected(&self.hello, self.now_ms));
        wanted.is_some()
    }

    /// A connection failed or ended.
    pub fn lost(&mut self, id: LinkId, reason: &str) {
        if let Some(link) = self.links.get_mut(&id) {
            link.closing = true;
            self.with(|node, now| node.link_closed(now, id, reason));
        }
        self.links.remove(&id);
    }

    /// Bytes arrived.
    pub fn received(&mut self, id: LinkId, mut input: &[u8]) {
        while let Some(link) = self.links.get_mut(&id).filter(|link| !link.closing) {
            match link.received(&mut input, &self.hello, self.now_ms) {
                Ok(None) => return,
                Ok(Some(Received::Up(hello))) => {
                    link.node = Some(hello.node);
                    self.with(|node, now| node.link_up(now, id, LinkPeer::Spot(hello)));
                }
                Ok(Some(Received::Frame(frame))) => self.frame(id, &frame),
                Err(error) => {
                    self.faults.push(format!("{id:?}: {error}"));
                    return self.lost(id, "protocol");
                }
            }
        }
    }

    /// At most about `room` bytes to write.
    pub fn take_output(&mut self, id: LinkId, room: usize) -> Vec<u8> {
        let Some(link) = self.links.get_mut(&id) else {
            return Vec::new();
        };
        let bytes = link.take_output(room);
        if link.closing && link.is_drained() {
            self.links.remove(&id);
            self.requests.push_back(Request::HangUp(id));
        }
        bytes
    }

    pub(super) fn frame(&mut self, id: LinkId, bytes: &[u8]) {
        self.take_frame(id, bytes);
        if !self.followed.is_empty() || !self.slow.is_empty() {
            self.with(|_, _| ());
        }
    }

    pub(super) fn take_frame(&mut self, id: LinkId, bytes: &[u8]) {
        let frame = Frame::decode(bytes);
        if let Ok(frame) = &frame {
            self.keep_unoffered(id, frame, bytes);
        }
        match frame {
            Ok(Frame::Data(data)) => self.data(id, &data),
            Ok(Frame::Alias(alias)) => self.announced(id, &alias),
            Ok(Frame::Tail {
                alias,
                next_sequence,
                last,
            }) => self.tail(id, alias, next_sequence, last),
            Ok(Frame::Past(past)) => self.past(id, &past),
            Ok(Frame::Live {
                alias,
                token,
                next_sequence,
            }) => self.live(id, alias, Token(token), next_sequence),
            Ok(Frame::Credit {
                class,
                messages,
                bytes,
            }) => {
                let link = self.links.get_mut(&id).expect("it has a frame");
                link.outbox.credit(class, messages, bytes);
                self.drain_relays();
            }
            Ok(Frame::Ceased { .. }) if self.is_ending(id) => self.ceased.push((id, bytes.into())),
            _ => {
                if let Err(error) = self.with(|node, now| node.handle_frame(now, id, bytes)) {
                    self.faults.push(format!("{id:?}: {error}"));
                }
                let link = self.links.get_mut(&id);
                let again = link.map(|link| link.unoffered.take_offered(bytes));
                for frame in again.unwrap_or_default() {
                    self.take_frame(id, &frame);
                }
            }
        }
    }

    /// Keeps what is of a stream whose topic is not offered, as far as we know.
    fn keep_unoffered(&mut self, id: LinkId, frame: &Frame<'_>, bytes: &[u8]) {
        if let Frame::Data(Data { alias, .. })
        | Frame::Past(Past { alias, .. })
        | Frame::Live { alias, .. }
        | Frame::Tail { alias, .. } = frame
        {
            let link = self.links.get_mut(&id).expect("it has a frame");
            link.unoffered.keep(*alias, bytes);
        }
    }
}
