//! What a node promises its users, between real nodes: topics, interest, routes, sync, loss.

mod common;

use common::{Cluster, address, exact, node_id, pattern};
use spot_core::node::{AddPeerError, RemovePeerError, SubscribeError, SyncPending};
use spot_core::{LinkPeer, Overflow};

#[test]
fn a_link_made_by_either_side_tells_topics_both_ways() {
    for dialer in [0, 1] {
        let mut cluster = Cluster::new(2);
        cluster.create(0, "early:0");
        cluster.create(1, "early:1");
        cluster.add(dialer, 1 - dialer);
        cluster.settle();
        cluster.create(0, "late:0");
        cluster.create(1, "late:1");
        cluster.settle();
        for host in &cluster.hosts {
            assert_eq!(
                host.topic_names(),
                ["early:0", "early:1", "late:0", "late:1"]
            );
        }
        cluster.with(1, |node, _| node.destroy_topic("late:1").unwrap());
        cluster.settle();
        assert_eq!(cluster.hosts[0].reachable("late:1"), None);
        cluster.assert_one_link_per_pair();
    }
}

#[test]
fn exact_interest_is_exact() {
    let mut cluster = Cluster::pair();
    cluster.create(1, "a:b");
    cluster.create(1, "a:bc");
    let subscriber = cluster.subscribe(0, &exact("a:b"));
    cluster.settle();
    assert_eq!(cluster.hosts[1].sends(), ["a:b"]);
    assert_eq!(cluster.hosts[0].hears(subscriber), ["a:b"]);
}

#[test]
fn a_pattern_takes_present_and_future_topics() {
    let mut cluster = Cluster::pair();
    cluster.create(1, "source1:data");
    cluster.create(1, "source1:log");
    cluster.settle();
    let subscriber = cluster.subscribe(0, &pattern("source*:data"));
    cluster.create(1, "source2:data");
    cluster.settle();
    cluster.create(0, "source3:data");
    let mut heard = cluster.hosts[0].hears(subscriber);
    heard.sort_unstable();
    assert_eq!(heard, ["source1:data", "source2:data", "source3:data"]);
    assert_eq!(cluster.hosts[1].sends(), ["source1:data", "source2:data"]);
}

#[test]
fn unsubscribing_leaves_what_another_filter_or_subscriber_wants() {
    let mut cluster = Cluster::pair();
    cluster.create(1, "t");
    cluster.settle();
    let first = cluster.subscribe(0, &exact("t"));
    let second = cluster.subscribe(0, &exact("t"));
    cluster.with(0, |node, _| node.subscribe(first, &pattern("*")).unwrap());
    cluster.settle();
    cluster.with(0, |node, _| assert!(node.unsubscribe(first, &exact("t"))));
    cluster.with(0, |node, _| assert!(!node.unsubscribe(first, &exact("t"))));
    assert_eq!(cluster.hosts[0].hears(first), ["t"]);
    cluster.with(0, |node, _| assert!(node.unsubscribe(first, &pattern("*"))));
    cluster.settle();
    assert_eq!(cluster.hosts[0].hears(first), [""; 0]);
    assert_eq!(cluster.hosts[1].sends(), ["t"]);
    cluster.with(0, |node, _| node.remove_subscriber(second));
    cluster.settle();
    assert_eq!(cluster.hosts[1].sends(), [""; 0]);
}

#[test]
fn subscribing_needs_a_topic_or_somebody_who_may_offer_it() {
    let mut cluster = Cluster::new(2);
    let subscriber = cluster.hosts[0].subscriber();
    let subscribe = |cluster: &mut Cluster, topic: &str| {
        cluster.with(0, |node, _| node.subscribe(subscriber, &exact(topic)))
    };
    assert_eq!(subscribe(&mut cluster, "t"), Err(SubscribeError::Unknown));
    cluster.add(0, 1);
    assert_eq!(subscribe(&mut cluster, "t"), Ok(()));
    cluster.create(1, "u");
    cluster.settle();
    cluster.crash(1, false);
    cluster.settle();
    assert_eq!(
        subscribe(&mut cluster, "u"),
        Err(SubscribeError::Unreachable)
    );
    assert_eq!(subscribe(&mut cluster, "v"), Ok(()), "kept interest");
}

