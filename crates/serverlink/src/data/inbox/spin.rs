//! Spinning for a moment before sleeping, where that paid off lately: a wake-up costs both sides more.

use std::hint;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::SharedInbox;
use crate::api::Spin;
use crate::data::{Deadline, lock};

/// How long one that adapts spins at most before it sleeps.
pub(super) const SPIN_MAX_US: u32 = 50;

impl SharedInbox {
    /// Spins until something is queued.
    pub(super) fn spin_until_ready(&self, deadline: Deadline) {
        let limit_us = match *lock(&self.spin) {
            Spin::Micros(limit_us) => {
                spin(limit_us, deadline, || self.is_ready.load(Relaxed));
                return;
            }
            Spin::Adaptive => &self.spin_us,
        };
        spin_adaptively(limit_us, deadline, || self.is_ready.load(Relaxed));
    }

    /// Spins until publishers are told again that there may be room.
    pub(super) fn spin_until_space(&self, told: u32, deadline: Deadline) {
        let is_told = || self.space_told.load(Relaxed) != told;
        spin_adaptively(&self.space_spin_us, deadline, is_told);
    }
}

/// Spinning that pays off may go on longer the next time; spinning in vain soon comes down to next to nothing.
fn spin_adaptively(limit_us: &AtomicU32, deadline: Deadline, done: impl Fn() -> bool) {
    let before_us = limit_us.load(Relaxed);
    let next_us = match spin(before_us, deadline, done) {
        true => (before_us * 2).min(SPIN_MAX_US),
        false => (before_us / 2).max(1),
    };
    limit_us.store(next_us, Relaxed);
}

/// Spins for so long at most; whether that was enough.
fn spin(limit_us: u32, deadline: Deadline, done: impl Fn() -> bool) -> bool {
    if limit_us == 0 || matches!(deadline, Deadline::Now) {
        return done();
    }
    let begun = Instant::now();
    let mut limit = Duration::from_micros(u64::from(limit_us));
    if let Deadline::At(at) = deadline {
        limit = limit.min(at.saturating_duration_since(begun));
    }
    loop {
        let is_done = || {
            hint::spin_loop();
            done()
        };
        if (0..64).any(|_| is_done()) {
            return true;
        }
        if begun.elapsed() >= limit {
            return false;
        }
    }
}
