//! Pauses between connection attempts.

use crate::limits::{RETURN_EXPECTED_MS, RETURN_PAUSE_MAX_MS};

/// Exponential pauses with jitter downwards only, so that the longest pause is a promise. The jitter comes from a
/// seeded generator: the same seed gives the same pauses.
///
/// A peer that was there is expected back soon, because most losses are a restart: for some seconds after its last sign
/// of life no pause is longer than [`RETURN_PAUSE_MAX_MS`].
#[derive(Debug, Clone)]
pub struct Backoff {
    min_ms: u64,
    max_ms: u64,
    next_ms: u64,
    /// For how much longer the peer is expected back soon.
    expected_ms: u64,
    state: u64,
}

impl Backoff {
    /// Pauses from `min_ms`, doubling up to `max_ms`.
    #[must_use]
    pub fn new(min_ms: u64, max_ms: u64, seed: u64) -> Self {
        let min_ms = min_ms.max(1);
        Self {
            min_ms,
            max_ms: max_ms.max(min_ms),
            next_ms: min_ms,
            expected_ms: 0,
            state: seed,
        }
    }

    /// The next pause: between three quarters of its nominal length and all of it.
    pub fn pause_ms(&mut self) -> u64 {
        let mut nominal = self.next_ms;
        self.next_ms = nominal.saturating_mul(2).min(self.max_ms);
        if self.expected_ms > 0 {
            nominal = nominal.min(RETURN_PAUSE_MAX_MS.max(self.min_ms));
        }
        let pause_ms = nominal - self.random() % (nominal / 4 + 1);
        self.expected_ms = self.expected_ms.saturating_sub(pause_ms);
        pause_ms
    }

    /// Starts over: the other side showed a sign of life.
    pub fn reset(&mut self) {
        self.next_ms = self.min_ms;
        self.expected_ms = RETURN_EXPECTED_MS;
    }

    /// Makes the next pause the longest: the other side is there and does not want us.
    pub fn exhaust(&mut self) {
        self.next_ms = self.max_ms;
        self.expected_ms = 0;
    }

    /// Changes the range; the next pause is in it.
    pub fn configure(&mut self, min_ms: u64, max_ms: u64) {
        self.min_ms = min_ms.max(1);
        self.max_ms = max_ms.max(self.min_ms);
        self.next_ms = self.next_ms.clamp(self.min_ms, self.max_ms);
    }

    /// SplitMix64, after Steele, Lea and Flood (2014).
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_longest_with_jitter_downwards() {
        let mut backoff = Backoff::new(100, 5000, 1);
        for nominal in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
            let pause = backoff.pause_ms();
            assert!(
                (nominal - nominal / 4..=nominal).contains(&pause),
                "{pause} for {nominal}"
            );
        }
        backoff.reset();
        assert!(backoff.pause_ms() <= 100);
    }

    #[test]
    fn a_peer_that_was_there_is_looked_for_often_at_first() {
        for seed in 0..100 {
            let mut backoff = Backoff::new(100, 5000, seed);
            backoff.reset();
            let mut waited_ms = 0;
            while waited_ms < RETURN_EXPECTED_MS {
                let pause_ms = backoff.pause_ms();
                assert!(pause_ms <= RETURN_PAUSE_MAX_MS, "{pause_ms}");
                waited_ms += pause_ms;
            }
            assert!(backoff.pause_ms() > RETURN_PAUSE_MAX_MS, "{waited_ms}");
        }
    }

    #[test]
    fn one_that_refused_us_is_not_expected_back_soon() {
        let mut backoff = Backoff::new(100, 5000, 1);
        backoff.reset();
        backoff.exhaust();
        assert!(backoff.pause_ms() >= 3750);
    }

    #[test]
    fn the_same_seed_gives_the_same_pauses() {
        let pauses = |seed| {
            let mut backoff = Backoff::new(100, 5000, seed);
            (0..10).map(|_| backoff.pause_ms()).collect::<Vec<_>>()
        };
        assert_eq!(pauses(7), pauses(7));
        assert_ne!(pauses(7), pauses(8));
    }
}
