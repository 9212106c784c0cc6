//! Roles that do the same work each time, for callgrind, which counts their instructions.

use std::hint::black_box;

use bench_child::Spec;
use spot_core::frame::{Data, put_data_header};

use crate::contender::Station;

/// Publishes to as many subscribers as wanted, and receives with each, message by message. They are of this process;
/// `relayed` puts TCP between them.
pub fn messages(spec: &Spec) {
    let mut station = Station::new(spec);
    let endpoints = if spec.relayed {
        vec![station.bind()]
    } else {
        station.here()
    };
    let mut sender = station.sender(0);
    let mut receivers = Vec::new();
    for _ in 0..spec.subscribers {
        let mut other = if spec.relayed {
            Station::new(spec)
        } else {
            station.sibling()
        };
        other.connect(&endpoints);
        receivers.push(other.receiver(&spec.filter_names()));
    }
    sender.wait_subscribers(spec.subscribers, 1);
    for number in 0..spec.messages {
        sender.send(0, number);
        for receiver in &mut receivers {
            assert_eq!(receiver.receive(), number, "the message just sent");
        }
    }
}

/// The frame of a message, written and read, as often as wanted.
pub fn codec(spec: &Spec) {
    let payload = vec![b'x'; spec.size];
    let mut frame = Vec::with_capacity(2 * spec.size);
    for number in 0..spec.messages {
        bench_encode(&mut frame, number, &payload);
        assert_eq!(bench_decode(&frame), number, "the number just written");
    }
}

/// A function of its own, so that callgrind tells it from others.
#[inline(never)]
#[unsafe(no_mangle)]
extern "Rust" fn bench_encode(frame: &mut Vec<u8>, number: u64, payload: &[u8]) {
    frame.clear();
    put_data_header(frame, 1, black_box(number));
    frame.extend_from_slice(payload);
}

#[inline(never)]
#[unsafe(no_mangle)]
extern "Rust" fn bench_decode(frame: &[u8]) -> u64 {
    let data = Data::decode(black_box(frame)).expect("a data frame");
    black_box(data.expect("well formed")).sequence
}
