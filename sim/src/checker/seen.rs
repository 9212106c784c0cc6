//! What one subscriber has seen of one topic.

use std::collections::{BTreeMap, BTreeSet};

use spot_core::{Missed, Payload};

use super::Publisher;

/// A message, as its payload tells it from all others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message {
    host: usize,
    life: u64,
    number: u64,
    hosting: u64,
}

impl Message {
    pub(super) fn parse(payload: &Payload) -> Self {
        let text = str::from_utf8(payload.as_ref()).expect("our own");
        let mut words = text.split(' ');
        let [host, life, number, hosting] = [(); 4].map(|()| {
            let word = words.next().expect("four numbers");
            word.parse().expect("a number")
        });
        Self {
            host: host as usize,
            life,
            number,
            hosting,
        }
    }

    /// Which hosting of its topic it was published in.
    pub(super) fn hosting(&self) -> u64 {
        self.hosting
    }
}

/// What became of a topic's publishers.
#[derive(Debug)]
pub(super) struct Past<'a> {
    pub(super) topic: &'a str,
    pub(super) published: &'a BTreeMap<(String, Publisher), u64>,
    /// Hostings that were ended by their host.
    pub(super) ended: &'a BTreeSet<(String, u64)>,
    /// Lives that took their leave.
    pub(super) left: &'a BTreeSet<Publisher>,
}

impl Past<'_> {
    /// Messages of a host's life that are missing from a number on.
    fn rest(&self, host: usize, last: Last) -> u64 {
        let life = last.life;
        let key = (self.topic.to_owned(), Publisher { host, life });
        self.published.get(&key).copied().unwrap_or_default() - last.number - 1
    }

    fn was_ended(&self, hosting: u64) -> bool {
        self.ended.contains(&(self.topic.to_owned(), hosting))
    }
}

/// The last message of a publisher.
#[derive(Debug, Clone, Copy)]
struct Last {
    life: u64,
    number: u64,
    /// Which count of losses it belongs to.
    count: u64,
    /// Which hosting of the topic it was of.
    hosting: u64,
    /// A loss was reported since.
    loss_told: bool,
}

/// All that a subscriber has seen of a topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages.
    pub messages: u64,
    /// What was missing, as far as it was counted.
    pub missed: u64,
    /// A loss was told that nobody could count.
    pub unknown: bool,
}

/// The books of one subscriber on one topic. Losses are counted from a message on, for as long as nothing happens that
/// makes them uncountable.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The number of the first message, by host.
    first: BTreeMap<usize, u64>,
    last: BTreeMap<usize, Last>,
    /// Which hosting of the topic the last message was of.
    hosting: u64,
    /// Whether losses since then must add up.
    counted: bool,
    count: u64,
    missing: u64,
    reported: u64,
    unknown: bool,
    tally: Tally,
}

impl Seen {
    pub(super) fn tally(&self) -> Tally {
        self.tally
    }

    pub(super) fn stop_counting(&mut self) {
        self.counted = false;
    }

    pub(super) fn miss(&mut self, missed: Missed) {
        self.reported += missed.counted();
        self.unknown |= missed.count().is_none();
        self.tally.missed += missed.counted();
        self.tally.unknown |= missed.count().is_none();
        let lasts = self.last.values_mut();
        lasts.for_each(|last| last.loss_told = true);
    }

    pub(super) fn first_of(&self, host: usize) -> Option<u64> {
        self.first.get(&host).copied()
    }

    pub(super) fn last_of(&self, host: usize) -> Option<(u64, u64)> {
        self.last.get(&host).map(|last| (last.life, last.number))
    }

