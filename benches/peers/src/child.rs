//! What a process does that the harness started, by its role.

mod counted;
mod standing;

use std::thread;

use bench_child::{
    Contender, Cpu, Order, Overflow, Role, Spec, hear, now_ns, percentiles, publish_for, report,
    round_trips_for, say, subscribe_until_last, tell_last, topic_name,
};

use crate::contender::{Receiver, Sender, Station};

pub fn run(spec: &Spec) {
    match spec.role {
        Role::Publish => publish(spec),
        Role::Subscribe => subscribe(spec),
        Role::Hub => hub(spec),
        Role::Ping => ping(spec),
        Role::Pong => pong(spec),
        Role::Threads => threads(spec),
        Role::SameThread => same_thread(spec),
        Role::ThreadRoundTrip => thread_round_trip(spec),
        Role::Host => standing::host(spec),
        Role::Hold => standing::hold(spec),
        Role::Beat => standing::beat(spec),
        Role::Outlive => standing::outlive(spec),
        Role::Count => counted::messages(spec),
        Role::Codec => counted::codec(spec),
    }
}

fn publish(spec: &Spec) {
    let mut station = Station::new(spec);
    let endpoint = if spec.relayed {
        station.join(&spec.endpoints[0]);
        String::new()
    } else {
        station.bind()
    };
    let mut sender = station.sender(spec.first_topic);
    say("endpoint", &endpoint);
    sender.wait_subscribers(spec.subscribers, filters_heard(spec));
    say("ready", "");
    hear("go");

    let cpu = Cpu::start();
    let started = now_ns();
    let sent = send_all(spec, &mut sender);
    hear("end");
    report(&[
        ("cpu_s", cpu.seconds()),
        ("started_ns", started as f64),
        ("sent", sent as f64),
    ]);
    hear("exit");
}

/// How many filters of each subscriber reach a publisher.
fn filters_heard(spec: &Spec) -> usize {
    spec.filter_names().len()
}

/// All of the run and its last message; how many that were without it.
fn send_all(spec: &Spec, sender: &mut Sender) -> u64 {
    let publisher = spec.first_topic / spec.topics;
    let sent = publish_for(spec.seconds, spec.size, publisher, spec.topics, |t, n| {
        sender.send(t, n);
    });
    let may_lose = spec.overflow == Overflow::DropNewest;
    tell_last(publisher, sent, may_lose, |topic, number| {
        sender.send(topic, number)
    });
    sender.flush();
    sent
}

fn subscribe(spec: &Spec) {
    let mut station = Station::new(spec);
    station.connect(&spec.endpoints);
    let mut receiver = station.receiver(&spec.filter_names());
    say("ready", "");
    hear("go");

    let cpu = Cpu::start();
    let order = receive_all(spec, &mut receiver);
    report(&[
        ("ended_ns", now_ns() as f64),
        ("cpu_s", cpu.seconds()),
        ("received", order.received as f64),
        ("missed", order.skipped as f64),
    ]);
    hear("exit");
}

fn receive_all(spec: &Spec, receiver: &mut Receiver) -> Order {
    let mut order = subscribe_until_last(spec.publishers, || receiver.receive());
    order.told = receiver.missed();
    order.check(spec.overflow == Overflow::DropNewest);
    order
}

fn hub(spec: &Spec) {
    let mut station = Station::new(spec);
    let (front, back) = station.hub();
    say("endpoint", &front);
    say("endpoint", &back);
    hear("go");
    let cpu = Cpu::start();
    hear("end");
    report(&[("cpu_s", cpu.seconds())]);
    hear("exit");
}

fn ping(spec: &Spec) {
    let mut station = Station::new(spec);
    say("endpoint", &station.bind());
    let mut sender = station.sender(0);
    let pong = hear("pong");
    sender.wait_subscribers(1, 1);
    let mut receiver = match &sender {
        Sender::Tcp(sender) => Receiver::Tcp(sender.answers()),
        _ => {
            station.connect(&[pong]);
            station.receiver(&[topic_name(1)])
        }
    };
    say("ready", "");
    hear("go");
    report_round_trips(spec, &mut sender, &mut receiver);
    hear("exit");
}

