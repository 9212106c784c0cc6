//! The programs of `examples/c` that survive nodes which die, fall silent, or are cut off.

#[path = "../../../serverlink/tests/common/proxy.rs"]
#[allow(unreachable_pub)]
mod proxy;

use tempfile::TempDir;

use crate::examples::endpoint_of;
use crate::support::{Program, Running};
use proxy::Proxy;

#[test]
fn failover_uses_the_backup_when_the_primary_is_not_there() {
    let backup = Program::example("two_node_server.c").start(&["tcp://127.0.0.1:0", "3", "0"]);
    let endpoint = endpoint_of(&backup.line());
    let dir = TempDir::new().expect("a temporary directory");
    let primary = format!("ipc://{}/nobody", dir.path().display());
    let printed =
        Program::example("failover.c").run(&["sensor:temperature", &primary, &endpoint, "3"]);
    assert!(
        printed.starts_with(&format!("Using {endpoint}\nsensor:temperature = 20.0\n")),
        "{printed}"
    );
    backup.finish();
}

/// It said that it fails over, and waited for the lost primary for ever.
#[test]
fn failover_goes_on_with_the_backup_when_the_primary_dies() {
    let server = Program::example("two_node_server.c");
    let primary = server.start(&["tcp://127.0.0.1:0", "0", "10"]);
    let backup = server.start(&["tcp://127.0.0.1:0", "0", "10"]);
    let at = [&primary, &backup].map(|server| endpoint_of(&server.line()));
    let args = ["sensor:temperature", &at[0], &at[1]];
    let client = Program::example("failover.c").start(&args);
    assert_eq!(client.line(), format!("Using {}", at[0]));
    assert!(client.line().starts_with("sensor:temperature = "));
    drop(primary); // kills it
    let lost = client.wait_for(|line| line.starts_with("Lost"));
    assert_eq!(lost, format!("Lost {}", at[0]));
    assert_eq!(client.line(), format!("Using {}", at[1]));
    for _ in 0..3 {
        assert!(client.line().starts_with("sensor:temperature = "));
    }

    // And back, where the primary is there again.
    let primary = server.start(&[&at[0], "0", "10"]);
    assert_eq!(endpoint_of(&primary.line()), at[0]);
    drop(backup);
    let again = client.wait_for(|line| line.starts_with("Using"));
    assert_eq!(again, format!("Using {}", at[0]));
    assert!(client.line().starts_with("sensor:temperature = "));
}

#[test]
fn recovery_gets_over_the_crash_of_a_node() {
    let server = Program::example("two_node_server.c");
    let first = server.start(&["tcp://127.0.0.1:0", "0", "10"]);
    let endpoint = endpoint_of(&first.line());
    let client = Program::example("recovery.c").start(&[&endpoint, "3"]);
    assert!(client.line().starts_with("sensor:temperature = "));
    drop(first); // kills it
    let lost = client.wait_for(|line| line.contains("lost"));
    assert_eq!(lost, "Node A is lost, healthy: no");

    let second = server.start(&[&endpoint, "0", "10"]);
    assert_eq!(endpoint_of(&second.line()), endpoint);
    assert_eq!(client.line(), "Node A recovered");
    let printed = client.finish();
    let messages = printed.matches("sensor:temperature = ");
    assert_eq!(messages.count(), 3, "{printed}");
}

/// Nothing is reset and nobody says farewell: only the heartbeats can tell.
#[test]
fn recovery_gets_over_a_node_that_falls_silent() {
    let server = Program::example("two_node_server.c").start(&["tcp://127.0.0.1:0", "0", "10"]);
    let endpoint = endpoint_of(&server.line());
    let client = Program::example("recovery.c").start(&[&endpoint, "3"]);
    client.wait_for(|line| line.starts_with("sensor:temperature = "));
    server.signal("STOP");
    let lost = client.wait_for(|line| line.contains("lost"));
    assert_eq!(lost, "Node A is lost, healthy: no");
    server.signal("CONT");
    client.wait_for(|line| line == "Node A recovered");
    assert_eq!(client.finish().matches("sensor:temperature = ").count(), 3);
}

