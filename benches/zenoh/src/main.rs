//! Zenoh as a contender of `peers`: two peers over TCP, without scouting, and the publisher waits where there is no room.

use std::io::Read;
use std::net::TcpListener;
use std::time::Duration;

use bench_child::{
    Cpu, Role, Spec, hear, now_ns, percentiles, publish_for, report, round_trips_for, say,
    subscribe_until_last, tell_last, topic_name,
};
use zenoh::handlers::{FifoChannel, FifoChannelHandler};
use zenoh::pubsub::{Publisher, Subscriber};
use zenoh::qos::CongestionControl;
use zenoh::sample::Sample;
use zenoh::{Config, Session, Wait};

/// As much as our queues hold by default.
const QUEUE_MESSAGES: usize = 1000;

type Receiver = Subscriber<FifoChannelHandler<Sample>>;

fn main() {
    let spec = std::env::args().nth(2).expect("--child and a spec");
    let spec: Spec = serde_json::from_str(&spec).expect("the harness writes specs");
    match spec.role {
        Role::Publish => publish(&spec),
        Role::Subscribe => subscribe(&spec),
        Role::Ping => ping(&spec),
        Role::Pong => pong(&spec),
        other => panic!("zenoh is not measured as {other:?}"),
    }
}

fn publish(spec: &Spec) {
    let (session, endpoint) = listening();
    let mut sender = Sender::new(&session, 0, spec.size, false);
    say("endpoint", &endpoint);
    sender.wait_subscriber();
    say("ready", "");
    hear("go");
    let cpu = Cpu::start();
    let started = now_ns();
    let sent = publish_for(spec.seconds, spec.size, 0, 1, |_, number| {
        sender.send(number)
    });
    tell_last(0, sent, false, |_, number| sender.send(number));
    hear("end");
    report(&[
        ("cpu_s", cpu.seconds()),
        ("started_ns", started as f64),
        ("sent", sent as f64),
    ]);
    hear("exit");
}

fn subscribe(spec: &Spec) {
    let session = connected(&spec.endpoints[0]);
    let receiver = receiver(&session, 0);
    say("ready", "");
    hear("go");
    let cpu = Cpu::start();
    let order = subscribe_until_last(1, || receive(&receiver, spec.size));
    order.check(false);
    report(&[
        ("ended_ns", now_ns() as f64),
        ("cpu_s", cpu.seconds()),
        ("received", order.received as f64),
    ]);
    hear("exit");
}

fn ping(spec: &Spec) {
    let (session, endpoint) = listening();
    let receiver = receiver(&session, 1);
    let mut sender = Sender::new(&session, 0, spec.size, true);
    say("endpoint", &endpoint);
    hear("pong");
    sender.wait_subscriber();
    say("ready", "");
    hear("go");
    let cpu = Cpu::start();
    let times = round_trips_for(spec.seconds, |number| {
        sender.send(number);
        assert_eq!(receive(&receiver, spec.size), number, "the answer");
    });
    let mut figures = vec![("cpu_s", cpu.seconds()), ("sent", times.len() as f64)];
    figures.extend(percentiles(times));
    report(&figures);
    hear("exit");
}

fn pong(spec: &Spec) {
    let session = connected(&spec.endpoints[0]);
    let receiver = receiver(&session, 0);
    let mut sender = Sender::new(&session, 1, spec.size, true);
    say("endpoint", "");
    sender.wait_subscriber();
    say("ready", "");
    loop {
        sender.send(receive(&receiver, spec.size));
    }
}

struct Sender<'a> {
    publisher: Publisher<'a>,
    payload: Vec<u8>,
}

impl<'a> Sender<'a> {
    /// `is_express` sends each message at once instead of gathering.
    fn new(session: &'a Session, topic: usize, size: usize, is_express: bool) -> Self {
        let publisher = session
            .declare_publisher(topic_name(topic))
            .congestion_control(CongestionControl::Block)
            .express(is_express)
            .wait()
            .expect("a publisher");
        let payload = vec![b'x'; size];
        Self { publisher, payload }
    }

    fn wait_subscriber(&self) {
        let matches = || self.publisher.matching_status().wait().expect("a status");
        while !matches().matching() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn send(&mut self, number: u64) {
        self.payload[..8].copy_from_slice(&number.to_le_bytes());
        self.publisher.put(&self.payload[..]).wait().expect("sent");
    }
}

fn receiver(session: &Session, topic: usize) -> Receiver {
    session
        .declare_subscriber(topic_name(topic))
        .with(FifoChannel::new(QUEUE_MESSAGES))
        .wait()
        .expect("a subscriber")
}

fn receive(receiver: &Receiver, size: usize) -> u64 {
    let sample = receiver.recv().expect("a message");
    let payload = sample.payload();
    assert_eq!(payload.len(), size, "bytes of a message");
    let mut number = [0; 8];
    payload
        .reader()
        .read_exact(&mut number)
        .expect("eight bytes");
    u64::from_le_bytes(number)
}

/// At a port that was free a moment ago.
fn listening() -> (Session, String) {
    let probe = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = probe.local_addr().expect("bound").port();
    drop(probe);
    let endpoint = format!("tcp/127.0.0.1:{port}");
    (open("listen/endpoints", &endpoint), endpoint)
}

fn connected(endpoint: &str) -> Session {
    open("connect/endpoints", endpoint)
}

fn open(setting: &str, endpoint: &str) -> Session {
    let mut config = Config::default();
    let endpoints = format!("[{endpoint:?}]");
    for (key, value) in [
        ("mode", "\"peer\""),
        ("scouting/multicast/enabled", "false"),
        ("scouting/gossip/enabled", "false"),
        ("listen/endpoints", "[]"),
        (setting, endpoints.as_str()),
    ] {
        config.insert_json5(key, value).expect("a setting");
    }
    zenoh::open(config).wait().expect("a session")
}