#[test]
fn a_slow_disconnecting_subscriber_is_ended_alone() {
    let mut cluster = Cluster::pair();
    cluster.create(1, "t");
    cluster.settle();
    let slow = cluster.hosts[0].node.add_subscriber(Overflow::Disconnect);
    cluster.with(0, |node, _| node.subscribe(slow, &exact("t")).unwrap());
    cluster.subscribe(0, &exact("t"));
    cluster.settle();
    let link = cluster.link_between(1, 0).unwrap();
    let class = spot_core::Class::new(Overflow::Disconnect, u64::from(slow.0));
    cluster.with(1, |node, _| node.end_class(link, class));
    cluster.settle();
    assert_eq!(cluster.hosts[0].ended, [slow]);
    assert_eq!(cluster.hosts[0].hears(slow), [""; 0]);
    assert_eq!(cluster.hosts[1].sends(), ["t"]);
}

mod routes {
    use super::*;

    fn route(cluster: &mut Cluster, topic: &str, to: &[usize]) {
        let endpoints: Vec<_> = to.iter().map(|host| address(*host)).collect();
        let peers = cluster.with(0, |node, now| {
            node.begin_route(now, topic, &endpoints).unwrap()
        });
        cluster.settle();
        cluster.with(0, |node, _| node.finish_route(topic, peers).unwrap());
        cluster.settle();
    }

    #[test]
    fn a_route_is_exclusive() {
        let mut cluster = Cluster::mesh(3);
        cluster.create(1, "t");
        cluster.create(2, "t");
        cluster.settle();
        cluster.subscribe(0, &exact("t"));
        route(&mut cluster, "t", &[2]);
        assert_eq!(cluster.hosts[1].sends(), [""; 0]);
        assert_eq!(cluster.hosts[2].sends(), ["t"]);
        let place = cluster.hosts[0].place("t");
        assert!(place.routed && place.link() == cluster.link_between(0, 2));
        cluster.with(0, |node, now| {
            assert!(node.begin_route(now, "t", &[address(1)]).is_err());
            assert!(node.create_topic("t").is_err());
            node.destroy_topic("t").unwrap();
        });
        cluster.settle();
        assert_eq!(
            cluster.hosts[1].sends(),
            ["t"],
            "discovered owners count again"
        );
    }

    #[test]
    fn a_route_that_is_unreachable_is_replaced() {
        let mut cluster = Cluster::new(3);
        route(&mut cluster, "t", &[1]);
        cluster.crash(1, false);
        cluster.settle();
        assert_eq!(cluster.hosts[0].reachable("t"), Some(false));
        route(&mut cluster, "t", &[2]);
        assert_eq!(cluster.hosts[0].reachable("t"), Some(true));
        cluster.restart(1, node_id(1), 2);
        cluster.run(10_000);
        assert_eq!(cluster.link_between(0, 1), None, "nobody needs it any more");
    }

    #[test]
    fn several_endpoints_fail_over_and_back() {
        let mut cluster = Cluster::new(3);
        cluster.create(1, "t");
        cluster.create(2, "t");
        route(&mut cluster, "t", &[1, 2]);
        cluster.subscribe(0, &exact("t"));
        cluster.settle();
        assert_eq!(cluster.hosts[1].sends(), ["t"]);
        assert_eq!(cluster.hosts[2].sends(), [""; 0]);
        cluster.cut(0, 1);
        cluster.settle();
        assert_eq!(
            cluster.hosts[0].place("t").link(),
            cluster.link_between(0, 2)
        );
        assert_eq!(cluster.hosts[2].sends(), ["t"]);
        cluster.run(200);
        assert_eq!(
            cluster.hosts[0].place("t").link(),
            cluster.link_between(0, 1)
        );
        assert_eq!(cluster.hosts[2].sends(), [""; 0]);
        assert_eq!(cluster.hosts[0].lost, []);
    }
}

mod sync {
    use super::*;

    fn pending(cluster: &mut Cluster) -> SyncPending {
        let sync = cluster.with(0, |node, _| node.begin_sync());
        cluster.settle();
        let pending = cluster.hosts[0].node.sync_pending(sync);
        cluster.with(0, |node, _| node.end_sync(sync));
        pending
    }

