//! The ways to receive: as iterator, as stream, as future, into the caller's buffers.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use spot_core::inbox::{Copied, Front, Notice, Source, Taken};

use super::delivery::{Delivery, Message};
use super::error::RecvError;
use super::subscriber::Subscriber;
use crate::data::Receipt;

/// How long a receive may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    Never,
    /// Until something arrives or the node closes.
    Forever,
    /// At most this long.
    For(Duration),
    /// As the subscriber's `recv_timeout` option says.
    Default,
}

impl futures_core::Stream for Subscriber {
    type Item = Delivery;

    /// Ends when the node closes.
    fn poll_next(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Option<Delivery>> {
        self.poll_delivery(task).map(Result::ok)
    }
}

impl<'a> IntoIterator for &'a Subscriber {
    type Item = Message;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// See [`Subscriber::iter`].
#[derive(Debug)]
pub struct Iter<'a> {
    pub(super) subscriber: &'a Subscriber,
}

impl Iterator for Iter<'_> {
    type Item = Message;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Delivery::Message(message) = self.subscriber.recv_wait(Wait::Forever).ok()? {
                return Some(message);
            }
        }
    }
}

/// See [`Subscriber::recv_async`].
#[derive(Debug)]
pub struct RecvFuture<'a> {
    pub(super) subscriber: &'a Subscriber,
}

impl Future for RecvFuture<'_> {
    type Output = Result<Delivery, RecvError>;

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Self::Output> {
        self.subscriber.poll_delivery(task)
    }
}

/// What [`Subscriber::recv_into`] found.
#[derive(Clone, Copy)]
pub(super) enum CopiedOut {
    Message {
        source: Source,
        topic_len: usize,
        data_len: usize,
    },
    TooSmall {
        topic_len: usize,
        data_len: usize,
    },
    Gap,
    PeerLost,
    Ended,
}

impl Receipt for CopiedOut {
    fn message(&self) -> Option<(Source, usize)> {
        match self {
            Self::Message {
                source, data_len, ..
            } => Some((*source, *data_len)),
            _ => None,
        }
    }
}

/// Copies the first message out and takes it, unless a buffer is too small for it.
pub(super) fn copy_out(
    mut front: Front<'_>,
    topic: &mut [u8],
    data: &mut [u8],
) -> Option<CopiedOut> {
    match front.copy_message(topic, data) {
        Some(Copied::Taken {
            source,
            topic_len,
            data_len,
        }) => Some(CopiedOut::Message {
            source,
            topic_len,
            data_len,
        }),
        Some(Copied::TooLarge {
            topic_len,
            data_len,
        }) => Some(CopiedOut::TooSmall {
            topic_len,
            data_len,
        }),
        None => copy_rare(front),
    }
}

/// Takes what is no message, if anything is there.
fn copy_rare(mut front: Front<'_>) -> Option<CopiedOut> {
    Some(match front.take()? {
        Taken::Notice(Notice::PeerLost { .. }) => CopiedOut::PeerLost,
        Taken::Notice(Notice::Ended) => CopiedOut::Ended,
        Taken::Gap { .. } | Taken::Message { .. } => CopiedOut::Gap,
    })
}

pub(super) fn delivery(taken: Taken) -> Delivery {
    match taken {
        Taken::Message { topic, payload, .. } => Delivery::Message(Message { topic, payload }),
        Taken::Gap { topic, missed } => Delivery::Gap {
            topic,
            missed: missed.count(),
        },
        Taken::Notice(Notice::PeerLost { node, name }) => Delivery::PeerLost { node, name },
        Taken::Notice(Notice::Ended) => Delivery::Ended,
    }
}
