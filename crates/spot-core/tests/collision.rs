//! Two connections between the same two nodes: one stays, whatever comes first.

mod common;

use common::{Cluster, Host, endpoint, node_id};

/// Runs `begin` and then every order of delivery in which the first `depth` choices differ; calls `check` at each end.
fn every_order(depth: usize, begin: impl Fn() -> Cluster, check: impl Fn(&mut Cluster)) -> usize {
    let mut orders = 0;
    let mut path: Vec<(usize, usize)> = Vec::new();
    loop {
        let mut cluster = begin();
        for (choice, _) in &path {
            cluster.deliver(*choice);
        }
        while path.len() < depth && cluster.choices() > 0 {
            path.push((0, cluster.choices()));
            cluster.deliver(0);
        }
        cluster.run(1000);
        check(&mut cluster);
        orders += 1;
        while path.pop_if(|(choice, of)| *choice + 1 == *of).is_some() {}
        match path.last_mut() {
            Some((choice, _)) => *choice += 1,
            None => return orders,
        }
    }
}

fn converged(cluster: &mut Cluster) {
    cluster.assert_one_link_per_pair();
    for host in &cluster.hosts {
        assert_eq!(host.topic_names(), ["of:0", "of:1"]);
        assert_eq!(host.lost, []);
        assert_eq!(
            host.node.peers().len(),
            host.node
                .peers()
                .iter()
                .filter(|peer| peer.link.is_some())
                .count()
        );
    }
}

/// Two that only observe: what members tell each other on top would multiply the orders.
fn two() -> Cluster {
    let mut cluster = Cluster::new(2);
    cluster.hosts.iter_mut().for_each(Host::observe);
    topics(cluster)
}

fn two_members() -> Cluster {
    topics(Cluster::new(2))
}

fn topics(mut cluster: Cluster) -> Cluster {
    cluster.create(0, "of:0");
    cluster.create(1, "of:1");
    cluster
}

#[test]
fn both_added_each_other() {
    let begin = || {
        let mut cluster = two();
        cluster.add(0, 1);
        cluster.add(1, 0);
        cluster
    };
    let orders = every_order(14, begin, converged);
    assert!(orders > 100, "{orders}");
}

#[test]
fn both_added_each_other_and_are_members() {
    let begin = || {
        let mut cluster = two_members();
        cluster.add(0, 1);
        cluster.add(1, 0);
        cluster
    };
    let orders = every_order(10, begin, |cluster| {
        converged(cluster);
        for host in &cluster.hosts {
            let seen = host.node.cluster();
            assert_eq!((seen.size, seen.reachable), (2, 2));
        }
    });
    assert!(orders > 100, "{orders}");
}

#[test]
fn a_node_known_by_two_endpoints() {
    for dialer in [0, 1] {
        let begin = || {
            let mut cluster = two();
            let second = endpoint("tcp://other.name:5555");
            cluster.hosts[1 - dialer].endpoints.push(second.clone());
            cluster.add(dialer, 1 - dialer);
            cluster.with(dialer, |node, now| node.add_peer(now, &second).unwrap());
            cluster
        };
        every_order(14, begin, converged);
    }
}

#[test]
fn a_restart_while_the_old_link_is_half_open() {
    for restarted in [0, 1] {
        let begin = || {
            let mut cluster = two();
            cluster.add(0, 1);
            cluster.add(1, 0);
            cluster.run(1000);
            cluster.crash(restarted, true);
            cluster.restart(restarted, node_id(restarted), 2);
            cluster.hosts[restarted].observe();
            let topic = format!("of:{restarted}");
            cluster.create(restarted, &topic);
            cluster.add(restarted, 1 - restarted);
            cluster
        };
        every_order(12, begin, converged);
    }
}

#[test]
fn a_broken_link_while_both_dial_anew() {
    let begin = || {
        let mut cluster = two();
        cluster.add(0, 1);
        cluster.add(1, 0);
        cluster.settle();
        cluster.cut(0, 1);
        cluster.settle();
        for host in 0..2 {
            cluster.with(host, |node, now| node.handle_timeout(now + 1000));
        }
        cluster
    };
    every_order(12, begin, converged);
}
