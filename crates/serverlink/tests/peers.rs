//! Peers: added, removed, synced, and links that work both ways.

mod common;

use std::time::Duration;

use common::proxy::Proxy;
use common::*;
use serverlink::{
    AddPeerError, Context, Event, Node, PeerState, PublishError, RemovePeerError, SyncError,
    TopicPlace,
};

const SHORT: Duration = Duration::from_millis(50);

#[test]
fn adding_a_peer_returns_at_once_whether_it_is_there_or_not() {
    let (_mute, mute) = mute_listener();
    let node = quick().start().unwrap();
    for endpoint in [dead_endpoint(), mute, "tcp://no-such-host.invalid:1".into()] {
        node.add_peer(&endpoint).unwrap();
        assert!(
            node.peers()
                .iter()
                .any(|peer| peer.endpoint == endpoint && peer.added)
        );
    }
    assert_eq!(node.stats().links, 0);
}

#[test]
fn start_order_does_not_matter() {
    let address = dead_endpoint();
    let client = quick().name("client").peer(&address).start().unwrap();
    let events = client.events();
    event(&events, |event| {
        matches!(event, Event::ConnectFailed { .. })
    });
    let server = quick()
        .name("server")
        .bind(&address)
        .topic("t")
        .start()
        .unwrap();
    let up = event(&events, |event| matches!(event, Event::PeerUp { .. }));
    assert!(matches!(
        up,
        Event::PeerUp { name, node, .. } if name == "server" && node == Some(server.id())
    ));
    client.sync(WAIT).unwrap();
    assert_eq!(client.topic("t").unwrap().place, TopicPlace::Discovered);
    let [peer] = &client.peers()[..] else {
        panic!("one peer")
    };
    assert_eq!(peer.state, PeerState::Connected);
    assert_eq!(
        (peer.name.as_deref(), peer.node),
        (Some("server"), Some(server.id()))
    );
    assert_eq!((peer.topics, peer.added), (1, true));
}

#[test]
fn a_peer_is_added_once() {
    let server = bound();
    let node = joined(&[&server]);
    for endpoint in [endpoint(&server), dead_endpoint()] {
        let _ = node.add_peer(&endpoint);
        assert!(matches!(
            node.add_peer(&endpoint),
            Err(AddPeerError::AlreadyAdded { endpoint: told }) if told == endpoint
        ));
    }
}

#[test]
fn malformed_endpoints_are_refused() {
    let node = quick().start().unwrap();
    for endpoint in [
        "",
        "tcp://",
        "tcp://a",
        "tcp://a:0",
        "tcp://*:5555",
        "udp://a:1",
        "tcp://a:1,tcp://b:1",
    ] {
        assert!(
            matches!(
                node.add_peer(endpoint),
                Err(AddPeerError::InvalidEndpoint(_))
            ),
            "{endpoint:?}"
        );
        assert!(matches!(
            node.remove_peer(endpoint),
            Err(RemovePeerError::InvalidEndpoint(_))
        ));
    }
    assert!(node.peers().is_empty());
}

#[test]
fn a_node_does_not_become_its_own_peer() {
    let node = quick().name("n").bind("tcp://*:0").topic("t").start();
    let node = node.unwrap();
    let events = node.events();
    let port = endpoint(&node).rsplit(':').next().unwrap().to_owned();
    assert!(node.add_peer(&endpoint(&node)).is_err());
    let alias = format!("tcp://127.0.0.1:{port}");
    node.add_peer(&alias).unwrap();
    eventually("the node knows itself", || {
        node.peers()
            .iter()
            .any(|peer| peer.state == PeerState::Itself)
    });
    assert!(matches!(
        node.add_peer(&alias),
        Err(AddPeerError::Itself { .. })
    ));
    node.sync(WAIT).unwrap();
    let subscriber = node.subscribe(["t"]).unwrap();
    node.publish("t", "once").unwrap();
    assert_eq!(text(&subscriber), "once");
    node.sync(WAIT).unwrap();
    assert_empty(&subscriber);
    assert_eq!(node.stats().links, 0);
    let told = events.try_next();
    assert_eq!(told, None, "nothing is wrong with its name");
    node.remove_peer(&alias).unwrap();
    assert!(node.peers().is_empty());
}

#[test]
fn an_own_endpoint_is_refused_as_a_peer() {
    let node = bound();
    assert!(matches!(
        node.add_peer(&endpoint(&node)),
        Err(AddPeerError::Itself { endpoint: told }) if told == endpoint(&node)
    ));
    assert!(node.peers().is_empty());
}

