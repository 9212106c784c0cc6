//! NATS as a contender of `peers`: two clients and the server between them. What the server takes of the processor is not
//! in the figures of the two.

mod client;
mod server;

use bench_child::{
    Cpu, Role, Spec, hear, now_ns, percentiles, publish_for, report, round_trips_for, say,
    subscribe_until_last, tell_last,
};

use client::Client;
use server::Server;

fn main() {
    let spec = std::env::args().nth(2).expect("--child and a spec");
    let spec: Spec = serde_json::from_str(&spec).expect("the harness writes specs");
    match spec.role {
        Role::Publish => publish(&spec),
        Role::Subscribe => subscribe(&spec),
        Role::Ping => ping(&spec),
        Role::Pong => pong(&spec),
        other => panic!("NATS is not measured as {other:?}"),
    }
}

fn publish(spec: &Spec) {
    let server = Server::start();
    let mut client = Client::connect(&server.address);
    let mut payload = vec![b'x'; spec.size];
    say("endpoint", &server.address);
    say("ready", "");
    hear("go");
    let cpu = Cpu::start();
    let started = now_ns();
    let mut send = |number: u64| {
        payload[..8].copy_from_slice(&number.to_le_bytes());
        client.publish(0, &payload);
    };
    let sent = publish_for(spec.seconds, spec.size, 0, 1, |_, number| send(number));
    tell_last(0, sent, false, |_, number| send(number));
    client.flush();
    hear("end");
    report(&[
        ("cpu_s", cpu.seconds()),
        ("started_ns", started as f64),
        ("sent", sent as f64),
    ]);
    hear("exit");
}

fn subscribe(spec: &Spec) {
    let mut client = Client::connect(&spec.endpoints[0]);
    client.subscribe(0);
    say("ready", "");
    hear("go");
    let cpu = Cpu::start();
    let order = subscribe_until_last(1, || receive(&mut client, spec.size));
    order.check(false);
    report(&[
        ("ended_ns", now_ns() as f64),
        ("cpu_s", cpu.seconds()),
        ("received", order.received as f64),
    ]);
    hear("exit");
}

fn ping(spec: &Spec) {
    let server = Server::start();
    let mut client = Client::connect(&server.address);
    client.subscribe(1);
    let mut payload = vec![b'x'; spec.size];
    say("endpoint", &server.address);
    hear("pong");
    say("ready", "");
    hear("go");
    let cpu = Cpu::start();
    let times = round_trips_for(spec.seconds, |number| {
        payload[..8].copy_from_slice(&number.to_le_bytes());
        client.publish(0, &payload);
        client.flush();
        assert_eq!(receive(&mut client, spec.size), number, "the answer");
    });
    let mut figures = vec![("cpu_s", cpu.seconds()), ("sent", times.len() as f64)];
    figures.extend(percentiles(times));
    report(&figures);
    hear("exit");
}

fn pong(spec: &Spec) {
    let mut client = Client::connect(&spec.endpoints[0]);
    client.subscribe(0);
    say("endpoint", "");
    say("ready", "");
    let mut payload = vec![b'x'; spec.size];
    loop {
        let number = receive(&mut client, spec.size);
        payload[..8].copy_from_slice(&number.to_le_bytes());
        client.publish(1, &payload);
        client.flush();
    }
}

fn receive(client: &mut Client, size: usize) -> u64 {
    let payload = client.receive();
    assert_eq!(payload.len(), size, "bytes of a message");
    u64::from_le_bytes(payload[..8].try_into().expect("eight bytes"))
}
