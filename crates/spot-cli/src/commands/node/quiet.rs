//! What happens again and again is logged a few times, then counted: a peer that comes and goes, or a stranger that knocks
//! each second, does not fill the log.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serverlink::Event;

/// Lines of one kind about one thing that are logged within [`WINDOW`].
const BURST: u32 = 20;

/// How long lines are counted together.
const WINDOW: Duration = Duration::from_secs(60);

/// Things that are counted at once. Of what comes beyond, as when strangers come from everywhere, all are one thing.
const MAX_THINGS: usize = 1024;

/// What happened, and to what.
type Thing = (&'static str, String);

/// Counts what happens.
#[derive(Default)]
pub(super) struct Quiet {
    windows: HashMap<Thing, Window>,
}

struct Window {
    ends: Instant,
    logged: u32,
    left_out: u64,
}

/// Lines that were left out in a window that is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) event: &'static str,
    pub(super) about: String,
    pub(super) count: u64,
}

impl Quiet {
    /// Whether this event is logged.
    pub(super) fn admits(&mut self, event: &Event, now: Instant) -> bool {
        let mut thing = thing(event);
        if self.windows.len() >= MAX_THINGS && !self.windows.contains_key(&thing) {
            thing.1 = String::new();
        }
        let window = self.windows.entry(thing).or_insert(Window {
            ends: now + WINDOW,
            logged: 0,
            left_out: 0,
        });
        let is_admitted = window.logged < BURST;
        if is_admitted {
            window.logged += 1;
        } else {
            window.left_out += 1;
        }
        is_admitted
    }

    /// When the next window is over.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.windows.values().map(|window| window.ends).min()
    }

    /// Ends the windows that are over; what was left out in them.
    pub(super) fn end_windows(&mut self, now: Instant) -> Vec<LeftOut> {
        let over = self.windows.extract_if(|_, window| window.ends <= now);
        let left_out = over.filter(|(_, window)| window.left_out > 0);
        left_out
            .map(|((event, about), window)| LeftOut {
                event,
                about,
                count: window.left_out,
            })
            .collect()
    }
}

/// Strangers have a new port each time. What happens to topics is one thing: they come and go with their node.
fn thing(event: &Event) -> Thing {
    match event {
        Event::PeerUp { endpoint, name, .. } => ("peer-up", peer(name, endpoint)),
        Event::PeerDown { endpoint, name, .. } => ("peer-down", peer(name, endpoint)),
        Event::ConnectFailed { endpoint, .. } => ("connect-failed", endpoint.clone()),
        Event::Rejected { endpoint, .. } => ("rejected", host(endpoint)),
        Event::MemberUp { node, .. } => ("member-up", node.to_string()),
        Event::MemberSuspect { node, .. } => ("member-suspect", node.to_string()),
        Event::MemberDown { node, .. } => ("member-down", node.to_string()),
        Event::Gap { topic, .. } => ("gap", topic.to_string()),
        Event::TopicAdded { .. } => ("topic-added", String::new()),
        Event::TopicRemoved { .. } => ("topic-removed", String::new()),
        Event::SlowSubscriber { endpoint } => ("slow-subscriber", host(endpoint)),
        // Rare by what they are.
        Event::Partition { .. } | Event::Heal { .. } => ("partition", String::new()),
        _ => ("other", String::new()),
    }
}

fn peer(name: &str, endpoint: &str) -> String {
    if name.is_empty() {
        host(endpoint)
    } else {
        name.to_owned()
    }
}

/// An endpoint of TCP without its port.
fn host(endpoint: &str) -> String {
    let tcp = endpoint.starts_with("tcp://");
    let host = endpoint.rsplit_once(':').filter(|_| tcp);
    host.map_or(endpoint, |(host, _)| host).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(endpoint: &str) -> Event {
        Event::Rejected {
            endpoint: endpoint.into(),
            reason: "no greeting".into(),
        }
    }

    #[test]
    fn a_stranger_that_knocks_each_second_filled_the_log() {
        let (mut quiet, start) = (Quiet::default(), Instant::now());
        let knock = |quiet: &mut Quiet, port: u64| {
            quiet.admits(
                &rejected(&format!("tcp://10.0.0.9:{port}")),
                start + Duration::from_millis(port),
            )
        };
        let logged = (0..1000).filter(|port| knock(&mut quiet, *port)).count();
        assert_eq!(logged, BURST as usize);
        assert!(
            quiet.admits(&rejected("tcp://10.0.0.8:1"), start),
            "another one is news"
        );
        assert_eq!(quiet.next_end(), Some(start + WINDOW));
        assert_eq!(quiet.end_windows(start), []);
        let left_out = quiet.end_windows(start + WINDOW);
        let expected = LeftOut {
            event: "rejected",
            about: "tcp://10.0.0.9".into(),
            count: 980,
        };
        assert_eq!(left_out, [expected]);
        // A new window: it is logged again.
        assert!(knock(&mut quiet, 1));
    }

    #[test]
    fn strangers_from_everywhere_take_no_memory() {
        let (mut quiet, now) = (Quiet::default(), Instant::now());
        let knock =
            |number: u32| rejected(&format!("tcp://{}:1", std::net::Ipv4Addr::from(number)));
        let logged = (0..100_000)
            .filter(|number| quiet.admits(&knock(*number), now))
            .count();
        assert_eq!(quiet.windows.len(), MAX_THINGS + 1);
        assert_eq!(logged, MAX_THINGS + BURST as usize);
    }

    #[test]
    fn topics_that_come_and_go_with_their_node_are_one_thing() {
        let (mut quiet, now) = (Quiet::default(), Instant::now());
        let added = |number: u32| Event::TopicAdded {
            topic: format!("t:{number}").into(),
        };
        let logged = (0..10_000)
            .filter(|number| quiet.admits(&added(*number), now))
            .count();
        assert_eq!(logged, BURST as usize);
        let partition = Event::Heal { size: 3 };
        assert!(
            quiet.admits(&partition, now),
            "other things are not held back by that"
        );
    }
}
