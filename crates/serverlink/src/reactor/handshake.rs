//! Who we are to the other side, and who it is to us.

use spot_core::{Hello, LinkPeer};
use zmtp::{Metadata, PeerInfo, SocketType};

use crate::engine::NodeInner;

/// The side that connects is always an XSUB: plain PUB and XPUB sockets refuse anything else.
pub(super) fn metadata_for_dialing(node: &NodeInner) -> Metadata {
    metadata(node, SocketType::XSub)
}

/// The side that is bound answers in kind.
pub(super) fn metadata_to_answer(node: &NodeInner, peer: &PeerInfo) -> Result<Metadata, String> {
    let own = match peer.socket_type {
        SocketType::Sub | SocketType::XSub => SocketType::XPub,
        SocketType::Pub | SocketType::XPub => SocketType::XSub,
        SocketType::Dealer | SocketType::Req => SocketType::Router,
        other => return Err(refusal(other)),
    };
    Ok(metadata(node, own))
}

/// Who the other side is, by its socket type and metadata.
pub(super) fn peer_of(peer: &PeerInfo) -> Result<LinkPeer, String> {
    let hello = Hello::from_properties(|name| peer.metadata.get(name))
        .map_err(|error| error.to_string())?;
    match (hello, peer.socket_type) {
        (Some(hello), SocketType::XSub | SocketType::XPub) => Ok(LinkPeer::Spot(hello)),
        (_, SocketType::Sub | SocketType::XSub) => Ok(LinkPeer::PlainSubscriber),
        (_, SocketType::Pub | SocketType::XPub) => Ok(LinkPeer::PlainPublisher),
        (_, SocketType::Dealer | SocketType::Req) => Ok(LinkPeer::Commander),
        (_, other) => Err(refusal(other)),
    }
}

fn refusal(socket_type: SocketType) -> String {
    format!(
        "the peer is a {} socket; a SPOT port speaks with SPOT nodes, PUB, SUB, XPUB, XSUB, DEALER and REQ",
        socket_type.name()
    )
}

fn metadata(node: &NodeInner, own: SocketType) -> Metadata {
    let mut metadata = Metadata::for_socket(own);
    let hello = node.inspect(|control| control.core.hello());
    for (name, value) in hello.properties() {
        metadata
            .push(name, &value)
            .expect("our own properties are well-formed");
    }
    metadata
}
