//! History for late subscribers: they get the last messages first.

mod common;

use common::history::*;
use common::proxy::Proxy;
use common::*;
use serverlink::Overflow;

#[test]
fn a_last_value_cache() {
    let (host, client) = {
        let host = keeper(1, &["t"]);
        let client = joined(&[&host]);
        (host, client)
    };
    let here = asking(&host, "t", 1, |_| {});
    let publisher = host.publisher("t").unwrap();
    publish(&publisher, 0..5);
    assert_numbers(&here, 0..5);
    for node in [&host, &client] {
        let subscriber = late(node, "t", 1);
        assert_eq!(waiting(&subscriber), [4], "the last value is here at once");
        publish(&publisher, 5..6);
        assert_numbers(&subscriber, 5..6);
        publish(&publisher, 4..5);
        assert_numbers(&subscriber, 4..5);
    }
}

#[test]
fn the_last_messages_come_first_over_every_kind_of_link() {
    for (link, host, client) in pairs(10) {
        let publisher = host.publisher("t").unwrap();
        publish(&publisher, 0..25);
        let three = late(&client, "t", 3);
        assert_eq!(waiting(&three), [22, 23, 24], "{link}");
        let all = late(&client, "t", 100);
        assert_eq!(waiting(&all), (15..25).collect::<Vec<_>>(), "{link}");
        let none = subscribed(&client, &["t"]);
        publish(&publisher, 25..28);
        for subscriber in [&three, &all, &none] {
            assert_numbers(subscriber, 25..28);
            assert_empty(subscriber);
        }
    }
}

#[test]
fn a_late_second_subscriber_does_not_disturb_the_first() {
    for (link, host, client) in pairs(1000) {
        host.configure(|options| options.send_hwm = 0).unwrap();
        let publisher = host.publisher("t").unwrap();
        let first = subscribed(&client, &["t"]);
        first.configure(|options| options.hwm = 0).unwrap();
        let count = 20_000;
        let publishing = std::thread::spawn(move || publish(&publisher, 0..count));
        let mut seen = 0;
        while seen < count / 10 {
            assert_eq!(number(&first), seen, "{link}");
            seen += 1;
        }
        // It comes while messages are on their way.
        let second = asking(&client, "t", 50, |options| options.hwm = 0);
        let begun = number(&second);
        assert!(begun > 0 || seen < 50, "{link}");
        assert_numbers(&second, begun + 1..count);
        assert_numbers(&first, seen..count);
        publishing.join().unwrap();
        assert_empty(&first);
        assert_empty(&second);
    }
}

#[test]
fn a_pattern_gets_the_history_of_each_topic_and_new_topics_from_their_beginning() {
    let host = keeper(2, &["a:1", "a:2", "b"]);
    for topic in ["a:1", "a:2", "b"] {
        for text in ["1", "2", "3"] {
            host.publish(topic, text).unwrap();
        }
    }
    let client = joined(&[&host]);
    let subscriber = late(&client, "a:*", 5);
    let mut got: Vec<_> = (0..4).map(|_| message(&subscriber)).collect();
    got.sort();
    let pairs = [("a:1", "2"), ("a:1", "3"), ("a:2", "2"), ("a:2", "3")];
    assert_eq!(got, pairs.map(|(topic, text)| (topic.into(), text.into())));
    assert_empty(&subscriber);
    host.create_topic("a:3").unwrap();
    host.publish("a:3", "first").unwrap();
    assert_eq!(message(&subscriber), ("a:3".into(), "first".into()));
    // What is subscribed to already begins with nothing a second time.
    subscriber.subscribe("a:1").unwrap();
    subscriber.wait_subscribed(WAIT).unwrap();
    assert_empty(&subscriber);
    subscriber.unsubscribe("a:*").unwrap();
    subscriber.unsubscribe("a:1").unwrap();
    subscriber.subscribe("a:1").unwrap();
    subscriber.wait_subscribed(WAIT).unwrap();
    assert_eq!(["2", "3"].map(|_| text(&subscriber)), ["2", "3"]);
    assert_empty(&subscriber);
}

#[test]
fn who_subscribes_before_the_owner_is_there_gets_its_history() {
    let host = keeper(3, &["t"]);
    publish(&host.publisher("t").unwrap(), 0..9);
    let proxy = Proxy::before(&endpoint(&host));
    proxy.cut();
    let client = quick().peer(&proxy.endpoint).start().unwrap();
    let subscriber = asking(&client, "t", 10, |_| {});
    proxy.restore();
    assert_numbers(&subscriber, 6..9);
    publish(&host.publisher("t").unwrap(), 9..10);
    assert_numbers(&subscriber, 9..10);
}

