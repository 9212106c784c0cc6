use super::*;
use crate::inbox::Limit;
use crate::limits::UPSTREAM_WINDOW_MESSAGES;

/// A hub's way on, with two links.
struct Hub {
    onward: Onward<usize>,
    queues: [Outbox; 2],
}

impl Hub {
    fn new(hops: u8) -> Self {
        let passage = Passage {
            owner: NodeId([9; 16]),
            life: Incarnation(2),
            hops,
        };
        let unlimited = Limit {
            messages: 0,
            bytes: 0,
        };
        let stream = Alias {
            alias: 3,
            upstream: true,
            resumed: false,
            since: 0,
            passage: Some(passage),
            next_sequence: 0,
            incarnation: Incarnation(1),
            publisher: NodeId([1; 16]),
            topic: "t",
        };
        Self {
            onward: Onward::new(LinkId(7), &stream, passage, 40),
            queues: [(); 2].map(|()| Outbox::new(unlimited)),
        }
    }

    fn turn_to(&mut self, changes: u64, way: Option<(usize, bool)>, next_sequence: u64) {
        let found = way.map(|(queue, direct)| found(queue as u32, queue, direct));
        let queues = &mut self.queues;
        self.onward
            .turn_to(changes, found, next_sequence, |queue, change| {
                change(&mut queues[*queue]);
            });
    }

    fn send(&mut self, sequence: u64, held: bool) -> Option<Offer> {
        let queues = &mut self.queues;
        let offer = |queue: &usize, policy: &SinkPolicy, header: &[u8], payload: &Payload| {
            queues[*queue].offer(policy, header, payload)
        };
        self.onward
            .send(sequence, &Payload::copy_from(b"x"), held, offer)
    }
}

fn found(link: u32, queue: usize, direct: bool) -> Found<usize> {
    let way = WayToOwner {
        link: LinkId(link),
        owner: NodeId([9; 16]),
        life: Incarnation(2),
        direct,
    };
    Found { way, queue }
}

#[test]
fn a_hub_passes_on_under_its_own_alias_and_says_so_when_it_turns_to_another_way() {
    let mut hub = Hub::new(0);
    assert!(hub.onward.is_to_look(1, |_| false));
    assert!(!hub.onward.has_no_way());
    hub.turn_to(1, None, 0);
    assert!(hub.onward.has_no_way());
    assert_eq!(hub.send(0, true), None);
    assert!(!hub.onward.is_to_look(1, |_| false));
    hub.turn_to(2, Some((0, true)), 0);
    assert_eq!(hub.send(0, true), Some(Offer::Queued));
    assert!(hub.onward.is_to_look(2, |_| true), "its queue is closed");
    let before = hub.queues[0].messages();
    hub.turn_to(3, Some((0, true)), 1);
    assert_eq!(hub.send(1, true), Some(Offer::Queued));
    assert_eq!(hub.queues[0].messages(), before + 1, "it is the same way");
    hub.turn_to(4, Some((1, false)), 2);
    assert_eq!(hub.send(2, true), Some(Offer::Queued));
    assert_eq!(hub.onward.queue().map(|(queue, _)| *queue), Some(1));
}

#[test]
fn a_hub_waits_for_credit_unless_it_gives_up() {
    let mut hub = Hub::new(0);
    hub.turn_to(1, Some((0, true)), 0);
    for sequence in 0..UPSTREAM_WINDOW_MESSAGES as u64 {
        assert_eq!(hub.send(sequence, true), Some(Offer::Queued));
    }
    let next = UPSTREAM_WINDOW_MESSAGES as u64;
    assert_eq!(hub.send(next, true), Some(Offer::Full));
    assert_eq!(hub.send(next, false), Some(Offer::Queued));
}

#[test]
fn a_hub_sends_nothing_back_nor_round_and_round() {
    let mut hub = Hub::new(0);
    hub.onward.turn_to(1, Some(found(7, 0, true)), 0, |_, _| {
        unreachable!("nothing is to be changed")
    });
    assert!(hub.onward.has_no_way());
    let mut hub = Hub::new(MAX_RELAY_HOPS);
    hub.turn_to(1, Some((0, false)), 0);
    assert!(hub.onward.has_no_way());
}

/// They were delivered behind later ones that had reached the owner's earlier life another way.
#[test]
fn what_was_published_to_an_earlier_life_of_the_owner_was_brought_to_the_next_one() {
    let mut hub = Hub::new(0);
    hub.turn_to(1, Some((0, true)), 0);
    assert_eq!(hub.send(0, true), Some(Offer::Queued));
    hub.turn_to(2, None, 1);
    assert_eq!(hub.send(1, true), None, "it may come back");
    let mut restarted = found(1, 1, true);
    restarted.way.life = Incarnation(3);
    let queues = &mut hub.queues;
    let change = |queue: &usize, change: &mut dyn FnMut(&mut Outbox)| change(&mut queues[*queue]);
    hub.onward.turn_to(3, Some(restarted), 1, change);
    assert_eq!(hub.send(1, true), Some(Offer::Dropped));
    assert!(hub.queues[1].is_empty());
    assert!(!hub.onward.is_to_look(4, |_| true), "it never comes back");
}

#[test]
fn a_hub_that_does_not_know_of_the_owners_restart_yet_keeps_what_is_for_its_next_life() {
    let mut hub = Hub::new(0);
    let mut stale = found(0, 0, true);
    stale.way.life = Incarnation(1);
    hub.onward
        .turn_to(1, Some(stale), 0, |_, _| unreachable!("there is no way"));
    assert_eq!(hub.send(0, true), None);
    hub.turn_to(2, Some((0, true)), 0);
    assert_eq!(hub.send(0, true), Some(Offer::Queued));
}
