//! What an owner remembers of streams that come by no way any more.

use crate::identity::NodeId;
use crate::limits::MAX_CUT_UPSTREAMS;
use crate::missed::Missed;
use crate::stream::Stream;

/// Streams to one topic whose links were cut, so that what was lost shows when their publishers return; and those that have
/// ended, so that what hubs bring too late shows as such. When there are many the oldest is forgotten, of those that have
/// ended first.
#[derive(Debug, Default)]
pub struct CutStreams {
    streams: Vec<Cut>,
    /// Some were forgotten, so one that goes on may be one of those.
    forgot: bool,
}

/// A stream, and when it was cut.
#[derive(Debug)]
struct Cut {
    stream: Stream,
    at_ms: u64,
}

impl CutStreams {
    /// Remembers how far a stream was heard, and when it was cut. Of two that one publisher had announced on a link, the one
    /// that went further counts.
    pub fn keep(&mut self, stream: Stream, at_ms: u64) {
        let mut known = self.streams.iter();
        if known.any(|known| stream.is_behind(&known.stream)) {
            return;
        }
        self.streams
            .retain(|known| known.stream.publisher() != stream.publisher());
        if self.streams.len() >= MAX_CUT_UPSTREAMS {
            self.forget_one();
        }
        self.streams.insert(0, Cut { stream, at_ms });
    }

    fn forget_one(&mut self) {
        let mut known = self.streams.iter();
        let ended = known.rposition(|known| known.stream.has_ended());
        match ended {
            Some(index) => drop(self.streams.remove(index)),
            None => {
                self.streams.pop();
                self.forgot = true;
            }
        }
    }

    /// A publisher that was cut off then is taken for dead: what is missing of it, unless it has ended its stream or come back
    /// since. Nothing more is if it does after all.
    pub fn give_up(&mut self, publisher: NodeId, cut_at_ms: u64) -> Missed {
        let mut known = self.streams.iter_mut();
        let known = known.find(|known| known.stream.publisher() == publisher);
        match known.filter(|known| known.at_ms == cut_at_ms) {
            Some(known) => known.stream.give_up(),
            None => Missed::NONE,
        }
    }

    /// The stream of this publisher, which goes on with the number `next`. Where it may have been forgotten, what is missing
    /// of it is unknown.
    pub fn take(&mut self, publisher: NodeId, next: u64) -> Option<Stream> {
        let mut known = self.streams.iter();
        match known.position(|known| known.stream.publisher() == publisher) {
            Some(index) => Some(self.streams.remove(index).stream),
            None if self.forgot && next > 0 => Some(Stream::forgotten(publisher)),
            None => None,
        }
    }
}
