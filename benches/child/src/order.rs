//! What makes a loss, a duplicate or a change of order visible: every message carries its number.

/// Set in the number of the last message.
pub const LAST: u64 = 1 << 63;

const COUNT_BITS: u32 = 48;

/// The number a message carries: who sent it, and how many it sent before.
#[must_use]
pub fn numbered(publisher: usize, count: u64) -> u64 {
    (publisher as u64) << COUNT_BITS | count
}

/// What was received so far, from each publisher.
#[derive(Debug)]
pub struct Order {
    next: Vec<u64>,
    unfinished: usize,
    pub received: u64,
    /// Missing by their numbers.
    pub skipped: u64,
    /// Missing as the library told.
    pub told: u64,
}

impl Order {
    #[must_use]
    pub fn of(publishers: usize) -> Self {
        Self {
            next: vec![0; publishers],
            unfinished: publishers,
            received: 0,
            skipped: 0,
            told: 0,
        }
    }

    /// Takes a message. Whether it was the last of the last publisher.
    ///
    /// # Panics
    /// If it came before, or after one that was sent later.
    #[inline]
    pub fn take(&mut self, number: u64) -> bool {
        let publisher = (number & !LAST) >> COUNT_BITS;
        let count = number & ((1 << COUNT_BITS) - 1);
        let next = &mut self.next[publisher as usize];
        assert!(
            count >= *next,
            "message {count} of publisher {publisher} came where {next} was due"
        );
        self.skipped += count - *next;
        *next = count + 1;
        self.received += 1;
        if number & LAST != 0 {
            self.unfinished -= 1;
        }
        self.unfinished == 0
    }

    /// # Panics
    /// If messages are missing, or other ones than the library told of.
    pub fn check(&self, may_lose: bool) {
        assert_eq!(self.skipped, self.told, "missing, and told to be missing");
        assert!(
            may_lose || self.skipped == 0,
            "{} messages lost",
            self.skipped
        );
    }
}