#[test]
fn sync_without_peers_succeeds_and_needs_no_bind() {
    let node = quick().start().unwrap();
    node.sync(Duration::ZERO).unwrap();
    node.sync(SHORT).unwrap();
}

#[test]
fn sync_learns_the_topics_of_every_peer_both_ways() {
    let servers = [bound(), bound(), bound()];
    for (server, topic) in servers.iter().zip(["a", "b", "c"]) {
        server.create_topic(topic).unwrap();
    }
    let client = joined(&[&servers[0], &servers[1], &servers[2]]);
    let names: Vec<String> = client
        .topics()
        .iter()
        .map(|topic| topic.name.to_string())
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    client.create_topic("mine").unwrap();
    servers[0].sync(WAIT).unwrap();
    assert!(servers[0].topic("mine").unwrap().reachable);
    servers[0].create_topic("late").unwrap();
    client.sync(WAIT).unwrap();
    assert!(client.topic("late").is_some());
    assert!(servers[0].topic("b").is_none(), "topics are not passed on");
}

#[test]
fn sync_tells_a_peer_that_is_not_connected_and_keeps_what_others_told() {
    let (_mute, mute) = mute_listener();
    for missing in [dead_endpoint(), mute] {
        let server = bound();
        server.create_topic("t").unwrap();
        let client = quick()
            .peer(&missing)
            .peer(endpoint(&server))
            .start()
            .unwrap();
        eventually("the living one is linked", || client.stats().links == 1);
        let told = client.sync(Duration::from_millis(200));
        assert_eq!(
            told,
            Err(SyncError::Unreachable {
                peers: vec![missing]
            })
        );
        assert!(client.topic("t").is_some());
    }
}

#[test]
fn sync_tells_a_peer_that_is_connected_and_silent() {
    let server = bound();
    let proxy = Proxy::before(&endpoint(&server));
    let other = bound();
    other.create_topic("t").unwrap();
    let client = quick().peer(&proxy.endpoint).start().unwrap();
    client.sync(WAIT).unwrap();
    proxy.silence();
    client.add_peer(&endpoint(&other)).unwrap();
    eventually("the other one is linked", || client.stats().links == 2);
    let told = client.sync(Duration::from_millis(200));
    let silent = vec![proxy.endpoint.clone()];
    assert_eq!(
        told,
        Err(SyncError::TimedOut {
            peers: silent,
            timeout: Duration::from_millis(200)
        })
    );
    assert!(client.topic("t").is_some());
    proxy.restore();
    client.sync(WAIT).unwrap();
}

#[test]
fn topics_of_a_lost_peer_stay_known_as_unreachable() {
    let (host, client) = hosting(&["t"]);
    let address = endpoint(&host);
    host.close();
    eventually("the loss is noticed", || {
        !client.topic("t").unwrap().reachable
    });
    let told = client.sync(SHORT);
    assert_eq!(
        told,
        Err(SyncError::Unreachable {
            peers: vec![address.clone()]
        })
    );
    assert_eq!(client.topic("t").unwrap().place, TopicPlace::Discovered);
    let host = quick().bind(&address).start().unwrap();
    client.sync(WAIT).unwrap();
    assert!(
        client.topic("t").is_none(),
        "it came back without the topic"
    );
    drop(host);
}

#[test]
fn a_link_works_both_ways_whoever_made_it() {
    let server = bound();
    let client = joined(&[&server]);
    for (owner, other) in [(&server, &client), (&client, &server)] {
        let topic = format!("of:{}", owner.id());
        owner.create_topic(&topic).unwrap();
        other.sync(WAIT).unwrap();
        let at_owner = subscribed(owner, &[&topic]);
        let at_other = subscribed(other, &[&topic]);
        other.publish(&topic, "1").unwrap();
        owner.publish(&topic, "2").unwrap();
        for subscriber in [at_owner, at_other] {
            let mut both = [text(&subscriber), text(&subscriber)];
            both.sort_unstable();
            assert_eq!(both, ["1", "2"]);
        }
    }
    assert_eq!((server.stats().links, client.stats().links), (1, 1));
    let [peer] = &server.peers()[..] else {
        panic!("one peer")
    };
    assert!(!peer.added);
}