/// The program ends with 1 if a message comes twice, a loss is told, or it takes too long.
#[test]
fn a_route_of_two_servers_fails_over_and_back_by_itself() {
    let program = Program::example("failover_route.c");
    let serve = |name: &str, endpoint: &str| {
        let server = program.start(&["serve", name, endpoint]);
        let line = server.line();
        let (_, at) = line.split_once(" serves at ").expect("it says so");
        (server, at.to_owned())
    };
    let (primary, at_primary) = serve("primary", "tcp://127.0.0.1:0");
    let (_backup, at_backup) = serve("backup", "tcp://127.0.0.1:0");
    let route = format!("{at_primary},{at_backup}");
    let client = program.start(&["use", &route, "100", "20000", "4"]);
    let serves = |name: &str| {
        let line = client.line();
        assert!(line.starts_with(&format!("{name} serves")), "{line}");
        println!("{line}");
    };
    serves("primary");

    // Silent, and awake again: it has all its numbers still.
    primary.signal("STOP");
    serves("backup");
    primary.signal("CONT");
    serves("primary");

    drop(primary); // kills it
    serves("backup");
    let (_primary, _) = serve("primary", &at_primary);
    serves("primary");
    client.finish();
}

/// Five nodes of `split_brain`, three on one side of a network and two on the other, once they all hear each other.
/// The network is a proxy before each node of the first side.
fn two_sides() -> (Vec<Running>, Vec<Proxy>) {
    let program = Program::example("split_brain.c");
    let (mut nodes, mut peers, mut network) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..5 {
        if number == 3 {
            network = peers
                .iter()
                .map(|near: &String| Proxy::before(near))
                .collect();
            peers = network.iter().map(|proxy| proxy.endpoint.clone()).collect();
        }
        let name = format!("node{number}");
        let mut args = vec!["5", &name, "tcp://127.0.0.1:0"];
        args.extend(peers.iter().map(String::as_str));
        let node = program.start(&args);
        let at = node.line();
        peers.push(at.strip_prefix("at ").expect("it says so").to_owned());
        nodes.push(node);
    }
    for node in &nodes {
        node.wait_for(|line| line == "whole: all 5 are heard");
    }
    (nodes, network)
}

/// Both sides live, and neither hears the other: the program itself checks at each beat that a majority publishes and a
/// minority does not, and that nothing comes twice.
#[test]
fn of_a_split_brain_the_larger_half_publishes_and_the_smaller_is_refused() {
    // Connections that break, and such that carry nothing and say so to nobody.
    for part in [Proxy::cut, Proxy::silence] {
        let (nodes, network) = two_sides();
        network.iter().for_each(part);
        for node in &nodes[..3] {
            node.wait_for(|line| line == "partition: 3 of 5, majority");
        }
        for node in &nodes[3..] {
            node.wait_for_each(&[
                "partition: 2 of 5, minority",
                "refused: only 2 of 5 members",
            ]);
        }
        network.iter().for_each(Proxy::restore);
        for node in &nodes {
            node.wait_for_each(&["heal: 5 of 5", "whole: all 5 are heard"]);
        }
        for node in nodes {
            let rest = node.finish();
            assert!(!rest.contains("refused"), "{rest}");
        }
    }
}

/// As a node sees it that is left alone because the others fell silent.
#[test]
fn who_is_left_alone_is_refused_until_the_others_wake() {
    let (mut nodes, _network) = two_sides();
    let alone = nodes.pop().expect("there are five");
    nodes.iter().for_each(|node| node.signal("STOP"));
    alone.wait_for_each(&["partition: 1 of 5, minority", "refused: only "]);
    nodes.iter().for_each(|node| node.signal("CONT"));
    alone.wait_for_each(&["heal: 5 of 5", "whole: all 5 are heard"]);
    nodes.push(alone);
    for node in nodes {
        node.finish();
    }
}
