//! Buffers of large messages, to be used again: memory that goes back to the system between two messages is cleared by it
//! for the next one, which takes as long as copying the message.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use spot_core::Payload;

use super::lock;

/// Messages of these sizes have such a buffer. Smaller ones the allocator keeps for itself; larger ones are few.
const LENT_BYTES: RangeInclusive<usize> = 16 * 1024..=512 * 1024;
/// Bytes that wait to be used again, at most.
const MAX_WAITING_BYTES: usize = 2 * 1024 * 1024;

/// The buffers of a context.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

/// A buffer that comes back when the message in it is gone.
struct Lent {
    data: Vec<u8>,
    home: Arc<Buffers>,
}

impl Buffers {
    /// Copies a message, a large one into a buffer that was used before if there is one.
    pub(crate) fn payload(self: &Arc<Self>, data: &[u8]) -> Payload {
        if !LENT_BYTES.contains(&data.len()) {
            return Payload::copy_from(data);
        }
        let mut buffer = self.take(data.len());
        buffer.extend_from_slice(data);
        Payload::from_bytes(Bytes::from_owner(Lent {
            data: buffer,
            home: self.clone(),
        }))
    }

    /// The last one that came back is still in the cache. One much larger than the message would be wasted on it.
    fn take(&self, len: usize) -> Vec<u8> {
        let mut waiting = lock(&self.0);
        let fits = |buffer: &Vec<u8>| (len..=2 * len).contains(&buffer.capacity());
        match waiting.buffers.iter().rposition(fits) {
            Some(index) => {
                let buffer = waiting.buffers.remove(index);
                waiting.bytes -= buffer.capacity();
                buffer
            }
            None => Vec::with_capacity(len),
        }
    }

    fn give_back(&self, mut buffer: Vec<u8>) {
        let mut waiting = lock(&self.0);
        buffer.clear();
        waiting.bytes += buffer.capacity();
        waiting.buffers.push(buffer);
        // The oldest are least likely to fit what comes now.
        let mut excess = 0;
        while waiting.bytes > MAX_WAITING_BYTES {
            waiting.bytes -= waiting.buffers[excess].capacity();
            excess += 1;
        }
        waiting.buffers.drain(..excess);
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.home.give_back(std::mem::take(&mut self.data));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(buffers: &Buffers) -> (usize, usize) {
        let waiting = lock(&buffers.0);
        (waiting.buffers.len(), waiting.bytes)
    }

    #[test]
    fn a_buffer_is_used_again_once_its_message_is_gone() {
        let buffers = Arc::new(Buffers::default());
        let first = buffers.payload(&[1; 65536]);
        let second = buffers.payload(&[2; 65536]);
        assert_eq!(waiting(&buffers).0, 0);
        let address = first.as_ref().as_ptr();
        drop(first.clone());
        assert_eq!(waiting(&buffers).0, 0, "a copy of it is in use");
        drop(first);
        let third = buffers.payload(&[3; 60000]);
        assert_eq!(third.as_ref(), [3; 60000]);
        assert_eq!(third.as_ref().as_ptr(), address);
        assert_eq!(second.as_ref(), [2; 65536]);
        drop((second, third));
        drop(buffers.payload(&[4; 20000]));
        assert_eq!(
            waiting(&buffers).0,
            3,
            "none of those is for a small message"
        );
    }

    #[test]
    fn no_more_waits_than_is_worth_it() {
        let buffers = Arc::new(Buffers::default());
        drop(buffers.payload(&[0; 1000]));
        drop(buffers.payload(&vec![0; 1024 * 1024]));
        assert_eq!(waiting(&buffers), (0, 0));
        let many: Vec<Payload> = (0..100).map(|_| buffers.payload(&[0; 65536])).collect();
        drop(many);
        assert_eq!(waiting(&buffers), (32, MAX_WAITING_BYTES));
    }
}
