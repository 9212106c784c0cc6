//! libzmq: XPUB and SUB, nothing dropped. A message is one frame, the topic before the payload, which is the quickest
//! way to have topics with libzmq.

use bench_child::{Spec, WAIT, topic_name};
use zmq::{Context, SocketType};

use super::{payload, stamp, stamped};

/// Messages at each end.
const HWM: i32 = 10_000;
const TOPIC_LEN: usize = 9;
const INPROC: &str = "inproc://bench";

pub struct Station {
    context: Context,
    bound: Option<zmq::Socket>,
    connected: Option<zmq::Socket>,
    /// Endpoints within the process differ by their number.
    inproc: usize,
    spec: Spec,
}

pub struct Sender {
    socket: zmq::Socket,
    /// The frame of each topic; of many topics only the name, which is put into the first.
    names: Vec<String>,
    frame: Vec<u8>,
}

pub struct Receiver {
    socket: zmq::Socket,
    frame: Vec<u8>,
}

impl Station {
    pub fn new(spec: &Spec) -> Self {
        Self {
            context: Context::new(),
            bound: None,
            connected: None,
            inproc: 0,
            spec: spec.clone(),
        }
    }

    pub fn sibling(&self) -> Self {
        Self {
            context: self.context.clone(),
            bound: None,
            connected: None,
            inproc: self.inproc + 1,
            spec: self.spec.clone(),
        }
    }

    pub fn bind(&mut self) -> String {
        let socket = self.publishing();
        let endpoint = match self.spec.bind.as_str() {
            "" => "tcp://127.0.0.1:*",
            given => given,
        };
        let endpoint = bind(&socket, endpoint);
        self.bound = Some(socket);
        endpoint
    }

    fn publishing(&self) -> zmq::Socket {
        let mut socket = self.socket(zmq::XPUB);
        set(&mut socket, zmq_sys::ZMQ_XPUB_NODROP, 1);
        socket.set_xpub_verbose(true).expect("an option");
        socket
    }

    fn socket(&self, kind: SocketType) -> zmq::Socket {
        let socket = self.context.socket(kind).expect("a socket");
        let wait_ms = WAIT.as_millis() as i32;
        // Subscriptions are messages as well: where they are all that is sent, none may be dropped.
        let (send, receive) = match kind {
            zmq::SUB | zmq::XSUB => (0, HWM),
            _ => (HWM, 0),
        };
        socket.set_sndhwm(send).expect("an option");
        socket.set_rcvhwm(receive).expect("an option");
        socket.set_rcvtimeo(wait_ms).expect("an option");
        socket.set_sndtimeo(wait_ms).expect("an option");
        socket.set_linger(1000).expect("an option");
        socket
    }

    pub fn sender(&mut self, first_topic: usize) -> Sender {
        let socket = self.bound.take().unwrap_or_else(|| {
            let socket = self.publishing();
            bind(&socket, &self.here());
            socket
        });
        let topics = first_topic..first_topic + self.spec.topics;
        let names: Vec<String> = topics.map(topic_name).collect();
        let mut frame = names[0].clone().into_bytes();
        frame.extend(payload(self.spec.size));
        Sender {
            socket,
            names,
            frame,
        }
    }

    pub fn connect(&mut self, endpoints: &[String]) {
        let socket = self.socket(zmq::SUB);
        for endpoint in endpoints {
            socket.connect(endpoint).expect("an endpoint");
        }
        self.connected = Some(socket);
    }

    pub fn receiver(&mut self, filters: &[String]) -> Receiver {
        let socket = self.connected.take().expect("connected before");
        for filter in filters {
            socket.set_subscribe(filter.as_bytes()).expect("a filter");
        }
        Receiver {
            socket,
            frame: vec![0; TOPIC_LEN + self.spec.size.max(8)],
        }
    }

    /// Where others of this process reach it.
    pub fn here(&self) -> String {
        format!("{INPROC}{}", self.inproc)
    }

    pub fn hub(&mut self) -> (String, String) {
        let (front, back) = (self.socket(zmq::XSUB), self.publishing());
        let endpoints = (
            bind(&front, "tcp://127.0.0.1:*"),
            bind(&back, "tcp://127.0.0.1:*"),
        );
        std::thread::spawn(move || zmq::proxy(&front, &back));
        endpoints
    }

    pub fn join(&mut self, endpoint: &str) {
        let socket = self.publishing();
        socket.connect(endpoint).expect("an endpoint");
        self.bound = Some(socket);
    }
}

impl Sender {
    /// Each is a message that starts with 1.
    pub fn wait_subscriptions(&mut self, count: usize) {
        for _ in 0..count {
            let told = self.socket.recv_bytes(0).expect("subscriptions come");
            assert_eq!(told.first(), Some(&1), "a subscription");
        }
    }

    #[inline]
    pub fn send(&mut self, topic: usize, number: u64) {
        if self.names.len() > 1 {
            self.frame[..TOPIC_LEN].copy_from_slice(self.names[topic].as_bytes());
        }
        stamp(&mut self.frame[TOPIC_LEN..], number);
        self.socket.send(&self.frame[..], 0).expect("sent");
    }
}

impl Receiver {
    #[inline]
    pub fn receive(&mut self) -> u64 {
        let len = self.socket.recv_into(&mut self.frame, 0).expect("received");
        stamped(
            &self.frame[TOPIC_LEN..len.min(self.frame.len())],
            self.frame.len() - TOPIC_LEN,
        )
    }
}

fn bind(socket: &zmq::Socket, endpoint: &str) -> String {
    socket.bind(endpoint).expect("a free port");
    let endpoint = socket.get_last_endpoint().expect("bound");
    endpoint.expect("endpoints are text")
}

/// An option that the crate has no method for.
fn set(socket: &mut zmq::Socket, option: u32, value: i32) {
    // SAFETY: the socket is open, and the value has the length that is told.
    let done = unsafe {
        zmq_sys::zmq_setsockopt(
            socket.as_mut_ptr(),
            option as i32,
            (&raw const value).cast(),
            size_of::<i32>(),
        )
    };
    assert_eq!(done, 0, "option {option}");
}