#[test]
fn only_added_peers_are_removed() {
    let server = bound();
    let client = joined(&[&server]);
    let linked = &server.peers()[0].endpoint;
    for endpoint in [linked, &dead_endpoint()] {
        assert!(matches!(
            server.remove_peer(endpoint),
            Err(RemovePeerError::Unknown { .. })
        ));
    }
    client.remove_peer(&endpoint(&server)).unwrap();
    assert!(matches!(
        client.remove_peer(&endpoint(&server)),
        Err(RemovePeerError::Unknown { .. })
    ));
}

#[test]
fn a_removed_peer_goes_with_its_topics_and_subscriptions_stay() {
    let (host, client) = hosting(&["only there", "both"]);
    let other = bound();
    other.create_topic("both").unwrap();
    client.add_peer(&endpoint(&other)).unwrap();
    client.sync(WAIT).unwrap();
    let subscriber = subscribed(&client, &["only there", "both"]);
    client.remove_peer(&endpoint(&host)).unwrap();
    assert!(client.topic("only there").is_none());
    assert!(client.topic("both").unwrap().reachable);
    assert!(matches!(
        client.publish("only there", "1"),
        Err(PublishError::Unknown { .. })
    ));
    assert_eq!(client.peers().len(), 1);
    host.publish("both", "from the removed").unwrap();
    eventually("the link is closed", || host.stats().links == 0);
    host.publish("only there", "from the removed").unwrap();
    other.publish("both", "from the other").unwrap();
    assert_eq!(text(&subscriber), "from the other");
    assert_eq!(client.stats().subscriptions, 2);

    client.add_peer(&endpoint(&host)).unwrap();
    subscriber.wait_subscribed_to("only there", WAIT).unwrap();
    host.publish("only there", "added again").unwrap();
    assert_eq!(
        message(&subscriber),
        ("only there".into(), "added again".into())
    );
}

#[test]
fn links_of_a_removed_peer_are_refused_until_it_is_added_again() {
    let (a, b) = (bound(), bound());
    a.create_topic("t").unwrap();
    a.add_peer(&endpoint(&b)).unwrap();
    b.add_peer(&endpoint(&a)).unwrap();
    b.sync(WAIT).unwrap();
    a.sync(WAIT).unwrap();
    let refused = b.subscribe(["t"]).unwrap();
    let events = a.events();
    b.remove_peer(&endpoint(&a)).unwrap();
    event(&events, |event| matches!(event, Event::PeerDown { .. }));
    // It dials on, and is refused each time.
    for _ in 0..3 {
        a.publish("t", "not heard").unwrap();
        assert!(a.sync(SHORT).is_err());
        assert!(b.topic("t").is_none());
        assert_empty(&refused);
    }
    b.add_peer(&endpoint(&a)).unwrap();
    a.wait_subscribers("t", 1, WAIT).unwrap();
    a.publish("t", "heard").unwrap();
    assert_eq!(text(&refused), "heard");
}

#[test]
fn instances_of_a_context_never_link_twice() {
    let context = Context::new().unwrap();
    let start = || -> Node { context.node().bind("tcp://127.0.0.1:0").start().unwrap() };
    let (a, b) = (start(), start());
    a.create_topic("t").unwrap();
    let subscriber = b.subscribe(["t"]).unwrap();
    b.add_peer(&endpoint(&a)).unwrap();
    a.add_peer(&endpoint(&b)).unwrap();
    b.sync(WAIT).unwrap();
    a.sync(WAIT).unwrap();
    eventually("one link is left", || {
        (a.stats().links, b.stats().links) == (1, 1)
    });
    subscriber.wait_subscribed_to("t", WAIT).unwrap();
    while subscriber.try_recv().is_ok() {}
    a.publish("t", "1").unwrap();
    a.publish("t", "2").unwrap();
    assert_eq!([text(&subscriber), text(&subscriber)], ["1", "2"]);
}

#[test]
fn a_broken_connection_is_made_again_for_ever() {
    let server = bound();
    let proxy = Proxy::before(&endpoint(&server));
    let client = quick().peer(&proxy.endpoint).start().unwrap();
    let events = client.events();
    for _ in 0..5 {
        event(&events, |event| matches!(event, Event::PeerUp { .. }));
        proxy.cut();
        event(&events, |event| {
            matches!(
                event,
                Event::PeerDown {
                    graceful: false,
                    ..
                }
            )
        });
        event(&events, |event| {
            matches!(event, Event::ConnectFailed { .. })
        });
        proxy.restore();
    }
    client.sync(WAIT).unwrap();
}
