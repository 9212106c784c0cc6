//! Publishing where that is plain: a small message on a topic hosted here, to one subscriber here or behind one wire, which
//! has room. Nothing is set aside, shared or left to do. All else is for [`Topic::publish`].

use std::sync::Arc;

use spot_core::outbox::SHORT_MAX_BYTES;

use super::outbox::Flush;
use super::topic::{InboxSink, Outside, PublishSide, Topic};
use super::{SharedOutbox, lock};

impl Topic {
    /// Publishes a message if that is plain; otherwise nothing has happened.
    #[inline]
    pub(crate) fn publish_plainly(&self, data: &[u8]) -> bool {
        let mut side = lock(&self.publish);
        let PublishSide {
            next_sequence,
            local,
            outside,
            hosted: true,
            published,
            ..
        } = &mut *side
        else {
            return false;
        };
        let mut to_write = None;
        let is_published = match (local.as_slice(), outside.as_deref_mut()) {
            ([InboxSink { inbox, slot, .. }], None) => inbox.offer_plainly(*slot, data),
            ([], Some(outside))
                if data.len() < SHORT_MAX_BYTES && outside.only_wire().is_some() =>
            {
                outside.publish_plainly(self.id.0, *next_sequence, data, &mut to_write)
            }
            _ => false,
        };
        if is_published {
            *next_sequence = next_sequence.wrapping_add(1);
            published.add(data.len());
            drop(side);
            if let Some(outbox) = to_write {
                write(&outbox);
            }
        }
        is_published
    }
}

#[cold]
#[inline(never)]
fn write(outbox: &SharedOutbox) {
    outbox.flush_as_publisher();
}

impl Outside {
    #[inline]
    fn publish_plainly(
        &mut self,
        alias: u32,
        sequence: u64,
        data: &[u8],
        to_write: &mut Option<Arc<SharedOutbox>>,
    ) -> bool {
        if self.header.stream() != (alias, sequence) {
            self.header.set(alias, sequence);
        }
        let Some((outbox, policy)) = self.only_wire() else {
            return false;
        };
        let Some(flush) = outbox.offer_plainly(policy, &self.header, data) else {
            return false;
        };
        if flush == Flush::Now {
            *to_write = Some(outbox.clone());
        }
        self.header.advance();
        true
    }
}
