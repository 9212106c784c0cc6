//! Who asks whom for history, and when.

mod common;

use common::*;
use spot_core::frame::{Frame, InterestEntry, ReplayRequest, ResumeEntry, resume_frames};
use spot_core::limits::{MAX_REPLAYS_PER_LINK, MAX_RESUMED_PER_LINK};
use spot_core::node::LinkFrameError;
use spot_core::past::{Past, Token};
use spot_core::{Class, Hello, Incarnation, LinkId, LinkPeer, Role, SubscriberId};

const OWNER: usize = 1;

/// A node with a subscriber that asks for ten messages, linked to an owner of "t".
fn cluster() -> (Cluster, SubscriberId) {
    let mut cluster = Cluster::mesh(2);
    cluster.create(OWNER, "t");
    cluster.settle();
    let subscriber = cluster.with(0, |node, _| {
        let subscriber = node.add_subscriber(spot_core::Overflow::DropNewest);
        node.set_history(subscriber, 10);
        subscriber
    });
    (cluster, subscriber)
}

/// For which topics and tokens the owner replays how much.
fn replays(cluster: &mut Cluster) -> Vec<(String, Token, usize)> {
    let past = std::mem::take(&mut cluster.hosts[OWNER].past);
    let replays = past.into_iter().flat_map(|(topic, past)| {
        let replays = past.replays.into_iter();
        replays.map(move |replay| (topic.clone(), replay.token, replay.count))
    });
    replays.collect()
}

fn asked(topic: &str, subscriber: SubscriberId, number: u32) -> (String, Token, usize) {
    (topic.to_owned(), Token::new(subscriber, number), 10)
}

#[test]
fn each_new_subscription_asks_once_and_waits_until_that_is_acknowledged() {
    let (mut cluster, subscriber) = cluster();
    cluster.with(0, |node, _| {
        node.subscribe(subscriber, &exact("t")).unwrap()
    });
    assert_eq!(cluster.hosts[0].awaiting.len(), 1);
    cluster.settle();
    assert_eq!(replays(&mut cluster), [asked("t", subscriber, 1)]);
    assert!(cluster.hosts[0].awaiting.is_empty());
    cluster.with(0, |node, _| {
        node.subscribe(subscriber, &exact("t")).unwrap()
    });
    cluster.settle();
    assert_eq!(replays(&mut cluster), []);
}

#[test]
fn a_second_subscriber_of_the_node_asks_for_itself() {
    let (mut cluster, subscriber) = cluster();
    cluster.subscribe(0, &exact("t"));
    cluster.settle();
    cluster.with(0, |node, _| {
        node.subscribe(subscriber, &exact("t")).unwrap()
    });
    cluster.settle();
    assert_eq!(replays(&mut cluster), [asked("t", subscriber, 1)]);
}

#[test]
fn a_topic_that_is_had_already_is_not_waited_for_again() {
    let (mut cluster, subscriber) = cluster();
    cluster.create(OWNER, "u");
    cluster.settle();
    cluster.with(0, |node, _| {
        node.subscribe(subscriber, &exact("t")).unwrap()
    });
    cluster.settle();
    replays(&mut cluster);
    cluster.with(0, |node, _| {
        node.subscribe(subscriber, &pattern("*")).unwrap()
    });
    let names = cluster.hosts[0].awaiting.iter();
    let waited_for = names.map(|(topic, _, _)| &cluster.hosts[0].topics[topic]);
    assert_eq!(waited_for.collect::<Vec<_>>(), ["u"]);
}

#[test]
fn a_topic_created_later_is_not_waited_for() {
    let (mut cluster, subscriber) = cluster();
    cluster.with(0, |node, _| {
        node.subscribe(subscriber, &pattern("*")).unwrap()
    });
    cluster.settle();
    replays(&mut cluster);
    cluster.create(OWNER, "new");
    cluster.settle();
    assert_eq!(replays(&mut cluster), []);
    assert!(cluster.hosts[0].awaiting.is_empty());
}

