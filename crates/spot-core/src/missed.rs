//! How many messages are missing.

use std::ops::AddAssign;

/// A number of missed messages, exact or unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Missed {
    count: u64,
    unknown: bool,
}

impl Missed {
    /// Nothing is missing.
    pub const NONE: Self = Self {
        count: 0,
        unknown: false,
    };
    /// Something may be missing; the count died with its publisher.
    pub const UNKNOWN: Self = Self {
        count: 0,
        unknown: true,
    };

    /// Exactly `count`.
    #[must_use]
    pub fn exactly(count: u64) -> Self {
        Self {
            count,
            unknown: false,
        }
    }

    /// `count`, and something beside it that cannot be counted.
    #[must_use]
    pub fn at_least(count: u64) -> Self {
        Self {
            count,
            unknown: true,
        }
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// The exact count; `None` where it is unknown.
    #[must_use]
    pub fn count(self) -> Option<u64> {
        (!self.unknown).then_some(self.count)
    }

    /// The part that could be counted.
    #[must_use]
    pub fn counted(self) -> u64 {
        self.count
    }

    /// The part that could not be counted.
    #[must_use]
    pub fn uncounted(self) -> Self {
        Self { count: 0, ..self }
    }

    /// How many numbers of a stream stand for it: one for each message, and one for all that cannot be counted.
    #[must_use]
    pub fn numbers(self) -> u64 {
        self.count.saturating_add(u64::from(self.unknown))
    }
}

impl AddAssign for Missed {
    fn add_assign(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.unknown = self.unknown || other.unknown;
    }
}