    #[test]
    fn nobody_to_ask() {
        assert!(pending(&mut Cluster::new(1)).is_empty());
    }

    #[test]
    fn all_answer_and_their_topics_are_known() {
        let mut cluster = Cluster::new(3);
        cluster.add(0, 1);
        cluster.add(2, 0);
        cluster.settle();
        cluster.create(1, "one");
        cluster.create(2, "two");
        assert!(pending(&mut cluster).is_empty());
        assert_eq!(cluster.hosts[0].topic_names(), ["one", "two"]);
    }

    #[test]
    fn the_unreachable_and_the_silent_are_named() {
        let mut cluster = Cluster::new(3);
        cluster.add(0, 1);
        cluster.add(0, 2);
        cluster.settle();
        cluster.crash(1, true);
        cluster.crash(2, false);
        cluster.settle();
        let pending = pending(&mut cluster);
        assert_eq!(pending.silent, [address(1).to_string()]);
        assert_eq!(pending.unreachable, [address(2).to_string()]);
    }

    #[test]
    fn a_plain_publisher_has_nothing_to_say() {
        let mut cluster = Cluster::new(1);
        let subscriber = cluster.hosts[0].subscriber();
        cluster.with(0, |node, now| node.add_peer(now, &address(9)).unwrap());
        let link = spot_core::LinkId(1);
        cluster.with(0, |node, now| {
            node.link_up(now, link, LinkPeer::PlainPublisher)
        });
        let sync = cluster.hosts[0].node.begin_sync();
        assert!(cluster.hosts[0].node.sync_pending(sync).is_empty());
        for filter in [exact("a:b"), pattern("a:*"), pattern("a:?")] {
            cluster.with(0, |node, _| node.subscribe(subscriber, &filter).unwrap());
        }
        cluster.with(0, |node, _| node.remove_subscriber(subscriber));
        let told = |prefix: &[u8], wanted| (prefix.to_vec(), wanted);
        let expected = [told(b"a:b", true), told(b"a:", true), told(b"a:b", false)];
        assert_eq!(cluster.hosts[0].plain[..3], expected);
        assert_eq!(cluster.hosts[0].plain[3..], [told(b"a:", false)]);
    }
}

mod loss {
    use super::*;

    #[test]
    fn a_lost_node_is_told_once_to_each_subscriber_it_served() {
        let mut cluster = Cluster::pair();
        for topic in ["a", "b", "c"] {
            cluster.create(1, topic);
        }
        cluster.settle();
        let exactly = cluster.subscribe(0, &exact("a"));
        let all = cluster.subscribe(0, &pattern("*"));
        cluster.with(0, |node, _| node.create_topic("mine").unwrap());
        cluster.subscribe(0, &exact("mine"));
        cluster.cut(0, 1);
        cluster.settle();
        assert_eq!(
            cluster.hosts[0].lost,
            [(exactly, "n1".into()), (all, "n1".into())]
        );
        cluster.run(10_000);
        assert_eq!(cluster.hosts[0].lost.len(), 2);
    }

    #[test]
    fn topics_of_a_lost_node_stay_known_where_it_is_a_peer() {
        let mut cluster = Cluster::pair();
        cluster.create(0, "of:0");
        cluster.create(1, "of:1");
        cluster.settle();
        cluster.cut(0, 1);
        cluster.settle();
        assert_eq!(cluster.hosts[0].reachable("of:1"), Some(false));
        assert_eq!(
            cluster.hosts[1].reachable("of:0"),
            None,
            "it never added the other"
        );
    }

    #[test]
    fn a_silent_death_ends_when_the_new_life_appears() {
        let mut cluster = Cluster::mesh(2);
        cluster.create(1, "t");
        cluster.settle();
        cluster.subscribe(0, &exact("t"));
        cluster.crash(1, true);
        cluster.run(1000);
        assert_eq!(cluster.hosts[0].reachable("t"), Some(true), "half open");
        cluster.restart(1, node_id(1), 2);
        cluster.create(1, "t");
        cluster.add(1, 0);
        cluster.settle();
        cluster.assert_one_link_per_pair();
        assert_eq!(cluster.hosts[0].lost.len(), 1);
        assert_eq!(cluster.hosts[1].sends(), ["t"]);
    }