#[test]
fn an_owner_that_has_answered_is_not_asked_again_in_this_life() {
    let (mut cluster, subscriber) = cluster();
    cluster.with(0, |node, _| {
        node.subscribe(subscriber, &exact("t")).unwrap()
    });
    cluster.settle();
    replays(&mut cluster);
    cluster.cut(0, OWNER);
    cluster.settle();
    cluster.run(10_000);
    assert_eq!(cluster.hosts[0].active.len(), 1, "linked again");
    assert_eq!(replays(&mut cluster), []);
    assert!(cluster.hosts[0].awaiting.is_empty());
}

#[test]
fn who_subscribes_while_the_link_is_down_asks_when_it_is_up() {
    let (mut cluster, subscriber) = cluster();
    cluster.cut(0, OWNER);
    cluster.with(0, |node, _| {
        node.subscribe(subscriber, &pattern("*")).unwrap()
    });
    cluster.settle();
    cluster.run(10_000);
    assert_eq!(replays(&mut cluster), [asked("t", subscriber, 1)]);
    assert!(cluster.hosts[0].awaiting.is_empty());
}

#[test]
fn history_came_again_from_an_owner_that_was_heard_by_way_of_a_hub() {
    let mut cluster = Cluster::new(3);
    cluster.with(2, |node, _| node.set_relay(true));
    cluster.add(OWNER, 2);
    cluster.add(0, 2);
    cluster.create(OWNER, "t");
    cluster.settle();
    cluster.with(0, |node, _| {
        let subscriber = node.add_subscriber(spot_core::Overflow::DropNewest);
        node.set_history(subscriber, 10);
        node.subscribe(subscriber, &exact("t")).unwrap();
    });
    cluster.settle();
    assert_eq!(cluster.copies(OWNER, "t"), [1, 0, 1]);
    cluster.add(0, OWNER);
    while cluster.choices() > 0 {
        cluster.deliver(0);
        assert!(
            cluster.hosts[0].awaiting.is_empty(),
            "it has what was before"
        );
    }
    assert_eq!(cluster.copies(OWNER, "t"), [1, 0, 0]);
    assert_eq!(replays(&mut cluster), []);
}

/// The topic was not known when the pattern was cancelled, so that nobody remembered that its owner had answered.
#[test]
fn history_came_again_by_a_filter_that_overlapped_with_a_cancelled_one() {
    let mut cluster = Cluster::new(3);
    cluster.create(OWNER, "t");
    cluster.add(OWNER, 0);
    cluster.add(0, 2);
    cluster.settle();
    let (all, only) = (pattern("*"), exact("t"));
    let subscriber = cluster.with(0, |node, _| {
        let subscriber = node.add_subscriber(spot_core::Overflow::DropNewest);
        node.set_history(subscriber, 10);
        node.subscribe(subscriber, &all).unwrap();
        subscriber
    });
    cluster.settle();
    assert_eq!(replays(&mut cluster), [asked("t", subscriber, 1)]);
    cluster.cut(0, OWNER);
    cluster.settle();
    cluster.with(0, |node, _| {
        assert!(node.topic("t").is_none(), "its owner is no peer of ours");
        node.subscribe(subscriber, &only).unwrap();
        node.unsubscribe(subscriber, &all);
    });
    cluster.settle();
    cluster.run(10_000);
    assert_eq!(cluster.hosts[0].active.len(), 2, "linked again");
    assert_eq!(replays(&mut cluster), []);
}

/// How far it had come was forgotten then. Where it cancelled that filter, and the link was cut before the second answer, it
/// was sent the same messages again (seed 2196).
#[test]
fn who_asked_by_two_filters_waited_for_the_first_answer_only() {
    let (mut cluster, subscriber) = cluster();
    for filter in [pattern("*"), exact("t")] {
        cluster.with(0, |node, _| node.subscribe(subscriber, &filter).unwrap());
    }
    let mut steps = 0;
    while !cluster.hosts[0].awaiting.is_empty() {
        cluster.deliver(0);
        steps += 1;
    }
    assert!(steps > 2, "two are asked and two answered");
    assert_eq!(cluster.choices(), 0, "nothing is unanswered");
}

