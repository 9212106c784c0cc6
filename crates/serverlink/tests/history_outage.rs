//! History after an outage: a short one loses nothing.

mod common;

use common::history::*;
use common::proxy::Proxy;
use common::*;
use serverlink::{Delivery, Overflow};

#[test]
fn a_short_outage_loses_nothing() {
    let (_host, publisher, proxy, client) = behind_proxy(100);
    let subscriber = subscribed(&client, &["t"]);
    publish(&publisher, 0..5);
    assert_numbers(&subscriber, 0..5);
    for round in 1..4 {
        let begin = round * 50;
        outage(
            &publisher,
            &proxy,
            if round == 1 {
                5..100
            } else {
                begin..begin + 50
            },
        );
        assert_peer_lost(&subscriber);
        assert_numbers(
            &subscriber,
            if round == 1 {
                5..100
            } else {
                begin..begin + 50
            },
        );
    }
    publish(&publisher, 200..201);
    assert_numbers(&subscriber, 200..201);
    assert_eq!(client.stats().missed_messages, 0);
}

#[test]
fn what_is_on_its_way_when_the_link_breaks_is_not_lost_either() {
    let (host, publisher, proxy, client) = behind_proxy(200_000);
    host.configure(|options| options.send_hwm = 0).unwrap();
    let subscriber = subscribed(&client, &["t"]);
    subscriber.configure(|options| options.hwm = 0).unwrap();
    let count = 100_000;
    let publishing = std::thread::spawn(move || publish(&publisher, 0..count));
    let mut received = 0;
    for part in 1..=5 {
        while received < count / 5 * part {
            match next(&subscriber) {
                Delivery::Message(message) => {
                    assert_eq!(number_in(message.data()), received);
                    received += 1;
                }
                Delivery::PeerLost { .. } => {}
                other => panic!("{other:?} after {received}"),
            }
        }
        proxy.cut();
        eventually("the loss is noticed", || client.stats().links == 0);
        proxy.restore();
        eventually("the link is back", || client.stats().links == 1);
    }
    publishing.join().unwrap();
    assert_eq!(client.stats().missed_messages, 0);
}

#[test]
fn what_is_no_longer_kept_is_a_gap_in_its_place() {
    let (_host, publisher, proxy, client) = behind_proxy(10);
    let subscriber = subscribed(&client, &["t"]);
    publish(&publisher, 0..5);
    assert_numbers(&subscriber, 0..5);
    outage(&publisher, &proxy, 5..35);
    assert_peer_lost(&subscriber);
    let gap = next(&subscriber);
    assert!(
        matches!(
            gap,
            Delivery::Gap {
                missed: Some(20),
                ..
            }
        ),
        "{gap:?}"
    );
    assert_numbers(&subscriber, 25..35);
    publish(&publisher, 35..36);
    assert_numbers(&subscriber, 35..36);
}

#[test]
fn what_the_queue_of_a_link_does_not_hold_of_an_outage_is_a_gap() {
    let (host, publisher, proxy, client) = behind_proxy(500);
    host.configure(|options| options.send_hwm = 20).unwrap();
    let subscriber = subscribed(&client, &["t"]);
    publish(&publisher, 0..1);
    assert_numbers(&subscriber, 0..1);
    outage(&publisher, &proxy, 1..101);
    assert_peer_lost(&subscriber);
    let gap = next(&subscriber);
    assert!(
        matches!(
            gap,
            Delivery::Gap {
                missed: Some(80),
                ..
            }
        ),
        "{gap:?}"
    );
    assert_numbers(&subscriber, 81..101);
}

#[test]
fn a_stream_goes_on_also_where_the_owner_made_the_link() {
    let client = bound();
    let proxy = Proxy::before(&endpoint(&client));
    let host = quick()
        .options(keeping(100))
        .topic("t")
        .peer(&proxy.endpoint)
        .start()
        .unwrap();
    host.sync(WAIT).unwrap();
    client.sync(WAIT).unwrap();
    let subscriber = subscribed(&client, &["t"]);
    let publisher = host.publisher("t").unwrap();
    publish(&publisher, 0..5);
    assert_numbers(&subscriber, 0..5);
    proxy.cut();
    eventually("both miss the link", || {
        publisher.subscribers() == 0 && client.stats().links == 0
    });
    publish(&publisher, 5..50);
    proxy.restore();
    assert_peer_lost(&subscriber);
    assert_numbers(&subscriber, 5..50);
}

