//! Credit for subscribers that block their publishers: a window for each link, so that nobody stops reading a socket.

use crate::inbox::Limit;

/// Credit to hand out: messages and payload bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grant {
    /// Messages; `u64::MAX` lifts the limit.
    pub messages: u64,
    /// Payload bytes.
    pub bytes: u64,
}

impl Grant {
    const UNLIMITED: Self = Self {
        messages: u64::MAX,
        bytes: u64::MAX,
    };
}

/// From so many links on, the others keep a subscriber busy while one waits for its credit.
const MANY_LINKS: usize = 4;
/// A smaller window is used up before its credit has come back in any case.
const MIN_GRANTED_WHOLE: u64 = 16;

/// The window that a subscriber holds open for one link. Credit comes back as its messages are received, in halves of
/// the window, so that credit frames are few; of many links in all but an eighth, as their windows are small, and each
/// grant wakes a publisher.
#[derive(Debug, Clone)]
pub struct Window {
    size: Grant,
    /// When so much was received, it is granted anew.
    due: Grant,
    /// Received and not yet granted anew.
    spent: Grant,
    /// Credit to be withheld, because the window was made smaller.
    debt: Grant,
    /// Granted and not yet used by a message that arrived.
    outstanding: Grant,
}

impl Window {
    /// A window of this subscriber's limit, shared among `links` links; and its first grant.
    #[must_use]
    pub fn open(limit: Limit, links: usize) -> (Self, Grant) {
        let size = share(limit, links);
        let window = Self {
            size,
            due: due(size, links),
            spent: Grant::default(),
            debt: Grant::default(),
            outstanding: size,
        };
        (window, size)
    }

    /// Changes the size; a larger window gives a grant at once, a smaller one withholds later ones. Credit without limit
    /// cannot be taken back: it lasts as long as the link.
    pub fn resize(&mut self, limit: Limit, links: usize) -> Option<Grant> {
        let size = share(limit, links);
        let more = Grant {
            messages: resized(self.size.messages, size.messages, &mut self.debt.messages),
            bytes: resized(self.size.bytes, size.bytes, &mut self.debt.bytes),
        };
        self.size = size;
        self.due = due(size, links);
        (more != Grant::default()).then(|| self.grant(more))
    }

    /// A message of the link arrived: whether its sender had credit for it.
    pub fn arrived(&mut self, len: usize) -> bool {
        let Grant { messages, bytes } = &mut self.outstanding;
        if *messages == 0 || *bytes == 0 {
            return false;
        }
        if *messages != u64::MAX {
            *messages -= 1;
            *bytes = bytes.saturating_sub(len as u64);
        }
        true
    }

    /// As [`arrived`](Self::arrived) for so many messages: true if there was credit for all of them, otherwise nothing has
    /// changed and they are to be told one by one.
    #[inline]
    pub fn arrived_many(&mut self, count: usize, len: usize) -> bool {
        let Grant { messages, bytes } = &mut self.outstanding;
        if *messages == u64::MAX {
            return *bytes > 0;
        }
        let has_credit = *messages >= count as u64 && *bytes > len as u64;
        if has_credit {
            *messages -= count as u64;
            *bytes -= len as u64;
        }
        has_credit
    }

    /// A message of the link was received: the credit to grant anew, if it is time.
    pub fn received(&mut self, len: usize) -> Option<Grant> {
        self.received_many(1, len)
    }

    /// As [`received`](Self::received) for so many messages and bytes.
    pub fn received_many(&mut self, messages: usize, bytes: usize) -> Option<Grant> {
        if self.size == Grant::UNLIMITED {
            return None;
        }
        let received = Grant {
            messages: messages as u64,
            bytes: bytes as u64,
        };
        let withheld = Grant {
            messages: self.debt.messages.min(received.messages),
            bytes: self.debt.bytes.min(received.bytes),
        };
        self.debt.messages -= withheld.messages;
        self.debt.bytes -= withheld.bytes;
        self.spent.messages += received.messages - withheld.messages;
        self.spent.bytes += received.bytes - withheld.bytes;
        let due = self.spent.messages >= self.due.messages || self.spent.bytes >= self.due.bytes;
        due.then(|| {
            let spent = std::mem::take(&mut self.spent);
            self.grant(spent)
        })
    }

    fn grant(&mut self, grant: Grant) -> Grant {
        let Grant { messages, bytes } = &mut self.outstanding;
        *messages = messages.saturating_add(grant.messages);
        *bytes = bytes.saturating_add(grant.bytes);
        grant
    }
}

