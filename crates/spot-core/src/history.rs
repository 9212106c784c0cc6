//! The last messages of a topic, kept for those who subscribe late and for those whose link was cut.

use std::collections::VecDeque;

use crate::payload::Payload;

/// The last messages of a stream, each with its number.
#[derive(Debug)]
pub struct History {
    kept: VecDeque<(u64, Payload)>,
    bytes: usize,
    max_messages: usize,
    max_bytes: usize,
}

impl History {
    /// Keeps up to `max_messages` messages and `max_bytes` of their payloads (0 is unlimited); of those larger than
    /// that the last one.
    #[must_use]
    pub fn new(max_messages: usize, max_bytes: usize) -> Self {
        Self {
            kept: VecDeque::new(),
            bytes: 0,
            max_messages,
            max_bytes,
        }
    }

    /// Changes how much is kept; what is too much goes at once.
    pub fn set_limit(&mut self, max_messages: usize, max_bytes: usize) {
        (self.max_messages, self.max_bytes) = (max_messages, max_bytes);
        self.forget_excess();
        self.kept.shrink_to_fit();
    }

    /// Keeps a message; the oldest make room for it. Numbers go up, and may leave holes.
    pub fn keep(&mut self, sequence: u64, payload: &Payload) {
        self.bytes += payload.len();
        self.kept.push_back((sequence, payload.clone()));
        self.forget_excess();
    }

    /// Messages kept.
    #[must_use]
    pub fn messages(&self) -> usize {
        self.kept.len()
    }

    /// Their payload bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many are kept of those numbered `sequence` and later.
    #[must_use]
    pub fn since(&self, sequence: u64) -> usize {
        let before = self.kept.partition_point(|(kept, _)| *kept < sequence);
        self.kept.len() - before
    }

    /// The lengths of the payloads, from the newest on.
    pub fn lens_back(&self) -> impl Iterator<Item = usize> {
        self.kept.iter().rev().map(|(_, payload)| payload.len())
    }

    /// The last `count` messages, or all if fewer are kept, the oldest first.
    pub fn last(&self, count: usize) -> impl Iterator<Item = (u64, &Payload)> {
        let from = self.kept.len().saturating_sub(count);
        let last = self.kept.range(from..);
        last.map(|(sequence, payload)| (*sequence, payload))
    }

    fn forget_excess(&mut self) {
        let too_many_bytes =
            |history: &Self| history.max_bytes != 0 && history.bytes > history.max_bytes;
        while self.kept.len() > self.max_messages || self.kept.len() > 1 && too_many_bytes(self) {
            let Some((_, payload)) = self.kept.pop_front() else {
                return;
            };
            self.bytes -= payload.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(history: &History) -> Vec<u64> {
        history.last(usize::MAX).map(|(number, _)| number).collect()
    }

    fn fill(history: &mut History, numbers: impl Iterator<Item = u64>, len: usize) {
        let payload = Payload::copy_from(&vec![7; len]);
        numbers.for_each(|number| history.keep(number, &payload));
    }

    #[test]
    fn the_last_messages_are_kept() {
        let mut history = History::new(3, 0);
        fill(&mut history, 0..5, 1);
        assert_eq!(kept(&history), [2, 3, 4]);
        assert_eq!(history.last(2).map(|(number, _)| number).min(), Some(3));
        assert_eq!(history.since(4), 1);
        assert_eq!((history.since(0), history.since(9)), (3, 0));
    }

    #[test]
    fn bytes_count_too_and_a_single_large_message_is_kept() {
        let mut history = History::new(100, 10);
        fill(&mut history, 0..9, 4);
        assert_eq!(kept(&history), [7, 8]);
        fill(&mut history, 9..10, 64);
        assert_eq!(kept(&history), [9]);
        fill(&mut history, 10..11, 4);
        assert_eq!(kept(&history), [10]);
    }

    #[test]
    fn less_is_freed_at_once() {
        let mut history = History::new(100, 0);
        fill(&mut history, 0..100, 1);
        history.set_limit(2, 0);
        assert_eq!(kept(&history), [98, 99]);
        assert!(history.kept.capacity() < 10);
        history.set_limit(0, 0);
        assert_eq!((history.messages(), history.bytes), (0, 0));
    }
}
