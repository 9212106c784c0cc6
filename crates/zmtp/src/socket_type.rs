//! The Socket-Type property (RFC 37, section "The Socket-Type Property").

use SocketType::*;

/// The type of socket a peer claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SocketType {
    /// REQ.
    Req,
    /// REP.
    Rep,
    /// DEALER.
    Dealer,
    /// ROUTER.
    Router,
    /// PUB.
    Pub,
    /// XPUB.
    XPub,
    /// SUB.
    Sub,
    /// XSUB.
    XSub,
    /// PUSH.
    Push,
    /// PULL.
    Pull,
    /// PAIR.
    Pair,
    /// CLIENT.
    Client,
    /// SERVER.
    Server,
    /// RADIO.
    Radio,
    /// DISH.
    Dish,
    /// SCATTER.
    Scatter,
    /// GATHER.
    Gather,
    /// PEER.
    Peer,
    /// CHANNEL.
    Channel,
}

const NAMES: [(SocketType, &str); 19] = [
    (Req, "REQ"),
    (Rep, "REP"),
    (Dealer, "DEALER"),
    (Router, "ROUTER"),
    (Pub, "PUB"),
    (XPub, "XPUB"),
    (Sub, "SUB"),
    (XSub, "XSUB"),
    (Push, "PUSH"),
    (Pull, "PULL"),
    (Pair, "PAIR"),
    (Client, "CLIENT"),
    (Server, "SERVER"),
    (Radio, "RADIO"),
    (Dish, "DISH"),
    (Scatter, "SCATTER"),
    (Gather, "GATHER"),
    (Peer, "PEER"),
    (Channel, "CHANNEL"),
];

impl SocketType {
    /// The name on the wire, such as `"XPUB"`.
    pub fn name(self) -> &'static str {
        NAMES[self as usize].1
    }

    /// The type of that name on the wire; upper case only, as in the RFC's grammar.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        let (socket_type, _) = NAMES.iter().find(|(_, known)| known.as_bytes() == name)?;
        Some(*socket_type)
    }

    /// Whether RFC 37's table of legal combinations allows a connection between the two.
    ///
    /// ```
    /// use zmtp::SocketType;
    /// assert!(SocketType::XSub.may_talk_to(SocketType::Pub));
    /// assert!(!SocketType::XSub.may_talk_to(SocketType::Sub));
    /// ```
    pub fn may_talk_to(self, peer: SocketType) -> bool {
        matches!(
            (self, peer),
            (Req, Rep | Router)
                | (Rep, Req | Dealer)
                | (Dealer, Rep | Dealer | Router)
                | (Router, Req | Dealer | Router)
                | (Pub | XPub, Sub | XSub)
                | (Sub | XSub, Pub | XPub)
                | (Push, Pull)
                | (Pull, Push)
                | (Pair, Pair)
                | (Client, Server)
                | (Server, Client)
                | (Radio, Dish)
                | (Dish, Radio)
                | (Scatter, Gather)
                | (Gather, Scatter)
                | (Peer, Peer)
                | (Channel, Channel)
        )
    }
}

impl std::fmt::Display for SocketType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for (index, (socket_type, name)) in NAMES.iter().enumerate() {
            assert_eq!(*socket_type as usize, index);
            assert_eq!(socket_type.name(), *name);
            assert_eq!(SocketType::from_name(name.as_bytes()), Some(*socket_type));
        }
        assert_eq!(SocketType::from_name(b"xpub"), None);
        assert_eq!(SocketType::from_name(b""), None);
    }

    #[test]
    fn legal_combinations_are_symmetric() {
        for (one, _) in NAMES {
            assert!(NAMES.iter().any(|(other, _)| one.may_talk_to(*other)));
            for (other, _) in NAMES {
                assert_eq!(one.may_talk_to(other), other.may_talk_to(one));
            }
        }
    }
}