#[test]
fn who_came_during_the_outage_gets_what_it_asked_for_and_no_more() {
    let (_host, publisher, proxy, client) = behind_proxy(100);
    let first = subscribed(&client, &["t"]);
    publish(&publisher, 0..5);
    assert_numbers(&first, 0..5);
    proxy.cut();
    eventually("both miss the link", || {
        publisher.subscribers() == 0 && client.stats().links == 0
    });
    publish(&publisher, 5..50);
    let second = asking(&client, "*", 3, |_| {});
    proxy.restore();
    assert_numbers(&second, 47..50);
    assert_peer_lost(&first);
    assert_numbers(&first, 5..50);
    publish(&publisher, 50..51);
    assert_numbers(&first, 50..51);
    assert_numbers(&second, 50..51);
}

#[test]
fn the_history_of_an_owner_that_was_restarted_follows_an_unknown_gap() {
    let start = |endpoint: &str| {
        let builder = quick().name("owner").options(keeping(10)).topic("t");
        builder.bind(endpoint).start().unwrap()
    };
    let host = start("tcp://127.0.0.1:0");
    let proxy = Proxy::before(&endpoint(&host));
    let client = quick().peer(&proxy.endpoint).start().unwrap();
    client.sync(WAIT).unwrap();
    let plain = subscribed(&client, &["t"]);
    let subscriber = late(&client, "t", 2);
    publish(&host.publisher("t").unwrap(), 0..3);
    assert_numbers(&subscriber, 0..3);
    assert_numbers(&plain, 0..3);
    // To the client it is a crash: no farewell comes through.
    proxy.cut();
    eventually("the loss is noticed", || client.stats().links == 0);
    let at = endpoint(&host);
    host.close();
    let host = start(&at);
    publish(&host.publisher("t").unwrap(), 100..110);
    proxy.restore();
    for subscriber in [&subscriber, &plain] {
        assert_peer_lost(subscriber);
        let gap = next(subscriber);
        assert!(matches!(gap, Delivery::Gap { missed: None, .. }), "{gap:?}");
    }
    assert_numbers(&subscriber, 108..110);
    subscriber.wait_subscribed(WAIT).unwrap();
    publish(&host.publisher("t").unwrap(), 110..111);
    assert_numbers(&subscriber, 110..111);
    assert_numbers(&plain, 100..111);
}

#[test]
fn a_topic_created_anew_during_the_outage_is_another_stream() {
    let (host, publisher, proxy, client) = behind_proxy(100);
    let subscriber = subscribed(&client, &["t"]);
    publish(&publisher, 0..5);
    assert_numbers(&subscriber, 0..5);
    proxy.cut();
    eventually("the host misses the link", || publisher.subscribers() == 0);
    host.destroy_topic("t").unwrap();
    let publisher = host.create_topic("t").unwrap();
    publish(&publisher, 0..50);
    proxy.restore();
    assert_peer_lost(&subscriber);
    host.wait_subscribers("t", 1, WAIT).unwrap();
    publish(&publisher, 50..51);
    let gap = next(&subscriber);
    assert!(matches!(gap, Delivery::Gap { missed: None, .. }), "{gap:?}");
    assert_numbers(&subscriber, 0..51);
}

#[test]
fn a_blocking_subscriber_loses_nothing_in_an_outage() {
    let (_host, publisher, proxy, client) = behind_proxy(100);
    let subscriber = subscribed_with(&client, &["t"], Overflow::Block, 50);
    publish(&publisher, 0..5);
    assert_numbers(&subscriber, 0..5);
    outage(&publisher, &proxy, 5..45);
    assert_peer_lost(&subscriber);
    let publishing = std::thread::spawn(move || publish(&publisher, 45..500));
    assert_numbers(&subscriber, 5..500);
    publishing.join().unwrap();
}