    #[test]
    fn a_removed_peer_is_refused_until_it_is_added_again() {
        let mut cluster = Cluster::mesh(2);
        cluster.create(1, "t");
        cluster.settle();
        let subscriber = cluster.subscribe(0, &exact("t"));
        cluster.remove(0, 1);
        cluster.settle();
        cluster.with(0, |node, _| {
            assert_eq!(node.remove_peer(&address(1)), Err(RemovePeerError::Unknown));
        });
        cluster.run(20_000);
        assert_eq!(cluster.hosts[0].node.link_count(), 0);
        assert_eq!(cluster.hosts[0].topic_names(), [""; 0]);
        assert_eq!(cluster.hosts[0].lost, []);
        cluster.add(0, 1);
        cluster.run(5_000);
        cluster.assert_one_link_per_pair();
        assert_eq!(
            cluster.hosts[0].hears(subscriber),
            ["t"],
            "interest was kept"
        );
    }

    #[test]
    fn resubscription_is_complete() {
        const FILTERS: usize = 20_000;
        let mut cluster = Cluster::pair();
        cluster.cut(0, 1);
        cluster.settle();
        let subscriber = cluster.hosts[0].subscriber();
        let node = &mut cluster.hosts[0].node;
        for index in 0..FILTERS {
            node.subscribe(subscriber, &exact(&format!("t{index}")))
                .unwrap();
        }
        let node = &mut cluster.hosts[1].node;
        for index in (0..FILTERS).step_by(100) {
            node.create_topic(&format!("t{index}")).unwrap();
        }
        cluster.with(0, |_, _| ());
        cluster.with(1, |_, _| ());
        for _ in 0..2 {
            cluster.run(200);
            assert_eq!(cluster.hosts[1].sinks.len(), FILTERS / 100);
            let (_, acked, sent) = cluster.hosts[0].node.interest_versions().next().unwrap();
            assert_eq!(acked, sent);
            assert!(sent < 20, "a few frames tell it all");
            cluster.cut(0, 1);
            cluster.settle();
            assert_eq!(cluster.hosts[1].sinks.len(), 0);
            cluster.hosts[0].frames_sent = 0;
            cluster.run(200);
            assert!(
                cluster.hosts[0].frames_sent < 20,
                "a few frames tell it all"
            );
        }
    }
}

#[test]
fn pauses_double_and_start_over_after_a_sign_of_life() {
    let mut cluster = Cluster::new(2);
    cluster.crash(1, true);
    cluster.add(0, 1);
    cluster.run(60_000);
    let at: Vec<u64> = cluster.hosts[0].dials.iter().map(|(at, _)| *at).collect();
    let pauses: Vec<u64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (pause, nominal) in pauses
        .iter()
        .zip([100, 200, 400, 800, 1600, 3200, 5000, 5000])
    {
        assert!(
            (nominal - nominal / 4..=nominal).contains(pause),
            "{pauses:?}"
        );
    }
    cluster.hosts[1].down = false;
    cluster.run(5_000);
    assert_eq!(cluster.hosts[0].node.link_count(), 1);
    cluster.cut(0, 1);
    cluster.run(100);
    assert_eq!(
        cluster.hosts[0].node.link_count(),
        1,
        "the first pause again"
    );
}

#[test]
fn a_node_that_adds_itself() {
    let mut cluster = Cluster::new(1);
    cluster.add(0, 0);
    cluster.settle();
    assert_eq!(cluster.hosts[0].node.link_count(), 0);
    assert_eq!(cluster.hosts[0].node.poll_timeout(), None);
    cluster.with(0, |node, now| {
        assert_eq!(node.add_peer(now, &address(0)), Err(AddPeerError::Itself));
    });
}

#[test]
fn numbers_of_topics_are_reused() {
    let mut cluster = Cluster::pair();
    for round in 0..10 {
        let topic = format!("t{round}");
        cluster.create(1, &topic);
        cluster.settle();
        assert_eq!(cluster.hosts[0].node.topic(&topic).unwrap().id.0, 0);
        cluster.with(1, |node, _| node.destroy_topic(&topic).unwrap());
        cluster.settle();
    }
    assert_eq!(cluster.hosts[0].node.topic_count(), 0);
}
