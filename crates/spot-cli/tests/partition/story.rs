//! What happens, and what must be seen of it.

use std::time::Instant;

use crate::hosts;
use crate::nodes::{Ticker, endpoint, member, node, spot, spot_at};
use crate::support::Spot;

/// The switch of each host: three on the one side, two on the other.
const SIDES: [usize; 5] = [0, 0, 0, 1, 1];
pub(crate) const HOSTS: usize = SIDES.len();
/// Those whose members publish by themselves; the others run `spot node`.
const MEMBERS: [usize; 2] = [1, 3];

pub(crate) fn tell() {
    hosts::plug_in(&SIDES);
    let mut nodes: Vec<Spot> = (0..HOSTS)
        .map(|host| {
            if MEMBERS.contains(&host) {
                member(host)
            } else {
                node(host, HOSTS)
            }
        })
        .collect();
    let whole = Spot::spawn(spot(0, HOSTS, &["sync", "--timeout", "30"])).finish();
    assert_eq!(whole.code, Some(0), "{}", whole.reason());
    for host in MEMBERS {
        nodes[host].wait_for("of:0 of:1 of:2 of:3 of:4; publishing");
    }
    println!("five nodes are one cluster");

    // On the smaller side, listening to both.
    let mut subscriber = Spot::spawn(spot(3, HOSTS, &["sub", "of:[04]"]));
    for _ in 0..HOSTS {
        subscriber.wait_for("subscribed to");
    }
    let tickers = [0, 4].map(Ticker::start);
    let mut account = Account::default();
    account.listen_until(&mut subscriber, |account| account.both_heard());
    let mut events = [0, 4].map(|host| spot_at(host, &["events"]));
    for watched in &mut events {
        watch(watched, (0..HOSTS).map(|host| told("member-up", host)));
    }

    let began = Instant::now();
    hosts::partition();
    subscriber.wait_for_each(each_far("no longer connected to"));
    println!("the partition was noticed after {:?}", began.elapsed());
    partition_is_told(&mut events, &mut nodes);
    println!("both sides knew their part after {:?}", began.elapsed());
    let heard = account.near;
    account.listen_until(&mut subscriber, |account| account.near > heard + 10);
    println!("its own side goes on");

    let began = Instant::now();
    hosts::heal();
    heal_is_told(&mut events, &mut nodes, began);
    subscriber.wait_for_each(each_far("spot: connected to"));
    let heard = account.far_count;
    account.listen_until(&mut subscriber, |account| account.far_count > heard + 10);
    println!(
        "the other side is heard again {:?} after the heal",
        began.elapsed()
    );

    let [far, near] = tickers.map(Ticker::stop);
    account.listen_until(&mut subscriber, |account| {
        (account.far, account.near) == (far, near)
    });
    account.assert_complete(subscriber);
}

/// On both sides events tell who is cut off and who is the majority; the smaller side refuses to publish, the larger does
/// not.
fn partition_is_told(events: &mut [Spot; 2], nodes: &mut [Spot]) {
    let parts = [
        "partition reachable=3 size=5 majority=true",
        "partition reachable=2 size=5 majority=false",
    ];
    for (side, part) in parts.into_iter().enumerate() {
        let others = (0..HOSTS).filter(|host| SIDES[*host] != side);
        let lost =
            others.flat_map(|host| ["member-suspect", "member-down"].map(|kind| told(kind, host)));
        watch(&mut events[side], lost.chain([part.to_owned()]));
    }
    nodes[1].wait_for("of:0 of:1 of:2 of:3? of:4?; publishing");
    nodes[3].wait_for("of:0? of:1? of:2? of:3 of:4; refused: only 2 of 5 members");
}

/// On both sides events tell the heal, everybody publishes again, and all know the same topics.
fn heal_is_told(events: &mut [Spot; 2], nodes: &mut [Spot], began: Instant) {
    for host in MEMBERS {
        nodes[host].wait_for("of:0 of:1 of:2 of:3 of:4; publishing");
    }
    println!(
        "both sides know and reach all topics {:?} after the heal",
        began.elapsed()
    );
    for watched in events {
        watch(watched, [String::from("heal size=5")]);
    }
    let seen = [0, 4].map(|host| Spot::spawn(spot(host, HOSTS, &["topics", "--json"])).finish());
    let [here, there] = seen.map(|done| done.stdout);
    assert_eq!((here.len(), &here), (HOSTS, &there));
}

/// Reads events until there was one of each of these, in any order.
fn watch(events: &mut Spot, beginnings: impl IntoIterator<Item = String>) {
    let mut missing: Vec<String> = beginnings.into_iter().collect();
    while !missing.is_empty() {
        let line = events.line();
        missing.retain(|beginning| !line.starts_with(beginning));
    }
}

/// How an event of a member begins.
fn told(kind: &str, host: usize) -> String {
    format!("{kind} name=node{host} ")
}

/// What is told of every node of the other side.
fn each_far(what: &str) -> Vec<String> {
    let far = (0..HOSTS).filter(|host| SIDES[*host] == 0);
    far.map(|host| format!("{what} {}", endpoint(host)))
        .collect()
}

/// What the subscriber has heard of the two tickers.
#[derive(Default)]
struct Account {
    /// The last numbers from the other side and from its own.
    far: u64,
    near: u64,
    /// How many numbers came from the other side, and the first of them.
    far_count: u64,
    far_first: Option<u64>,
}

impl Account {
    fn both_heard(&self) -> bool {
        self.far > 0 && self.near > 0
    }

    fn listen_until(&mut self, subscriber: &mut Spot, there: impl Fn(&Self) -> bool) {
        while !there(self) {
            let line = subscriber.line();
            let (topic, number) = line.split_once(' ').expect("a topic and a number");
            let number: u64 = number.parse().expect("a number");
            let last = if topic == "of:0" {
                &mut self.far
            } else {
                &mut self.near
            };
            assert!(number > *last, "{topic}: {number} after {last}");
            // Nothing came between it and its own side.
            assert!(
                topic == "of:0" || *last == 0 || number == *last + 1,
                "{topic}: {number} after {last}"
            );
            *last = number;
            if topic == "of:0" {
                self.far_count += 1;
                self.far_first.get_or_insert(number);
            }
        }
    }

    /// What did not come from the other side was reported missing.
    fn assert_complete(&self, subscriber: Spot) {
        subscriber.signal(rustix::process::Signal::TERM);
        let done = subscriber.finish();
        assert_eq!(done.code, Some(0), "{}", done.reason());
        let reports = done
            .stderr
            .iter()
            .filter(|line| line.ends_with(" messages of of:0"));
        let missed: u64 = reports
            .map(|line| {
                let count = line.split_whitespace().rev().nth(3).expect("a count");
                count.parse::<u64>().expect("a number")
            })
            .sum();
        let published = self.far - self.far_first.expect("heard before the partition") + 1;
        assert_eq!(self.far_count + missed, published, "{}", done.reason());
        println!(
            "of {published} messages of the other side {} arrived, {missed} were reported missing",
            self.far_count
        );
    }
}
