//! What an owner remembers of streams that come by no way any more.

use crate::identity::NodeId;
use crate::limits::MAX_CUT_UPSTREAMS;
use crate::stream::Stream;

/// Streams to one topic whose links were cut, so that what was lost shows when their publishers return; and those that have
/// ended, so that what hubs bring too late shows as such. When there are many the oldest is forgotten, of those that have
/// ended first.
#[derive(Debug, Default)]
pub struct CutStreams {
    streams: Vec<Stream>,
    /// Some were forgotten, so one that goes on may be one of those.
    forgot: bool,
}

impl CutStreams {
    /// Remembers how far a stream was heard. Of two that one publisher had announced on a link, the one that went further
    /// counts.
    pub fn keep(&mut self, stream: Stream) {
        if self.streams.iter().any(|known| stream.is_behind(known)) {
            return;
        }
        self.streams
            .retain(|known| known.publisher() != stream.publisher());
        if self.streams.len() >= MAX_CUT_UPSTREAMS {
            self.forget_one();
        }
        self.streams.insert(0, stream);
    }

    fn forget_one(&mut self) {
        let ended = self.streams.iter().rposition(Stream::has_ended);
        match ended {
            Some(index) => drop(self.streams.remove(index)),
            None => {
                self.streams.pop();
                self.forgot = true;
            }
        }
    }

    /// The stream of this publisher, which goes on with the number `next`. Where it may have been forgotten, what is missing
    /// of it is unknown.
    pub fn take(&mut self, publisher: NodeId, next: u64) -> Option<Stream> {
        let mut known = self.streams.iter();
        match known.position(|known| known.publisher() == publisher) {
            Some(index) => Some(self.streams.remove(index)),
            None if self.forgot && next > 0 => Some(Stream::forgotten(publisher)),
            None => None,
        }
    }
}
