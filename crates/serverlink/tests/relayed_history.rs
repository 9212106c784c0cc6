//! History and hubs: owners keep messages for those they are linked to, and hubs pass on what comes.

mod common;

use common::proxy::Proxy;
use common::*;
use serverlink::{Delivery, Node, Overflow, Subscriber};

const KEPT: usize = 100;

/// An owner of `t` that keeps messages, and has published some.
fn keeper(published: u64) -> Node {
    let builder = quick().options(|options| options.history = KEPT).topic("t");
    let owner = builder.bind("tcp://127.0.0.1:0").start().unwrap();
    publish(&owner, 0..published);
    owner
}

fn publish(owner: &Node, numbers: std::ops::Range<u64>) {
    for number in numbers {
        owner.publish("t", number.to_le_bytes()).unwrap();
    }
}

/// Subscribes to all, asking for history.
fn late(node: &Node, overflow: Overflow) -> Subscriber {
    let subscriber = node.subscriber();
    subscriber
        .configure(|options| (options.history, options.overflow) = (KEPT, overflow))
        .unwrap();
    subscriber.subscribe_pattern("*").unwrap();
    subscriber.wait_subscribed_to("t", WAIT).unwrap();
    subscriber
}

#[test]
fn history_is_asked_of_owners_and_a_late_subscriber_behind_a_hub_hears_what_follows() {
    for overflow in [Overflow::DropNewest, Overflow::Block] {
        let (hub, owner) = (hub(), keeper(10));
        owner.add_peer(&endpoint(&hub)).unwrap();
        let behind = joined(&[&hub]);
        let beside = joined(&[&hub, &owner]);
        [&hub, &behind, &beside]
            .into_iter()
            .for_each(|node| knows(node, "t"));
        let far = late(&behind, overflow);
        let near = late(&beside, overflow);
        let at_hub = late(&hub, overflow);
        publish(&owner, 10..20);
        assert_numbers(&far, 10..20);
        assert_numbers(&near, 0..20);
        assert_numbers(&at_hub, 0..20);
    }
}

/// The hub goes on without loss, because it subscribes itself. Those behind it ask again once it is linked, and are told
/// what has passed until then.
#[test]
fn what_an_outage_before_a_hub_takes_comes_late_or_is_counted_behind_it() {
    for overflow in [Overflow::DropNewest, Overflow::Block] {
        let (hub, owner) = (hub(), keeper(0));
        let proxy = Proxy::before(&endpoint(&owner));
        hub.add_peer(&proxy.endpoint).unwrap();
        let behind = joined(&[&hub]);
        knows(&behind, "t");
        let far = subscribed_with(&behind, &["t"], overflow, 1000);
        let at_hub = subscribed(&hub, &["t"]);
        publish(&owner, 0..10);
        assert_numbers(&far, 0..10);
        assert_numbers(&at_hub, 0..10);
        proxy.cut();
        for subscriber in [&far, &at_hub] {
            assert_peer_lost(subscriber);
        }
        publish(&owner, 10..60);
        proxy.restore();
        assert_numbers(&at_hub, 10..60);
        let mut expected = 10;
        while expected < 60 {
            match next(&far) {
                Delivery::Message(message) => {
                    assert_eq!(number_in(message.data()), expected);
                    expected += 1;
                }
                Delivery::Gap { missed, .. } => expected += missed.expect("the count is known"),
                other => panic!("{other:?}"),
            }
        }
        far.wait_subscribed_to("t", WAIT).unwrap();
        publish(&owner, 60..70);
        assert_numbers(&at_hub, 60..70);
        assert_numbers(&far, 60..70);
    }
}