#[test]
fn every_owner_of_a_topic_is_asked() {
    let owners = [keeper(2, &["t"]), keeper(2, &["t"])];
    publish(&owners[0].publisher("t").unwrap(), 0..5);
    publish(&owners[1].publisher("t").unwrap(), 10..15);
    let client = joined(&[&owners[0], &owners[1]]);
    let subscriber = late(&client, "t", 10);
    let mut got = waiting(&subscriber);
    got.sort_unstable();
    assert_eq!(got, [3, 4, 13, 14]);
}

#[test]
fn no_more_is_replayed_than_the_queue_holds() {
    for (link, host, client) in pairs(500) {
        let publisher = host.publisher("t").unwrap();
        publish(&publisher, 0..500);
        let small = asking(&client, "t", 100, |options| options.hwm = 10);
        small.wait_subscribed(WAIT).unwrap();
        assert_eq!(waiting(&small), (490..500).collect::<Vec<_>>(), "{link}");
        publish(&publisher, 0..1);
        assert_numbers(&small, 0..1);
        publish(&publisher, 499..500);
        assert_numbers(&small, 499..500);
    }
}

#[test]
fn a_blocking_subscriber_gets_no_more_than_its_window_and_blocks_as_before() {
    for (link, host, client) in pairs(100) {
        let publisher = host.publisher("t").unwrap();
        publish(&publisher, 0..100);
        let subscriber = asking(&client, "t", 100, |options| {
            options.overflow = Overflow::Block;
            options.hwm = 8;
        });
        subscriber.wait_subscribed(WAIT).unwrap();
        assert!(
            publisher.try_publish(100u64.to_le_bytes()).is_err(),
            "{link}: it has no room"
        );
        assert_eq!(subscriber.queued(), 8, "{link}");
        let publishing = std::thread::spawn(move || publish(&publisher, 100..400));
        assert_numbers(&subscriber, 92..400);
        publishing.join().unwrap();
        assert_empty(&subscriber);
    }
}

#[test]
fn cancelling_in_the_middle_gives_the_credit_back() {
    let host = keeper(100, &["t"]);
    let client = joined(&[&host]);
    let publisher = host.publisher("t").unwrap();
    publish(&publisher, 0..100);
    let subscriber = client.subscriber();
    subscriber
        .configure(|options| {
            options.overflow = Overflow::Block;
            options.hwm = 8;
            options.history = 8;
        })
        .unwrap();
    for _ in 0..50 {
        subscriber.subscribe("t").unwrap();
        subscriber.unsubscribe("t").unwrap();
    }
    subscriber.wait_subscribed(WAIT).unwrap();
    subscriber.subscribe("t").unwrap();
    // Credit comes back in halves of the window, so at least half of it is there.
    let first = number(&subscriber);
    assert!((92..=96).contains(&first), "{first}");
    let publishing = std::thread::spawn(move || publish(&publisher, 100..300));
    assert_numbers(&subscriber, first + 1..300);
    publishing.join().unwrap();
    assert_empty(&subscriber);
}

#[test]
fn less_history_frees_at_once_and_more_is_kept_from_then_on() {
    let host = keeper(1000, &["t"]);
    let publisher = host.publisher("t").unwrap();
    let payload = vec![7; 1 << 20];
    let weak = {
        for _ in 0..20 {
            publisher.publish(&payload).unwrap();
        }
        host.configure(|options| options.history = 2).unwrap();
        late(&host, "t", 100)
    };
    assert_eq!(weak.queued(), 2);
    host.configure(|options| options.history = 0).unwrap();
    assert_eq!(late(&host, "t", 100).queued(), 0);
    host.configure(|options| options.history = 3).unwrap();
    publish(&publisher, 0..9);
    assert_eq!(waiting(&late(&host, "t", 100)), [6, 7, 8]);
    host.configure(|options| options.send_hwm_bytes = 16)
        .unwrap();
    assert_eq!(waiting(&late(&host, "t", 100)), [7, 8]);
    host.destroy_topic("t").unwrap();
    host.create_topic("t").unwrap();
    assert_eq!(late(&host, "t", 100).queued(), 0);
    let refused = host.configure(|options| options.history = 1 << 21);
    assert!(refused.unwrap_err().to_string().contains("history"));
}