fn report_round_trips(spec: &Spec, sender: &mut Sender, receiver: &mut Receiver) {
    let cpu = Cpu::start();
    let times = round_trips_for(spec.seconds, |number| {
        sender.send(0, number);
        sender.flush();
        assert_eq!(receiver.receive(), number, "the answer");
    });
    let trips = times.len() as f64;
    let mut figures = vec![("cpu_s", cpu.seconds()), ("sent", trips)];
    figures.extend(percentiles(times));
    report(&figures);
}

fn pong(spec: &Spec) {
    let mut station = Station::new(spec);
    // A sender that answers over the connection of a receiver has none of its own.
    let is_tcp = matches!(spec.contender, Contender::Tcp64 | Contender::Tcp256);
    if is_tcp {
        say("endpoint", "");
    } else {
        say("endpoint", &station.bind());
    }
    station.connect(&spec.endpoints);
    let mut receiver = station.receiver(&[topic_name(0)]);
    let mut sender = station.sender(1);
    sender.wait_subscribers(1, 1);
    say("ready", "");
    answer(&mut sender, &mut receiver);
}

/// Until the process or the thread is told to end, which is by the harness or by [`bench_child::LAST`].
fn answer(sender: &mut Sender, receiver: &mut Receiver) {
    loop {
        let number = receiver.receive();
        if number & bench_child::LAST != 0 {
            return;
        }
        sender.send(0, number);
        sender.flush();
    }
}

fn threads(spec: &Spec) {
    let mut station = Station::new(spec);
    let mut sender = station.sender(0);
    station.connect(&station.here());
    let mut receiver = station.receiver(&spec.filter_names());
    sender.wait_subscribers(1, filters_heard(spec));
    say("ready", "");
    hear("go");
    let cpu = Cpu::start();
    let started = now_ns();
    let ended = thread::scope(|scope| {
        let receiving = scope.spawn(|| {
            receive_all(spec, &mut receiver);
            now_ns()
        });
        let sent = send_all(spec, &mut sender);
        (receiving.join().expect("all arrive"), sent)
    });
    report(&[
        ("started_ns", started as f64),
        ("ended_ns", ended.0 as f64),
        ("sent", ended.1 as f64),
        ("cpu_s", cpu.seconds()),
    ]);
    hear("exit");
}

fn same_thread(spec: &Spec) {
    let mut station = Station::new(spec);
    let mut sender = station.sender(0);
    station.connect(&station.here());
    let mut receiver = station.receiver(&spec.filter_names());
    sender.wait_subscribers(1, filters_heard(spec));
    say("ready", "");
    hear("go");
    let cpu = Cpu::start();
    let started = now_ns();
    let sent = publish_for(spec.seconds, spec.size, 0, spec.topics, |topic, number| {
        sender.send(topic, number);
        assert_eq!(receiver.receive(), number, "the message just sent");
    });
    let taken = (now_ns() - started) as f64;
    report(&[
        ("each_ns", taken / sent as f64),
        ("sent", sent as f64),
        ("cpu_s", cpu.seconds()),
    ]);
    hear("exit");
}

fn thread_round_trip(spec: &Spec) {
    let mut here = Station::new(spec);
    let mut there = here.sibling();
    let mut sender = here.sender(0);
    let mut answers = there.sender(1);
    there.connect(&here.here());
    here.connect(&there.here());
    let mut asked = there.receiver(&[topic_name(0)]);
    let mut receiver = here.receiver(&[topic_name(1)]);
    sender.wait_subscribers(1, 1);
    answers.wait_subscribers(1, 1);
    say("ready", "");
    hear("go");
    thread::spawn(move || answer(&mut answers, &mut asked));
    report_round_trips(spec, &mut sender, &mut receiver);
    hear("exit");
}
