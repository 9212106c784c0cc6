//! Who we are to the other side, and who it is to us.

use spot_core::{Hello, HelloError, LinkPeer};
use zmtp::{HandshakeError, Metadata, PeerInfo, SocketType};

use super::fault::Fault;
use crate::data::HandshakeFailure;
use crate::engine::NodeInner;

/// The side that connects is always an XSUB: plain PUB and XPUB sockets refuse anything else.
pub(super) fn metadata_for_dialing(node: &NodeInner) -> Metadata {
    metadata(node, SocketType::XSub)
}

/// The side that is bound answers in kind.
pub(super) fn metadata_to_answer(node: &NodeInner, peer: &PeerInfo) -> Result<Metadata, Fault> {
    let own = match peer.socket_type {
        SocketType::Sub | SocketType::XSub => SocketType::XPub,
        SocketType::Pub | SocketType::XPub => SocketType::XSub,
        SocketType::Dealer | SocketType::Req => SocketType::Router,
        other => return Err(refusal(other)),
    };
    Ok(metadata(node, own))
}

/// Who the other side is, by its socket type and metadata.
pub(super) fn peer_of(peer: &PeerInfo) -> Result<LinkPeer, Fault> {
    let hello = Hello::from_properties(|name| peer.metadata.get(name)).map_err(|error| {
        let why = match error {
            HelloError::Version { .. } => HandshakeFailure::Version,
            _ => HandshakeFailure::Identity,
        };
        Fault::handshake(why, error)
    })?;
    match (hello, peer.socket_type) {
        (Some(hello), SocketType::XSub | SocketType::XPub) => Ok(LinkPeer::Spot(hello)),
        (_, SocketType::Sub | SocketType::XSub) => Ok(LinkPeer::PlainSubscriber),
        (_, SocketType::Pub | SocketType::XPub) => Ok(LinkPeer::PlainPublisher),
        (_, SocketType::Dealer | SocketType::Req) => Ok(LinkPeer::Commander),
        (_, other) => Err(refusal(other)),
    }
}

/// Which counter counts an error of a handshake.
pub(super) fn failure_of(error: &HandshakeError) -> HandshakeFailure {
    match error {
        HandshakeError::NotZmtp { .. } => HandshakeFailure::Greeting,
        HandshakeError::OldVersion { .. } => HandshakeFailure::Version,
        HandshakeError::Mechanism { .. } => HandshakeFailure::Mechanism,
        HandshakeError::MissingSocketType | HandshakeError::UnknownSocketType { .. } => {
            HandshakeFailure::SocketType
        }
        HandshakeError::PeerError(_) => HandshakeFailure::RefusedByPeer,
        HandshakeError::MessageBeforeReady { .. }
        | HandshakeError::Frame(_)
        | HandshakeError::Command(_)
        | HandshakeError::UnexpectedCommand { .. } => HandshakeFailure::Malformed,
    }
}

fn refusal(socket_type: SocketType) -> Fault {
    let reason = format!(
        "the peer is a {} socket; a SPOT port speaks with SPOT nodes, PUB, SUB, XPUB, XSUB, DEALER and REQ",
        socket_type.name()
    );
    Fault::handshake(HandshakeFailure::SocketType, reason)
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
