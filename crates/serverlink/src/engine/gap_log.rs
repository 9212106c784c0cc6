//! Gaps in the log: a link that is too slow makes thousands a second, which are one line.

use spot_core::limits::GAP_LOG_PAUSE_MS;

/// What was missed since that was logged last.
#[derive(Debug, Default)]
pub(super) struct GapLog {
    next_ms: u64,
    sum: GapSum,
}

/// Gaps that are logged together.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct GapSum {
    pub(super) gaps: u64,
    /// In these gaps, as far as that is known.
    pub(super) missed: u64,
}

impl GapLog {
    /// Counts a gap. The sum of those not logged yet, if it is time to log again.
    pub(super) fn count(&mut self, missed: u64, now_ms: u64) -> Option<GapSum> {
        self.sum.gaps += 1;
        self.sum.missed = self.sum.missed.saturating_add(missed);
        if now_ms < self.next_ms {
            return None;
        }
        self.next_ms = now_ms + GAP_LOG_PAUSE_MS;
        Some(std::mem::take(&mut self.sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_gap_is_logged_at_once_and_those_of_the_next_second_together() {
        let mut log = GapLog::default();
        let sum = |gaps, missed| Some(GapSum { gaps, missed });
        assert_eq!(log.count(3, 0), sum(1, 3));
        assert_eq!(log.count(1, 1), None);
        assert_eq!(log.count(u64::MAX, 999), None);
        assert_eq!(log.count(2, 1000), sum(3, u64::MAX));
        assert_eq!(log.count(1, 5000), sum(1, 1));
    }
}
