//! The manifests for Kubernetes: against the types of its API, among each other, and at work.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Container, PodSpec, Probe, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tempfile::TempDir;

use crate::read;
use crate::support::{DEADLINE, Spot, command};

/// A manifest as an object of the API. What the API does not know, it would drop: so nothing may be missing.
fn manifest<T: DeserializeOwned + Serialize>(file: &str) -> T {
    let text = read(&format!("packaging/kubernetes/{file}"));
    let written: Value = serde_yaml_ng::from_str(&text).expect(file);
    let object: T = serde_json::from_value(written.clone()).expect(file);
    let understood = serde_json::to_value(&object).expect("an object");
    assert_eq!(written, understood, "{file} has what the API does not know");
    object
}

fn stateful_set() -> StatefulSet {
    manifest("statefulset.yaml")
}

fn pod(set: &StatefulSet) -> &PodSpec {
    let spec = set.spec.as_ref().expect("a specification");
    spec.template.spec.as_ref().expect("a pod")
}

fn container(set: &StatefulSet) -> &Container {
    &pod(set).containers[0]
}

/// The variables of a pod of this name.
fn variables(set: &StatefulSet, pod: &str) -> BTreeMap<String, String> {
    let env = container(set).env.as_ref().expect("variables");
    let value = |name: &str, value: &Option<String>| match value {
        Some(value) => value.clone(),
        None => {
            assert_eq!(name, "SPOT_NAME");
            pod.to_owned()
        }
    };
    env.iter()
        .map(|var| (var.name.clone(), value(&var.name, &var.value)))
        .collect()
}

#[test]
fn they_fit_together() {
    let (service, set): (Service, _) = (manifest("service.yaml"), stateful_set());
    let budget: PodDisruptionBudget = manifest("disruption-budget.yaml");
    let spec = set.spec.as_ref().expect("a specification");
    let labels = spec.template.metadata.as_ref().expect("metadata");
    let labels = labels.labels.clone();
    assert_eq!(spec.selector.match_labels, labels);
    let service_spec = service.spec.expect("a specification");
    assert_eq!(service_spec.selector, labels);
    let budget = budget.spec.expect("a specification");
    assert_eq!(budget.selector.expect("a selector").match_labels, labels);
    assert_eq!(spec.service_name, service.metadata.name);
    // A name of its own for each pod needs a service without an address.
    assert_eq!(service_spec.cluster_ip.as_deref(), Some("None"));

    let ports = container(&set).ports.as_ref().expect("ports");
    for port in service_spec.ports.expect("ports") {
        let same = |of: &&k8s_openapi::api::core::v1::ContainerPort| of.name == port.name;
        let of_pod = ports.iter().find(same).expect("a port of the pod");
        assert_eq!(of_pod.container_port, port.port);
    }
    let container = container(&set);
    for (probe, path) in [
        (&container.startup_probe, "/healthz"),
        (&container.liveness_probe, "/healthz"),
        (&container.readiness_probe, "/readyz"),
    ] {
        let probe: &Probe = probe.as_ref().expect("a probe");
        let get = probe.http_get.as_ref().expect("by HTTP");
        assert_eq!(get.path.as_deref(), Some(path));
        assert_eq!(get.port, IntOrString::String("admin".into()));
    }
    for file in read("packaging/kubernetes/kustomization.yaml")
        .lines()
        .filter_map(|line| {
            line.strip_prefix("  - ")
                .filter(|name| name.ends_with(".yaml"))
        })
    {
        read(&format!("packaging/kubernetes/{file}"));
    }
}

#[test]
fn each_pod_has_the_others_as_peers_and_time_to_end() {
    let set = stateful_set();
    let spec = set.spec.as_ref().expect("a specification");
    let replicas = spec.replicas.expect("replicas");
    let service = spec.service_name.as_deref().expect("a service");
    let variables = variables(&set, "spot-0");
    let peers: Vec<_> = (0..replicas)
        .map(|index| format!("tcp://spot-{index}.{service}:5555"))
        .collect();
    assert_eq!(variables["SPOT_CLUSTER"], peers.join(","));
    assert_eq!(variables["SPOT_CLUSTER_SIZE"], replicas.to_string());
    let grace_s = pod(&set).termination_grace_period_seconds.expect("a time");
    let linger_ms: i64 = variables["SPOT_LINGER_MS"].parse().expect("a number");
    assert!(linger_ms < grace_s * 1000, "it would be killed before");
    let mut check = command(&["node", "--check-config"]);
    check.envs(variables);
    let done = Spot::spawn(check).finish();
    assert_eq!(done.code, Some(0), "{}", done.reason());
}

#[test]
fn pods_are_ready_once_they_are_a_majority() {
    let dir = TempDir::new().expect("a temporary directory");
    let set = stateful_set();
    let start = |index: usize| {
        let mut node = command(&["node"]);
        for (variable, mut value) in variables(&set, &format!("spot-{index}")) {
            // Unix sockets for the names that a cluster would resolve; itself is among them.
            for peer in 0..3 {
                let socket = dir.path().join(peer.to_string());
                let socket = format!("ipc://{}", socket.display());
                value = value.replace(&format!("tcp://spot-{peer}.spot:5555"), &socket);
                if peer == index {
                    value = value.replace("tcp://*:5555", &socket);
                }
            }
            node.env(variable, value.replace("0.0.0.0:8222", "127.0.0.1:0"));
        }
        let mut node = Spot::spawn(node);
        let told = node.wait_for("admin server at http://");
        let told: Value = serde_json::from_str(&told).expect("the log is JSON");
        let message = told["message"].as_str().expect("a message");
        let address = message.rsplit('/').next().expect("an address").to_owned();
        (node, address)
    };
    let health = |address: &str, args: &[&str]| {
        Spot::run(&[&["health", "--admin", address], args].concat()).finish()
    };
    let (first, at_first) = start(0);
    assert_eq!(health(&at_first, &[]).code, Some(0));
    let alone = health(&at_first, &["--ready"]);
    assert_eq!(alone.code, Some(1));
    assert!(alone.reason().contains("1 of 3"), "{}", alone.reason());
    let others = [start(1), start(2)];
    for address in [&at_first, &others[0].1, &others[1].1] {
        let begun = std::time::Instant::now();
        loop {
            let done = health(address, &["--ready"]);
            if done.code == Some(0) {
                break;
            }
            assert!(begun.elapsed() < DEADLINE, "{}", done.reason());
        }
    }
    first.signal(rustix::process::Signal::TERM);
    assert_eq!(first.finish().code, Some(0));
}
