//! How long a peer takes to answer, measured by the heartbeats that are sent anyway.

/// The weight of the newest value in the smoothed one is 1 in so many, as TCP has it.
const SMOOTHING: u64 = 8;

/// Measures round trips: each PING carries a number that comes back in the PONG. Time is the caller's: microseconds of
/// any clock that never goes back.
///
/// ```
/// use zmtp::RoundTrip;
/// let mut round_trip = RoundTrip::default();
/// let context = round_trip.ping(1_000_000);
/// assert_eq!(round_trip.smoothed_us(), None);
/// round_trip.pong(&context, 1_000_250);
/// assert_eq!(round_trip.smoothed_us(), Some(250));
/// ```
#[derive(Debug, Clone, Default)]
pub struct RoundTrip {
    next: u32,
    /// The PING whose answer is waited for, and when it was sent. Later ones are not measured until it is answered, so
    /// that answers which take longer than the pause between two PINGs are measured, too.
    awaited: Option<([u8; 4], u64)>,
    last_us: Option<u64>,
    smoothed_us: Option<u64>,
}

impl RoundTrip {
    /// A PING is sent now: the context for it.
    pub fn ping(&mut self, now_us: u64) -> [u8; 4] {
        self.next = self.next.wrapping_add(1);
        let context = self.next.to_be_bytes();
        self.awaited.get_or_insert((context, now_us));
        context
    }

    /// A PONG came. One that answers another PING than that which is waited for is ignored.
    pub fn pong(&mut self, context: &[u8], now_us: u64) {
        let Some((_, sent_us)) = self.awaited.take_if(|(awaited, _)| awaited == context) else {
            return;
        };
        let us = now_us.saturating_sub(sent_us);
        self.last_us = Some(us);
        self.smoothed_us = Some(self.smoothed_us.map_or(us, |smoothed_us| {
            let weighted = u128::from(smoothed_us) * u128::from(SMOOTHING - 1) + u128::from(us);
            (weighted / u128::from(SMOOTHING)) as u64
        }));
    }

    /// The last round trip in microseconds; `None` before the first one.
    pub fn last_us(&self) -> Option<u64> {
        self.last_us
    }

    /// A smoothed round trip in microseconds: each one changes it by an eighth of the difference.
    pub fn smoothed_us(&self) -> Option<u64> {
        self.smoothed_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smoothed_value_follows_slowly() {
        let mut round_trip = RoundTrip::default();
        for (sent_us, us) in [(0, 800), (10_000, 1600), (20_000, 900)] {
            let context = round_trip.ping(sent_us);
            round_trip.pong(&context, sent_us + us);
        }
        assert_eq!(round_trip.last_us(), Some(900));
        assert_eq!(round_trip.smoothed_us(), Some(900));
        assert_eq!((800 * 7 + 1600) / 8, 900);
    }

    #[test]
    fn an_answer_that_takes_longer_than_the_pause_is_measured() {
        let mut round_trip = RoundTrip::default();
        let first = round_trip.ping(0);
        let second = round_trip.ping(2_000_000);
        round_trip.pong(&first, 3_000_000);
        assert_eq!(round_trip.last_us(), Some(3_000_000));
        round_trip.pong(&second, 5_000_000);
        assert_eq!(round_trip.last_us(), Some(3_000_000), "it was not timed");
    }

    #[test]
    fn answers_to_nothing_change_nothing() {
        let mut round_trip = RoundTrip::default();
        round_trip.pong(b"", 5);
        let context = round_trip.ping(0);
        for wrong in [&b""[..], b"abcd", &[context.as_slice(), b"x"].concat()] {
            round_trip.pong(wrong, 5);
        }
        assert_eq!(round_trip.smoothed_us(), None);
        round_trip.pong(&context, u64::MAX);
        let context = round_trip.ping(0);
        round_trip.pong(&context, u64::MAX);
        assert_eq!(round_trip.smoothed_us(), Some(u64::MAX));
    }
}
