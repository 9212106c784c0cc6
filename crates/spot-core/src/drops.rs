//! Messages that full queues cost, told apart by why.

use std::ops::{Add, AddAssign, Sub};

use crate::overflow::Overflow;

/// Messages dropped at full queues, by the overflow policy of the subscribers that they were for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Drops {
    /// The newest was dropped, as [`Overflow::DropNewest`] asks for; plain ZeroMQ subscribers have that policy.
    pub newest: u64,
    /// The oldest was dropped, as [`Overflow::DropOldest`] asks for.
    pub oldest: u64,
    /// The subscriber has [`Overflow::Block`] and the publisher could not be held up: it is a plain ZeroMQ peer, its link
    /// is gone, or it sent more than there was credit for.
    pub block: u64,
    /// The subscription was ended, as [`Overflow::Disconnect`] asks for.
    pub disconnect: u64,
}

impl Drops {
    /// One more.
    pub(crate) fn count(&mut self, policy: Overflow) {
        self.count_many(policy, 1);
    }

    /// So many more.
    pub(crate) fn count_many(&mut self, policy: Overflow, count: u64) {
        match policy {
            Overflow::DropNewest => self.newest += count,
            Overflow::DropOldest => self.oldest += count,
            Overflow::Block => self.block += count,
            Overflow::Disconnect => self.disconnect += count,
        }
    }

    /// All of them.
    #[must_use]
    pub fn total(self) -> u64 {
        self.newest + self.oldest + self.block + self.disconnect
    }
}

impl AddAssign for Drops {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Add for Drops {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            newest: self.newest + other.newest,
            oldest: self.oldest + other.oldest,
            block: self.block + other.block,
            disconnect: self.disconnect + other.disconnect,
        }
    }
}

/// What came since an earlier count.
impl Sub for Drops {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            newest: self.newest - earlier.newest,
            oldest: self.oldest - earlier.oldest,
            block: self.block - earlier.block,
            disconnect: self.disconnect - earlier.disconnect,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_policy_has_a_count_of_its_own() {
        let mut drops = Drops::default();
        for number in 0..4 {
            for _ in 0..=number {
                drops.count(Overflow::from_number(number).unwrap());
            }
        }
        let Drops {
            newest,
            oldest,
            block,
            disconnect,
        } = drops;
        assert_eq!([newest, oldest, block, disconnect], [1, 2, 3, 4]);
        assert_eq!((drops + drops - drops).total(), 10);
    }
}
