//! The programs of `examples/c` do what they say.

use tempfile::TempDir;

use crate::support::Program;

#[test]
fn single_node_receives_what_it_publishes() {
    let printed = Program::example("single_node.c").run(&["3"]);
    assert_eq!(
        printed,
        "chat:lobby: hello\ngame:player:spawn: hello\nchat:lobby: hello\n"
    );
}

#[test]
fn two_nodes_meet_over_tcp() {
    let mut server = Program::example("two_node_server.c").start(&["tcp://127.0.0.1:0", "5", "0"]);
    let endpoint = endpoint_of(&server.line());
    let printed = Program::example("two_node_client.c").run(&[&endpoint, "5"]);
    let expected: Vec<_> = (0..5)
        .map(|i| format!("Received: sensor:temperature = 20.{i}"))
        .collect();
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected);
    server.finish();
}

#[test]
fn a_mesh_of_three_processes_delivers_everything() {
    let dir = TempDir::new().expect("a temporary directory");
    let nodes = ["nodeA", "nodeB", "nodeC"]
        .map(|name| (name, format!("ipc://{}/{name}", dir.path().display())));
    let mesh = Program::example("mesh.c");
    let running: Vec<_> = (0..nodes.len())
        .map(|own| {
            let mut order: Vec<_> = nodes.iter().collect();
            order.rotate_left(own);
            let mut args = vec!["20"];
            args.extend(
                order
                    .iter()
                    .flat_map(|(name, endpoint)| [*name, endpoint.as_str()]),
            );
            mesh.start(&args)
        })
        .collect();
    for (own, process) in running.into_iter().enumerate() {
        let printed = process.finish();
        for (peer, _) in nodes.iter().filter(|(name, _)| *name != nodes[own].0) {
            let received: Vec<_> = printed
                .lines()
                .filter_map(|line| line.strip_prefix(&format!("{peer}:data: ")))
                .collect();
            let expected: Vec<_> = (0..20).map(|i| format!("{peer} {i}")).collect();
            assert_eq!(received, expected);
        }
    }
}

#[test]
fn a_hub_subscribes_to_what_its_spokes_host() {
    let server = Program::example("two_node_server.c");
    let mut spoke = server.start(&["tcp://127.0.0.1:0", "3", "0"]);
    let endpoint = endpoint_of(&spoke.line());
    let printed = Program::example("hub_spoke.c").run(&["3", &endpoint]);
    assert!(
        printed.contains("Subscribed to sensor:humidity\n"),
        "{printed}"
    );
    assert!(printed.ends_with(
        "sensor:temperature = 20.0\nsensor:temperature = 20.1\nsensor:temperature = 20.2\n"
    ));
    spoke.finish();
}

#[test]
fn failover_uses_the_backup_when_the_primary_is_not_there() {
    let mut backup = Program::example("two_node_server.c").start(&["tcp://127.0.0.1:0", "3", "0"]);
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
    let mut primary = server.start(&["tcp://127.0.0.1:0", "0", "10"]);
    let mut backup = server.start(&["tcp://127.0.0.1:0", "0", "10"]);
    let at = [&mut primary, &mut backup].map(|server| endpoint_of(&server.line()));
    let args = ["sensor:temperature", &at[0], &at[1]];
    let mut client = Program::example("failover.c").start(&args);
    assert_eq!(client.line(), format!("Using {}", at[0]));
    assert!(client.line().starts_with("sensor:temperature = "));
    drop(primary); // kills it
    let lost = std::iter::repeat_with(|| client.line()).find(|line| line.starts_with("Lost"));
    assert_eq!(lost, Some(format!("Lost {}", at[0])));
    assert_eq!(client.line(), format!("Using {}", at[1]));
    for _ in 0..3 {
        assert!(client.line().starts_with("sensor:temperature = "));
    }

    // And back, where the primary is there again.
    let mut primary = server.start(&[&at[0], "0", "10"]);
    assert_eq!(endpoint_of(&primary.line()), at[0]);
    drop(backup);
    let again = std::iter::repeat_with(|| client.line()).find(|line| line.starts_with("Using"));
    assert_eq!(again, Some(format!("Using {}", at[0])));
    assert!(client.line().starts_with("sensor:temperature = "));
}

#[test]
fn recovery_gets_over_the_crash_of_a_node() {
    let server = Program::example("two_node_server.c");
    let mut first = server.start(&["tcp://127.0.0.1:0", "0", "10"]);
    let endpoint = endpoint_of(&first.line());
    let mut client = Program::example("recovery.c").start(&[&endpoint, "3"]);
    assert!(client.line().starts_with("sensor:temperature = "));
    drop(first); // kills it
    let lost = std::iter::repeat_with(|| client.line()).find(|line| line.contains("lost"));
    assert_eq!(lost.as_deref(), Some("Node A is lost, healthy: no"));

    let mut second = server.start(&[&endpoint, "0", "10"]);
    assert_eq!(endpoint_of(&second.line()), endpoint);
    assert_eq!(client.line(), "Node A recovered");
    let printed = client.finish();
    let messages = printed.matches("sensor:temperature = ");
    assert_eq!(messages.count(), 3, "{printed}");
}

#[test]
fn production_starts_with_a_peer_and_without() {
    let production = Program::example("production.c");
    assert!(
        production
            .run(&["tcp://127.0.0.1:0"])
            .contains("0 topics known, 0 links up")
    );
    let mut server = Program::example("two_node_server.c").start(&["tcp://127.0.0.1:0"]);
    let endpoint = endpoint_of(&server.line());
    let printed = production.run(&["tcp://127.0.0.1:0", &endpoint]);
    assert!(
        printed.contains(&format!("peer {endpoint}: connected, 2 topics")),
        "{printed}"
    );
    assert!(printed.contains("2 topics known, 1 links up"), "{printed}");
}

fn endpoint_of(line: &str) -> String {
    line.strip_prefix("Node A ready on ")
        .expect("the server says where it is")
        .to_owned()
}