#[test]
fn the_owner_is_told_where_a_stream_goes_on_when_the_link_is_attached() {
    let mut cluster = Cluster::new(1);
    cluster.create(0, "t");
    let link = stranger(&mut cluster);
    let own = node_id(0);
    let entry = |publisher, topic| ResumeEntry {
        topic,
        publisher,
        incarnation: Incarnation(4),
        next_sequence: 7,
    };
    let entries = [entry(own, "t"), entry(node_id(5), "u"), entry(own, "gone")];
    for frame in resume_frames(entries) {
        cluster.with(0, |node, _| node.handle_frame(0, link, &frame).unwrap());
    }
    assert!(cluster.hosts[0].past.is_empty());
    hear(&mut cluster, link, &interest("t", &[Class(0)]));
    let [(topic, Past { resume, .. })] = &cluster.hosts[0].past[..] else {
        panic!("{:?}", cluster.hosts[0].past)
    };
    let resume = resume.expect("the link told it");
    assert_eq!((&**topic, resume.next_sequence), ("t", 7));
    hear(&mut cluster, link, &interest("*", &[Class(0)]));
    assert_eq!(cluster.hosts[0].past.len(), 1, "once");
}

#[test]
fn an_asking_without_interest_has_no_effect() {
    let mut cluster = Cluster::new(1);
    cluster.create(0, "t");
    let link = stranger(&mut cluster);
    hear(&mut cluster, link, &Frame::Replay(request()));
    hear(&mut cluster, link, &interest("t", &[]));
    assert!(cluster.hosts[0].past.is_empty());
    hear(&mut cluster, link, &interest("t", &[Class(0)]));
    assert!(
        cluster.hosts[0].past.is_empty(),
        "it was for the INTEREST before"
    );
}

#[test]
fn a_peer_cannot_make_us_keep_more_than_the_limits() {
    let mut cluster = Cluster::new(1);
    let link = stranger(&mut cluster);
    let frame = Frame::Replay(request()).to_vec();
    let refused = cluster.with(0, |node, _| {
        (0..=MAX_REPLAYS_PER_LINK).find_map(|_| node.handle_frame(0, link, &frame).err())
    });
    assert_eq!(refused, Some(LinkFrameError::TooManyReplays));
    let names: Vec<String> = (0..=MAX_RESUMED_PER_LINK).map(|n| n.to_string()).collect();
    let entries = names.iter().map(|topic| ResumeEntry {
        topic,
        publisher: node_id(0),
        incarnation: Incarnation(0),
        next_sequence: 0,
    });
    let refused = cluster.with(0, |node, _| {
        let mut frames = resume_frames(entries).into_iter();
        frames.find_map(|frame| node.handle_frame(0, link, &frame).err())
    });
    assert_eq!(refused, Some(LinkFrameError::TooManyResumed));
}

fn request() -> ReplayRequest {
    ReplayRequest {
        token: 1,
        class: Class(0),
        count: 3,
        filter: exact("t"),
    }
}

fn interest(filter: &str, classes: &[Class]) -> Frame<'static> {
    Frame::Interest {
        version: 1,
        entries: vec![InterestEntry {
            filter: spot_core::Filter::try_from(filter).unwrap(),
            origin: None,
            classes: classes.to_vec(),
        }],
    }
}

fn hear(cluster: &mut Cluster, link: LinkId, frame: &Frame<'_>) {
    cluster.with(0, |node, _| {
        node.handle_frame(0, link, &frame.to_vec()).unwrap()
    });
}

/// A linked node of a larger id than any host; it sends what it likes.
fn stranger(cluster: &mut Cluster) -> LinkId {
    let hello = Hello {
        node: node_id(9),
        incarnation: Incarnation(1),
        name: String::new(),
        endpoints: Vec::new(),
        role: Role::Node,
    };
    cluster.accept(0, LinkPeer::Spot(hello))
}