/// What to grant at once when a window goes from one size to another; what is withheld already is let go of first.
fn resized(before: u64, after: u64, debt: &mut u64) -> u64 {
    let more = after.saturating_sub(before);
    let forgiven = more.min(*debt);
    *debt = (*debt - forgiven).saturating_add(before.saturating_sub(after));
    more - forgiven
}

fn due(size: Grant, links: usize) -> Grant {
    let messages = match links >= MANY_LINKS && size.messages >= MIN_GRANTED_WHOLE {
        true => size.messages - size.messages / 8,
        false => size.messages.div_ceil(2),
    };
    let bytes = size.bytes / 2;
    Grant { messages, bytes }
}

fn share(limit: Limit, links: usize) -> Grant {
    let of = |total: usize| match total {
        0 => u64::MAX,
        total => (total / links.max(1)).max(1) as u64,
    };
    match (of(limit.messages), of(limit.bytes)) {
        (u64::MAX, u64::MAX) => Grant::UNLIMITED,
        // No limit in one of the two is a window that cannot be used up in practice.
        (messages, bytes) => Grant {
            messages: messages.min(1 << 48),
            bytes: bytes.min(1 << 56),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit {
        messages: 10,
        bytes: 0,
    };

    #[test]
    fn credit_comes_back_in_halves() {
        let (mut window, first) = Window::open(LIMIT, 1);
        assert_eq!(first.messages, 10);
        let grants: Vec<u64> = (0..10)
            .filter_map(|_| window.received(1))
            .map(|grant| grant.messages)
            .collect();
        assert_eq!(grants, [5, 5]);
    }

    #[test]
    fn the_small_windows_of_many_links_are_granted_anew_almost_whole() {
        let limit = Limit {
            messages: 160,
            bytes: 0,
        };
        let (mut window, first) = Window::open(limit, 10);
        assert_eq!(first.messages, 16);
        let grants: Vec<u64> = (0..28)
            .filter_map(|_| window.received(1))
            .map(|grant| grant.messages)
            .collect();
        assert_eq!(grants, [14, 14]);
    }

    #[test]
    fn a_window_of_one_grants_each_time() {
        let (mut window, _) = Window::open(LIMIT, 100);
        assert_eq!(
            window.received(7),
            Some(Grant {
                messages: 1,
                bytes: 7
            })
        );
    }

    #[test]
    fn a_smaller_window_withholds_and_a_larger_one_grants() {
        let (mut window, _) = Window::open(LIMIT, 1);
        assert_eq!(window.resize(LIMIT, 2), None);
        let granted: u64 = (0..10)
            .filter_map(|_| window.received(1))
            .map(|grant| grant.messages)
            .sum();
        assert_eq!(granted, 3, "five withheld, two not yet due");
        assert_eq!(window.resize(LIMIT, 1).map(|grant| grant.messages), Some(5));
    }

    #[test]
    fn a_window_that_is_widened_again_grants_only_what_it_had_taken() {
        let (mut window, _) = Window::open(LIMIT, 1);
        assert_eq!(window.resize(LIMIT, 5), None);
        window.received(1);
        assert_eq!(window.resize(LIMIT, 1).map(|grant| grant.messages), Some(1));
    }

    #[test]
    fn only_messages_on_credit_arrive_on_credit() {
        let (mut window, _) = Window::open(LIMIT, 5);
        assert!(window.arrived(1) && window.arrived(1));
        assert!(!window.arrived(1));
        window.received(1);
        assert!(window.arrived(1));
        assert!(!window.arrived(1));
    }

    #[test]
    fn messages_arrive_together_where_all_are_on_credit() {
        let limit = Limit {
            messages: 3,
            bytes: 10,
        };
        let (mut window, _) = Window::open(limit, 1);
        assert!(
            !window.arrived_many(4, 4),
            "one more than there is credit for"
        );
        assert!(!window.arrived_many(2, 10), "the last may overdraw, or not");
        assert!(window.arrived_many(2, 9));
        assert!(window.arrived(7), "the last one overdraws");
        assert!(!window.arrived(0) && !window.arrived_many(1, 0));
    }

    #[test]
    fn no_limit_is_granted_once() {
        let (mut window, first) = Window::open(
            Limit {
                messages: 0,
                bytes: 0,
            },
            3,
        );
        assert_eq!(first.messages, u64::MAX);
        assert_eq!(window.received(1), None);
    }
}
