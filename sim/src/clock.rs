//! The clock of one life of a host: it began at any time, and it runs a little fast or slow.

use crate::rng::Rng;

/// How far clocks are off, in thousandths.
const MAX_SKEW: usize = 30;

/// Turns the world's time into a host's, and back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    offset_ms: u64,
    /// Its milliseconds in 1000 of the world's.
    rate: u64,
}

impl Clock {
    pub(crate) fn any(rng: &mut Rng) -> Self {
        Self {
            offset_ms: rng.of(0..1_000_000_000) as u64,
            rate: rng.of(1000 - MAX_SKEW..1000 + MAX_SKEW + 1) as u64,
        }
    }

    /// What it shows.
    pub(crate) fn local_ms(self, world_ms: u64) -> u64 {
        self.offset_ms + world_ms * self.rate / 1000
    }

    /// The first moment at which it shows this or more.
    pub(crate) fn world_ms(self, local_ms: u64) -> u64 {
        (local_ms.saturating_sub(self.offset_ms) * 1000).div_ceil(self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_found_neither_early_nor_late() {
        let mut rng = Rng::new(1);
        for _ in 0..100 {
            let clock = Clock::any(&mut rng);
            let local_ms = clock.offset_ms + rng.of(1..100_000) as u64;
            let at_ms = clock.world_ms(local_ms);
            assert!(clock.local_ms(at_ms) >= local_ms);
            assert!(clock.local_ms(at_ms - 1) < local_ms);
        }
    }
}
