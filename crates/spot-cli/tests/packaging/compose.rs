//! The compose file: three nodes that find each other.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::support::{Spot, command, spot};
use crate::{read, root};

/// Of the compose specification only what our file uses, so that a key that is misspelt is found.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Compose {
    services: BTreeMap<String, Service>,
    networks: BTreeMap<String, Network>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    build: Build,
    image: String,
    ports: Vec<String>,
    environment: Vec<String>,
    networks: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Build {
    context: String,
    dockerfile: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Network {
    driver: String,
}

impl Service {
    fn variables(&self) -> BTreeMap<&str, &str> {
        let pairs = self.environment.iter().map(|line| line.split_once('='));
        pairs
            .collect::<Option<_>>()
            .expect("each is NAME=VALUE, not taken from the caller")
    }

    fn port(&self) -> &str {
        let bind = self.variables()["SPOT_BIND"];
        bind.strip_prefix("tcp://*:").expect("all addresses")
    }
}

fn compose() -> Compose {
    serde_yaml_ng::from_str(&read("packaging/compose.yaml")).expect("a compose file")
}

#[test]
fn its_parts_fit_together() {
    let compose = compose();
    assert_eq!(compose.services.len(), 3);
    for (name, service) in &compose.services {
        let context = root().join("packaging").join(&service.build.context);
        let dockerfile = context.join(&service.build.dockerfile);
        assert!(dockerfile.is_file(), "{name}: {}", dockerfile.display());
        assert_eq!(service.image, "serverlink-spot");
        let port = service.port();
        assert_eq!(service.ports, [format!("127.0.0.1:{port}:{port}")]);
        for network in &service.networks {
            assert_eq!(compose.networks[network].driver, "bridge");
        }
        let variables = service.variables();
        let peers = variables.get("SPOT_CLUSTER").copied().unwrap_or_default();
        for peer in peers.split(',').filter(|peer| !peer.is_empty()) {
            let (host, port) = peer
                .strip_prefix("tcp://")
                .and_then(|peer| peer.split_once(':'))
                .expect("a host and a port");
            assert_eq!(compose.services[host].port(), port, "{name}: {peer}");
        }
        let mut check = command(&["node", "--check-config"]);
        check.envs(variables);
        let done = Spot::spawn(check).finish();
        assert_eq!(done.code, Some(0), "{name}: {}", done.reason());
    }
}

#[test]
fn nodes_of_its_environment_are_one_cluster() {
    let compose = compose();
    let mut nodes = Vec::new();
    let mut endpoints: Vec<(String, String)> = Vec::new();
    for (name, service) in &compose.services {
        let mut node = command(&["node"]);
        for (variable, value) in service.variables() {
            // Any free port of this machine in place of the containers' own.
            let mut value = value.replace(&format!("*:{}", service.port()), "127.0.0.1:0");
            for (host, endpoint) in &endpoints {
                value = value.replace(host, endpoint);
            }
            node.env(variable, value);
        }
        let mut node = Spot::spawn(node);
        endpoints.push((format!("tcp://{name}:{}", service.port()), node.endpoint()));
        nodes.push(node);
    }
    nodes[0].wait_for_each(vec!["peer b".into(), "peer c".into()]);
    let peers: Vec<_> = endpoints.iter().map(|(_, at)| at.as_str()).collect();
    let peers = peers.join(",");
    let mut sub = Spot::run(&["sub", "*", "-n", "3", "--peer", &peers]);
    sub.wait_for("subscribed to");
    for topic in ["events:log", "sensor:humidity", "sensor:temp"] {
        let done = spot(&["pub", topic, "x", "--peer", &peers]);
        assert_eq!(done.code, Some(0), "{}", done.reason());
        assert_eq!(sub.line(), format!("{topic} x"));
    }
    let last = &endpoints[2].1;
    let members = spot(&["cluster", "--peer", last, "--json"])
        .stdout
        .join("\n");
    for name in ["\"a\"", "\"b\"", "\"c\""] {
        assert!(members.contains(name), "{members}");
    }
    for node in nodes {
        node.signal(rustix::process::Signal::TERM);
        assert_eq!(node.finish().code, Some(0));
    }
}
