//! History: late subscribers get the last messages first, and a short outage loses nothing.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use common::proxy::Proxy;
use common::*;
use serverlink::{
    Context, Delivery, Filter, Node, NodeBuilder, Options, Overflow, Publisher, Subscriber,
};

/// Topics hosted by the node keep so many messages.
fn keeping(messages: usize) -> impl FnOnce(&mut Options) {
    move |options| options.history = messages
}

/// A node bound to a free port whose topics keep so many messages.
fn keeper(messages: usize, topics: &[&str]) -> Node {
    let builder = quick().options(keeping(messages));
    let node = builder.bind("tcp://127.0.0.1:0").start().unwrap();
    for topic in topics {
        node.create_topic(topic).unwrap();
    }
    node
}

/// A subscriber that asks for the last `history` messages, once all that was asked for is here.
fn late(node: &Node, filter: &str, history: usize) -> Subscriber {
    let subscriber = asking(node, filter, history, |_| {});
    subscriber.wait_subscribed(WAIT).unwrap();
    subscriber
}

fn asking(
    node: &Node,
    filter: &str,
    history: usize,
    change: impl FnOnce(&mut serverlink::SubscriberOptions),
) -> Subscriber {
    let subscriber = node.subscriber();
    subscriber
        .configure(|options| {
            options.history = history;
            change(options);
        })
        .unwrap();
    let filter = Filter::try_from(filter).unwrap();
    subscriber.subscribe_filter(&filter).unwrap();
    subscriber
}

fn publish(publisher: &Publisher, numbers: std::ops::Range<u64>) {
    for n in numbers {
        publisher.publish(n.to_le_bytes()).unwrap();
    }
}

#[track_caller]
fn assert_numbers(subscriber: &Subscriber, numbers: std::ops::Range<u64>) {
    for n in numbers {
        assert_eq!(number(subscriber), n);
    }
}

/// What waits already, without waiting.
fn waiting(subscriber: &Subscriber) -> Vec<u64> {
    let taken = std::iter::from_fn(|| subscriber.try_recv().ok());
    let numbers = taken.map(|delivery| match delivery {
        Delivery::Message(message) => number_in(message.data()),
        other => panic!("{other:?} instead of a message"),
    });
    numbers.collect()
}

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

/// A node that hosts "t" with some history and a client, linked by each kind of link.
fn pairs(messages: usize) -> Vec<(&'static str, Node, Node)> {
    let start = |builder: NodeBuilder| builder.start().unwrap();
    static PAIRS: AtomicUsize = AtomicUsize::new(0);
    let number = PAIRS.fetch_add(1, Relaxed);
    let name = format!("spot-history-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let context = Context::new().unwrap();
    let host_on = |builder: NodeBuilder, endpoint: &str| {
        let builder = builder.options(keeping(messages)).topic("t");
        start(builder.bind(endpoint))
    };
    let join = |builder: NodeBuilder, host: &Node| {
        let client = start(builder.peer(endpoint(host)));
        client.sync(WAIT).unwrap();
        client
    };
    let itself = host_on(quick(), "tcp://127.0.0.1:0");
    let tcp = host_on(quick(), "tcp://127.0.0.1:0");
    let ipc = host_on(quick(), &format!("ipc://{}", path.display()));
    let inproc = host_on(context.node(), "inproc://history");
    let implicit = Context::new().unwrap();
    let unbound = start(implicit.node().options(keeping(messages)).topic("t"));
    vec![
        ("itself", itself.clone(), itself),
        ("tcp", tcp.clone(), join(quick(), &tcp)),
        ("ipc", ipc.clone(), join(quick(), &ipc)),
        ("inproc", inproc.clone(), join(context.node(), &inproc)),
        ("implicit", unbound, start(implicit.node())),
    ]
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

/// A host whose "t" keeps so many messages, and a client that reaches it through a network.
fn behind_proxy(messages: usize) -> (Node, Publisher, Proxy, Node) {
    let host = keeper(messages, &["t"]);
    let proxy = Proxy::before(&endpoint(&host));
    let client = quick().peer(&proxy.endpoint).start().unwrap();
    client.sync(WAIT).unwrap();
    let publisher = host.publisher("t").unwrap();
    (host, publisher, proxy, client)
}

/// Cuts the link, publishes in the meantime, and links again.
fn outage(publisher: &Publisher, proxy: &Proxy, numbers: std::ops::Range<u64>) {
    proxy.cut();
    eventually("the host misses the link", || publisher.subscribers() == 0);
    publish(publisher, numbers);
    proxy.restore();
    eventually("the link is back", || publisher.subscribers() > 0);
}

#[track_caller]
fn assert_peer_lost(subscriber: &Subscriber) {
    let delivery = next(subscriber);
    assert!(
        matches!(delivery, Delivery::PeerLost { .. }),
        "{delivery:?}"
    );
}

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
    assert_numbers(&plain, 110..111);
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
    assert_numbers(&subscriber, 50..51);
}

#[test]
fn no_more_is_replayed_than_the_queues_hold() {
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
    // What a link's queue does not hold of an outage is told.
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
