//! Waiting with a deadline.

use std::sync::{Condvar, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Until when a call may wait.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Deadline {
    Now,
    At(Instant),
    Never,
}

impl Deadline {
    /// Whether the time is up.
    pub(crate) fn is_past(self) -> bool {
        match self {
            Self::Now => true,
            Self::At(at) => at <= Instant::now(),
            Self::Never => false,
        }
    }

    /// `None` waits for ever; a time too far away to name is for ever, too.
    pub(crate) fn after(timeout: Option<Duration>) -> Self {
        match timeout {
            None => Self::Never,
            Some(Duration::ZERO) => Self::Now,
            Some(timeout) => Instant::now()
                .checked_add(timeout)
                .map_or(Self::Never, Self::At),
        }
    }
}

/// Waits on a condition; false when the time is up.
pub(crate) fn wait<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    deadline: Deadline,
) -> (MutexGuard<'a, T>, bool) {
    match deadline {
        Deadline::Now => (guard, false),
        Deadline::Never => (
            condvar.wait(guard).unwrap_or_else(PoisonError::into_inner),
            true,
        ),
        Deadline::At(at) => {
            let left = at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return (guard, false);
            }
            let (guard, _) = condvar
                .wait_timeout(guard, left)
                .unwrap_or_else(PoisonError::into_inner);
            (guard, Instant::now() < at)
        }
    }
}
