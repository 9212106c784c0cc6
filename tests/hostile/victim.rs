//! The node that is attacked.

use serverlink::{Events, LinkRejections, Node};
use spot_core::frame::{Frame, kind};
use spot_core::{Hello, Incarnation, NodeId, Role};
use wire_tests::{Bystanders, RawPeer, next_rejection, server};
use zmtp::{Metadata, SocketType};

/// A node under attack, with a link whose traffic must go on meanwhile.
pub(crate) struct Victim {
    pub(crate) node: Node,
    pub(crate) endpoint: String,
    events: Events,
    bystanders: Bystanders,
    /// What must have been counted so far.
    expected: LinkRejections,
}

/// Which side decides on the use of a SPOT link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decides {
    Victim,
    Attacker,
}

impl Victim {
    pub(crate) fn new() -> Self {
        let (node, endpoint) = server();
        let bystanders = Bystanders::start(&node, &endpoint);
        let events = node.events();
        Self {
            node,
            endpoint,
            events,
            bystanders,
            expected: LinkRejections::default(),
        }
    }

    /// A connection that has not said anything.
    pub(crate) fn connect(&self) -> RawPeer {
        RawPeer::connect(&self.endpoint)
    }

    /// A link of a SPOT node in use; what the victim says of itself at first has been read.
    pub(crate) fn link(&self) -> RawPeer {
        let (mut peer, _) = RawPeer::join(&self.endpoint, 1, &spot(Decides::Victim));
        let mut heard = Vec::new();
        // USE, and the topics, after which the peer may be heard.
        while heard.len() < 2 {
            let frame = peer.frame().expect("the link comes into use");
            if !frame.command {
                heard.push(frame.body);
            }
        }
        assert_eq!(heard[0], Frame::Use.to_vec());
        peer
    }

    /// The connection was closed for something its handshake was refused for.
    #[track_caller]
    pub(crate) fn refuses_handshake(&mut self, peer: RawPeer, reason: &str) {
        self.expected.handshake += 1;
        self.closes(peer, reason);
    }

    /// The connection was closed for something said after the handshake.
    #[track_caller]
    pub(crate) fn refuses(&mut self, peer: RawPeer, reason: &str) {
        self.expected.protocol += 1;
        self.closes(peer, reason);
    }

    /// Nothing was closed, and traffic goes on.
    #[track_caller]
    pub(crate) fn is_well(&self) {
        self.bystanders.go_on();
        assert_eq!(self.node.stats().rejected, self.expected);
    }

    #[track_caller]
    fn closes(&self, peer: RawPeer, reason: &str) {
        peer.wait_closed();
        let told = next_rejection(&self.events);
        assert!(told.contains(reason), "{told:?} does not say {reason:?}");
        self.is_well();
    }
}

/// The next message that is not about members or what its topics amount to, which a node tells of at any time.
#[track_caller]
pub(crate) fn answer(peer: &mut RawPeer) -> Vec<Vec<u8>> {
    loop {
        let message = peer.message();
        let unasked = [kind::MEMBERS, kind::GOSSIP, kind::DIGEST];
        if !message[0]
            .first()
            .is_some_and(|kind| unasked.contains(kind))
        {
            return message;
        }
    }
}

/// What a SPOT node says of itself.
pub(crate) fn spot(decides: Decides) -> Metadata {
    // The smaller id decides.
    let id = match decides {
        Decides::Victim => NodeId([0xff; 16]),
        Decides::Attacker => NodeId([0; 16]),
    };
    let hello = Hello {
        node: id,
        incarnation: Incarnation(1),
        name: "attacker".into(),
        endpoints: Vec::new(),
        role: Role::Node,
    };
    let mut metadata = Metadata::for_socket(SocketType::XSub);
    for (name, value) in hello.properties() {
        metadata.push(name, &value).expect("well-formed");
    }
    metadata
}

/// A SPOT frame as it goes over the wire.
pub(crate) fn on_the_wire(body: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    zmtp::put_frame(&mut wire, false, body);
    wire
}
