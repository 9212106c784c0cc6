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
    let server = Program::example("two_node_server.c").start(&["tcp://127.0.0.1:0", "5", "0"]);
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
    let spoke = server.start(&["tcp://127.0.0.1:0", "3", "0"]);
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
fn spokes_that_know_their_hub_alone_hear_each_other() {
    let relay = Program::example("relay.c");
    let hub = relay.start(&["hub", "tcp://127.0.0.1:0", "3"]);
    let ready = hub.line();
    let endpoint = ready.strip_prefix("Hub ready on ").expect("it says so");
    let names = ["spoke1", "spoke2", "spoke3"];
    let spokes = names.map(|own| {
        let others = names.into_iter().filter(|name| *name != own);
        let args: Vec<_> = ["spoke", own, endpoint, "100"]
            .into_iter()
            .chain(others)
            .collect();
        relay.start(&args)
    });
    // Each of 3 times 100 readings goes to two spokes; what is published to the hub is not relayed.
    assert_eq!(hub.finish(), "relayed 600 messages\n");
    for spoke in spokes {
        assert_eq!(spoke.finish(), "100 of each of 2 others\n");
    }
}

#[test]
fn production_starts_with_a_peer_and_without() {
    let production = Program::example("production.c");
    assert!(
        production
            .run(&["tcp://127.0.0.1:0"])
            .contains("0 topics known, 0 links up")
    );
    let server = Program::example("two_node_server.c").start(&["tcp://127.0.0.1:0"]);
    let endpoint = endpoint_of(&server.line());
    let printed = production.run(&["tcp://127.0.0.1:0", &endpoint]);
    assert!(
        printed.contains(&format!("peer {endpoint}: connected, 2 topics")),
        "{printed}"
    );
    assert!(printed.contains("2 topics known, 1 links up"), "{printed}");
}

/// Where `two_node_server` says it is.
pub(crate) fn endpoint_of(line: &str) -> String {
    line.strip_prefix("Node A ready on ")
        .expect("the server says where it is")
        .to_owned()
}