    /// `is_late`: it was published while the topic was hosted before, so that what is missing before it does not count.
    /// `alone`: the topic has one publisher, so each gap can be checked by itself.
    pub(super) fn take(
        &mut self,
        message: Message,
        settled: bool,
        is_late: bool,
        alone: bool,
        past: &Past<'_>,
    ) -> Result<(), String> {
        self.tally.messages += 1;
        let last = self.last.get(&message.host).copied();
        check_order(last, message)?;
        let same_life = last.is_some_and(|last| last.life == message.life);
        if self.counted && self.unknown && alone && same_life && self.hosting == message.hosting {
            return Err("accounting: an unknown loss, and nobody has died".into());
        }
        let counted = self.counted && !is_late;
        let anew = alone && self.hosting + 1 == message.hosting;
        let goes_on = counted && !self.unknown && (anew || self.hosting == message.hosting);
        if !goes_on {
            self.count += 1;
            self.level();
        }
        if let Some(last) = last.filter(|last| last.count == self.count) {
            self.missing += match same_life {
                true => message.number - last.number - 1,
                false if alone => past.rest(message.host, last) + message.number,
                false => 0,
            };
            self.expect_told(last, message, alone, past)?;
        }
        let kept = Last {
            life: message.life,
            number: message.number,
            count: self.count,
            hosting: message.hosting,
            loss_told: false,
        };
        self.last.insert(message.host, kept);
        self.first.entry(message.host).or_insert(message.number);
        (self.hosting, self.counted) = (message.hosting, settled && !is_late);
        let (missing, reported) = (self.missing, self.reported);
        if alone {
            self.level();
        }
        if missing > reported || alone && missing != reported {
            return Err(format!(
                "accounting: {missing} missing before {} and {reported} reported",
                message.number
            ));
        }
        Ok(())
    }

    /// A publisher that died takes the count of its last messages along, and that is told: whether it hosts the topic or
    /// publishes at another host that has lived on.
    fn expect_told(
        &self,
        last: Last,
        message: Message,
        alone: bool,
        past: &Past<'_>,
    ) -> Result<(), String> {
        let (host, life) = (message.host, last.life);
        let anew = last.hosting != message.hosting;
        let died = life != message.life && !past.left.contains(&Publisher { host, life });
        let silent = match alone {
            true => anew && !past.was_ended(last.hosting),
            false => died && !anew && !last.loss_told,
        };
        if silent {
            return Err(format!(
                "accounting: life {life} of n{host} died, and no loss is told"
            ));
        }
        Ok(())
    }

    pub(super) fn level(&mut self) {
        (self.missing, self.reported, self.unknown) = (0, 0, false);
    }

    /// As far as losses are counted in the present hosting of the topic, those behind the last message of each publisher
    /// are told.
    pub(super) fn expect_no_silence(
        &self,
        hosting: u64,
        publishers: &[Publisher],
        published: impl Fn(Publisher) -> u64,
    ) -> Result<(), String> {
        if !self.counted || self.unknown || self.hosting != hosting {
            return Ok(());
        }
        let behind = |publisher: &Publisher| {
            let last = self.last.get(&publisher.host)?;
            let counts =
                last.count == self.count && last.hosting == hosting && last.life == publisher.life;
            counts.then(|| published(*publisher) - last.number - 1)
        };
        let behind: u64 = publishers.iter().filter_map(behind).sum();
        let (missing, reported) = (self.missing + behind, self.reported);
        if missing <= reported {
            return Ok(());
        }
        Err(format!(
            "silence: {missing} missing, the last {behind} of them behind all that was heard, and {reported} reported"
        ))
    }

    pub(super) fn expect_balance(&self) -> Result<(), String> {
        if !self.counted || self.missing == self.reported {
            return Ok(());
        }
        let (missing, reported) = (self.missing, self.reported);
        Err(format!(
            "accounting: {missing} missing in all and {reported} reported"
        ))
    }
}

fn check_order(last: Option<Last>, message: Message) -> Result<(), String> {
    let Some(last) = last else { return Ok(()) };
    let (life, number) = (message.life, message.number);
    if (life, number) > (last.life, last.number) {
        return Ok(());
    }
    let (last_life, last) = (last.life, last.number);
    Err(if (life, number) == (last_life, last) {
        format!("duplicate: {life}:{number} again")
    } else {
        format!("order: {life}:{number} after {last_life}:{last}")
    })
}
