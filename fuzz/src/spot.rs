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

/// A member takes whatever its neighbours tell of members, and any packets of theirs, at any time. The input is a row of
/// frame bodies, each after an octet that says by which of two links it comes, what it is and whether time passes, and
/// one with its length.
pub fn check_members(mut data: &[u8]) {
    let mut node = Node::new(NodeConfig::new(NodeId([1; 16]), Incarnation(1), 1));
    let links = [2, 3].map(|number| {
        let link = node.accept(String::from("tcp://127.0.0.1:9"));
        let peer = Hello {
            node: NodeId([number; 16]),
            incarnation: Incarnation(1),
            name: String::new(),
            endpoints: Vec::new(),
            role: Role::Node,
        };
        node.link_up(0, link, LinkPeer::Spot(peer));
        link
    });
    let mut now_ms = 0;
    while let [how, length, rest @ ..] = data {
        let (body, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        data = rest;
        let link = links[usize::from(how & 1)];
        let mut frame = match how >> 1 & 3 {
            0 => vec![0x50],
            1 => [&[0x51][..], &[1; 16], &[0]].concat(),
            2 => [&[0x51][..], &[3; 16], &[0]].concat(),
            _ => [&[0x51][..], &[9; 16], &[8]].concat(),
        };
        frame.extend_from_slice(body);
        now_ms += u64::from(how >> 3) * 500;
        node.handle_timeout(now_ms);
        // What is refused changes nothing; a driver would close the link.
        let _ = node.handle_frame(now_ms, link, &frame);
        while node.poll_output().is_some() {}
        let seen = node.cluster();
        assert!(seen.reachable <= seen.members.len() && seen.members.len() < 5000);
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
