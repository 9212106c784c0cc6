//! Checks of the crate `spot-core`. Each takes any bytes; a panic is a finding.

use spot_core::{Endpoint, Frame, Glob, LinkId, LinkPeer, Node, NodeConfig, NodeId};
use spot_core::{Hello, Incarnation, Role};

/// A frame that is understood means the same when it is encoded and read again.
pub fn check_frame(data: &[u8]) {
    if let Ok(frame) = Frame::decode(data) {
        assert_eq!(Frame::decode(&frame.to_vec()), Ok(frame));
    }
}

/// A node takes any frames from a peer, in any order. The input is a row of frames, each after its length octet.
pub fn check_node(mut data: &[u8]) {
    let mut node = Node::new(NodeConfig::new(NodeId([1; 16]), Incarnation(1), 1));
    let _ = node.create_topic("a");
    let link: LinkId = node.accept(String::from("fuzz"));
    let peer = Hello {
        node: NodeId([2; 16]),
        incarnation: Incarnation(1),
        name: String::new(),
        endpoints: Vec::new(),
        role: Role::Node,
    };
    node.link_up(0, link, LinkPeer::Spot(peer));
    while let Some((&length, rest)) = data.split_first() {
        let (frame, rest) = rest.split_at(rest.len().min(usize::from(length)));
        data = rest;
        let taken = node.handle_frame(0, link, frame);
        while node.poll_output().is_some() {}
        if taken.is_err() {
            node.link_closed(0, link, "refused");
        }
    }
}

/// Endpoints and patterns are parsed without panics; what is parsed prints as itself. First octet: which of the two.
pub fn check_texts(data: &[u8]) {
    let Some((which, text)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    if which & 1 == 0 {
        if let Ok(endpoint) = Endpoint::parse_bind(text) {
            assert_eq!(Endpoint::parse_bind(&endpoint.to_string()), Ok(endpoint));
        }
    } else if let Some((pattern, topic)) = text.split_once('\n')
        && let Ok(glob) = Glob::new(pattern)
    {
        glob.matches(topic);
    }
}
