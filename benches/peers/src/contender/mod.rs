//! The libraries that are measured, behind the same calls.
//!
//! A `Station` is one participant: a node, or a context with its sockets. It gives a `Sender` and a `Receiver`. What
//! these do for each message is what a program that uses the library would do, and nothing besides.

mod c;
mod c_library;
mod memory;
mod rust;
mod tcp;
mod zeromq;

use bench_child::{Contender, Spec};

pub enum Station {
    Rust(rust::Station),
    C(c::Station),
    Zmq(zeromq::Station),
    Tcp(tcp::Station),
    Memory(memory::Station),
}

pub enum Sender {
    Rust(rust::Sender),
    C(c::Sender),
    Zmq(zeromq::Sender),
    Tcp(tcp::Sender),
    Memory(memory::Sender),
}

pub enum Receiver {
    Rust(rust::Receiver),
    C(c::Receiver),
    Zmq(zeromq::Receiver),
    Tcp(tcp::Receiver),
    Memory(memory::Receiver),
}

impl Station {
    pub fn new(spec: &Spec) -> Self {
        match spec.contender {
            Contender::Rust | Contender::RustNamed => Self::Rust(rust::Station::new(spec)),
            Contender::C | Contender::CResolved | Contender::Baseline => {
                Self::C(c::Station::new(spec))
            }
            Contender::Zmq => Self::Zmq(zeromq::Station::new(spec)),
            Contender::Tcp64 => Self::Tcp(tcp::Station::new(spec, 64 * 1024)),
            Contender::Tcp256 => Self::Tcp(tcp::Station::new(spec, 256 * 1024)),
            Contender::Ring | Contender::Futex => Self::Memory(memory::Station::new(spec)),
            Contender::Zenoh | Contender::Nats => {
                unreachable!("it has a program of its own")
            }
        }
    }

    /// Another participant in this process.
    pub fn sibling(&mut self) -> Self {
        match self {
            Self::Rust(station) => Self::Rust(station.sibling()),
            Self::C(station) => Self::C(station.sibling()),
            Self::Zmq(station) => Self::Zmq(station.sibling()),
            Self::Tcp(_) => unreachable!("sockets join processes"),
            Self::Memory(station) => Self::Memory(station.sibling()),
        }
    }

    /// The endpoints by which another participant of this process reaches this one; none where it needs none.
    pub fn here(&self) -> Vec<String> {
        match self {
            Self::Zmq(station) => vec![station.here()],
            _ => Vec::new(),
        }
    }

    /// Accepts others at a TCP port; the endpoint.
    pub fn bind(&mut self) -> String {
        match self {
            Self::Rust(station) => station.bind(),
            Self::C(station) => station.bind(),
            Self::Zmq(station) => station.bind(),
            Self::Tcp(station) => station.bind(),
            Self::Memory(_) => unreachable!("memory joins threads"),
        }
    }

    /// A sender on topics of its own, from number `first_topic` on. Without `bind` before, for this process.
    pub fn sender(&mut self, first_topic: usize) -> Sender {
        match self {
            Self::Rust(station) => Sender::Rust(station.sender(first_topic)),
            Self::C(station) => Sender::C(station.sender(first_topic)),
            Self::Zmq(station) => Sender::Zmq(station.sender(first_topic)),
            Self::Tcp(station) => Sender::Tcp(station.sender()),
            Self::Memory(station) => Sender::Memory(station.sender()),
        }
    }

    /// Connects to those who publish there.
    pub fn connect(&mut self, endpoints: &[String]) {
        match self {
            Self::Rust(station) => station.connect(endpoints),
            Self::C(station) => station.connect(endpoints),
            Self::Zmq(station) => station.connect(endpoints),
            Self::Tcp(station) => station.connect(endpoints),
            Self::Memory(_) => {}
        }
    }

    /// Subscribes to the filters. Returns when in effect, as far as the library can tell.
    pub fn receiver(&mut self, filters: &[String]) -> Receiver {
        match self {
            Self::Rust(station) => Receiver::Rust(station.receiver(filters)),
            Self::C(station) => Receiver::C(station.receiver(filters)),
            Self::Zmq(station) => Receiver::Zmq(station.receiver(filters)),
            Self::Tcp(station) => Receiver::Tcp(station.receiver()),
            Self::Memory(station) => Receiver::Memory(station.receiver()),
        }
    }

    /// Passes on between all that connect here; the endpoints for publishers and for subscribers.
    pub fn hub(&mut self) -> (String, String) {
        match self {
            Self::Rust(station) => station.hub(),
            Self::C(station) => station.hub(),
            Self::Zmq(station) => station.hub(),
            Self::Tcp(_) | Self::Memory(_) => unreachable!("they know no hub"),
        }
    }

    /// Publishes by way of the hub at this endpoint.
    pub fn join(&mut self, endpoint: &str) {
        match self {
            Self::Rust(station) => station.connect(&[endpoint.to_owned()]),
            Self::C(station) => station.connect(&[endpoint.to_owned()]),
            Self::Zmq(station) => station.join(endpoint),
            Self::Tcp(_) | Self::Memory(_) => unreachable!("they know no hub"),
        }
    }
}

impl Sender {
    /// Waits until so many subscribers' subscriptions are in effect, of `filters` filters each.
    pub fn wait_subscribers(&mut self, subscribers: usize, filters: usize) {
        match self {
            Self::Rust(sender) => sender.wait_subscribers(subscribers),
            Self::C(sender) => sender.wait_subscribers(subscribers),
            Self::Zmq(sender) => sender.wait_subscriptions(subscribers * filters),
            Self::Tcp(sender) => sender.wait_subscribers(subscribers),
            Self::Memory(_) => {}
        }
    }

    /// Sends a message with this number on the topic at this place.
    #[inline]
    pub fn send(&mut self, topic: usize, number: u64) {
        match self {
            Self::Rust(sender) => sender.send(topic, number),
            Self::C(sender) => sender.send(topic, number),
            Self::Zmq(sender) => sender.send(topic, number),
            Self::Tcp(sender) => sender.send(topic, number),
            Self::Memory(sender) => sender.send(topic, number),
        }
    }

    /// Leaves nothing in buffers of the harness.
    #[inline]
    pub fn flush(&mut self) {
        if let Self::Tcp(sender) = self {
            sender.flush();
        }
    }
}

impl Receiver {
    /// Waits for a message; its number.
    #[inline]
    pub fn receive(&mut self) -> u64 {
        match self {
            Self::Rust(receiver) => receiver.receive(),
            Self::C(receiver) => receiver.receive(),
            Self::Zmq(receiver) => receiver.receive(),
            Self::Tcp(receiver) => receiver.receive(),
            Self::Memory(receiver) => receiver.receive(),
        }
    }

    /// Messages that the library told to be lost.
    pub fn missed(&self) -> u64 {
        match self {
            Self::Rust(receiver) => receiver.missed,
            Self::C(receiver) => receiver.missed(),
            Self::Zmq(_) | Self::Tcp(_) | Self::Memory(_) => 0,
        }
    }
}

/// A payload of this size; its number is to be written into the first eight bytes.
fn payload(size: usize) -> Vec<u8> {
    vec![b'x'; size.max(8)]
}

/// Puts the number into a payload.
#[inline]
fn stamp(payload: &mut [u8], number: u64) {
    payload[..8].copy_from_slice(&number.to_le_bytes());
}

/// The number in a payload of this size.
#[inline]
fn stamped(payload: &[u8], size: usize) -> u64 {
    assert_eq!(payload.len(), size, "bytes of a message");
    u64::from_le_bytes(payload[..8].try_into().expect("eight bytes"))
}
