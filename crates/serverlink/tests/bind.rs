//! Binding endpoints.

mod common;

use std::net::TcpStream;
use std::path::PathBuf;

use common::*;
use serverlink::{BindError, Context, Node, StartError};

/// A node that links to `endpoint` gets what `host` publishes there.
fn assert_reachable(host: &Node, context: &Context, endpoint: &str) {
    let _ = host.create_topic("t");
    let client = context.node().start().unwrap();
    client.add_peer(endpoint).unwrap();
    client.sync(WAIT).unwrap();
    let subscriber = subscribed(&client, &["t"]);
    host.publish("t", "1").unwrap();
    assert_eq!(text(&subscriber), "1");
}

/// A path for a socket that nobody else uses, removed at the end.
struct SocketPath(PathBuf);

impl SocketPath {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("slk-{}-{name}", std::process::id())))
    }

    fn endpoint(&self) -> String {
        format!("ipc://{}", self.0.display())
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn port_0_is_a_free_port_that_the_node_tells() {
    let node = quick().start().unwrap();
    assert_eq!(node.last_endpoint(), None);
    let first = node.bind("tcp://127.0.0.1:0").unwrap();
    assert_eq!(node.last_endpoint(), Some(first.clone()));
    let second = node.bind("tcp://127.0.0.1:0").unwrap();
    assert_eq!(node.last_endpoint(), Some(second.clone()));
    assert_ne!(first, second);
    for endpoint in [first, second] {
        let port: u16 = endpoint.rsplit(':').next().unwrap().parse().unwrap();
        assert_ne!(port, 0);
        TcpStream::connect(("127.0.0.1", port)).unwrap();
    }
}

#[test]
fn several_binds_lead_to_one_node() {
    let context = Context::new().unwrap();
    let path = SocketPath::new("several");
    let host = Node::builder()
        .bind("tcp://127.0.0.1:0")
        .bind("tcp://127.0.0.1:0")
        .bind("tcp://[::1]:0")
        .bind("tcp://*:0")
        .bind(path.endpoint())
        .start()
        .unwrap();
    let port = host
        .bind("tcp://*:0")
        .unwrap()
        .rsplit(':')
        .next()
        .unwrap()
        .to_owned();
    for host_part in ["127.0.0.1", "[::1]", "localhost"] {
        assert_reachable(&host, &context, &format!("tcp://{host_part}:{port}"));
    }
    assert_reachable(&host, &context, &path.endpoint());
}

#[test]
fn an_ipv6_address_is_bound_in_brackets() {
    let context = Context::new().unwrap();
    let host = Node::builder().bind("tcp://[::1]:0").start().unwrap();
    let endpoint = endpoint(&host);
    assert!(endpoint.starts_with("tcp://[::1]:"), "{endpoint}");
    assert_reachable(&host, &context, &endpoint);
}

#[test]
fn a_path_is_bound_and_released() {
    let context = Context::new().unwrap();
    let path = SocketPath::new("released");
    for _ in 0..2 {
        let host = quick().bind(path.endpoint()).start().unwrap();
        assert_eq!(host.last_endpoint(), Some(path.endpoint()));
        assert!(matches!(
            quick().start().unwrap().bind(&path.endpoint()),
            Err(BindError::InUse { endpoint }) if endpoint == path.endpoint()
        ));
        assert_reachable(&host, &context, &path.endpoint());
        host.close();
        assert!(!path.0.exists());
    }
}

#[test]
fn the_socket_file_of_a_dead_program_is_replaced() {
    let path = SocketPath::new("stale");
    drop(std::os::unix::net::UnixListener::bind(&path.0).unwrap());
    assert!(path.0.exists());
    let host = quick().bind(path.endpoint()).start().unwrap();
    assert_reachable(&host, &Context::new().unwrap(), &path.endpoint());
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let path = SocketPath::new("file");
    std::fs::write(&path.0, "precious").unwrap();
    assert!(quick().start().unwrap().bind(&path.endpoint()).is_err());
    assert_eq!(std::fs::read(&path.0).unwrap(), b"precious");
}

#[test]
fn a_name_is_bound_within_its_context() {
    let context = Context::new().unwrap();
    let host = context.node().bind("inproc://here").start().unwrap();
    assert_reachable(&host, &context, "inproc://here");
    let other = context.node().start().unwrap();
    assert!(matches!(
        other.bind("inproc://here"),
        Err(BindError::InUse { .. })
    ));
    quick().bind("inproc://here").start().unwrap();
    host.close();
    other.bind("inproc://here").unwrap();
}

#[test]
fn a_peer_may_wait_for_a_name_to_be_bound() {
    let context = Context::new().unwrap();
    let client = context
        .node()
        .options(|options| options.reconnect_max = std::time::Duration::from_millis(100))
        .peer("inproc://later")
        .start()
        .unwrap();
    let subscriber = client.subscribe(["t"]).unwrap();
    let host = context
        .node()
        .topic("t")
        .bind("inproc://later")
        .start()
        .unwrap();
    host.wait_subscribers("t", 1, WAIT).unwrap();
    host.publish("t", "1").unwrap();
    assert_eq!(text(&subscriber), "1");
}

#[test]
fn an_endpoint_is_bound_once_by_a_node() {
    let path = SocketPath::new("once");
    let node = bound();
    for endpoint in [endpoint(&node), path.endpoint(), "inproc://once".into()] {
        let _ = node.bind(&endpoint);
        assert!(
            matches!(node.bind(&endpoint), Err(BindError::AlreadyBound { endpoint: told }) if told == endpoint),
            "{endpoint}"
        );
    }
}

#[test]
fn an_address_in_use_is_told() {
    let holder = bound();
    let node = quick().start().unwrap();
    assert!(matches!(
        node.bind(&endpoint(&holder)),
        Err(BindError::InUse { endpoint: told }) if told == endpoint(&holder)
    ));
    assert_eq!(node.last_endpoint(), None);
    let (_listener, foreign) = mute_listener();
    assert!(matches!(node.bind(&foreign), Err(BindError::InUse { .. })));
}

#[test]
fn a_foreign_address_is_not_available() {
    let node = quick().start().unwrap();
    assert!(matches!(
        node.bind("tcp://192.0.2.1:0"),
        Err(BindError::NotAvailable { .. })
    ));
}

#[test]
fn malformed_endpoints_are_refused() {
    let node = quick().start().unwrap();
    for endpoint in [
        "",
        "tcp://127.0.0.1",
        "tcp://*:x",
        "udp://*:1",
        "ipc://",
        "inproc://",
        "5555",
    ] {
        assert!(
            matches!(node.bind(endpoint), Err(BindError::InvalidEndpoint(_))),
            "{endpoint:?}"
        );
    }
}

#[test]
fn a_failed_start_leaves_nothing_bound() {
    let holder = bound();
    let free = dead_endpoint();
    let failed = quick().bind(&free).bind(endpoint(&holder)).start();
    assert!(matches!(
        failed,
        Err(StartError::Bind(BindError::InUse { .. }))
    ));
    quick().bind(&free).start().unwrap();
}

#[test]
fn a_released_port_can_be_bound_again_although_connections_were_made_to_it() {
    let context = Context::new().unwrap();
    let address = dead_endpoint();
    for _ in 0..3 {
        let host = quick().bind(&address).start().unwrap();
        assert_reachable(&host, &context, &address);
        host.close();
    }
}

#[test]
fn a_port_is_released_when_close_returns() {
    let address = dead_endpoint();
    for _ in 0..50 {
        quick().bind(&address).start().unwrap().close();
    }
}
