//! The fuzz targets' checks on streams that are mostly well-formed, which random bytes never are.

use proptest::collection::vec;
use proptest::prelude::*;
use zmtp::{Handshake, Limits, Metadata, SocketType, command, put_frame};

#[path = "../../../fuzz/src/zmtp.rs"]
#[expect(unreachable_pub, reason = "public for the fuzz targets")]
mod checks;

/// One well-formed frame: a message frame, also a long one, or a command.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let body = prop_oneof![vec(any::<u8>(), 0..20), vec(any::<u8>(), 250..600)];
    (0..6, any::<bool>(), body).prop_map(|(kind, more, body)| {
        let mut wire = Vec::new();
        match kind {
            0 => command::encode_ping(&mut wire, 10, &body[..body.len().min(16)]),
            1 => command::encode_subscribe(&mut wire, &body),
            2 => command::encode_cancel(&mut wire, &body),
            _ => put_frame(&mut wire, more, &body),
        }
        wire
    })
}

fn traffic() -> impl Strategy<Value = Vec<u8>> {
    vec(frame(), 0..8).prop_map(|frames| frames.concat())
}

/// Greeting, READY with an identity, and traffic.
fn connection() -> impl Strategy<Value = Vec<u8>> {
    (vec(any::<u8>(), 0..400), traffic()).prop_map(|(identity, traffic)| {
        let mut local = Metadata::for_socket(SocketType::Dealer);
        local
            .push(Metadata::IDENTITY, &identity)
            .expect("a valid property");
        let mut wire = Handshake::connecting(local, Limits::default()).take_output();
        wire.extend_from_slice(&traffic);
        wire
    })
}

/// `stream` behind a steering octet, with one octet replaced, inserted or removed, or cut off, or as it is.
fn damaged(stream: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let damage = (0..6, any::<prop::sample::Index>(), any::<u8>());
    (any::<u8>(), stream, damage).prop_map(|(steer, mut stream, (kind, index, octet))| {
        if !stream.is_empty() {
            let at = index.index(stream.len());
            match kind {
                0 => stream[at] = octet,
                1 => stream.insert(at, octet),
                2 => drop(stream.remove(at)),
                3 => stream.truncate(at),
                _ => {}
            }
        }
        stream.insert(0, steer);
        stream
    })
}

proptest! {
    #[test]
    fn traffic_is_read_the_same_however_it_is_cut(data in damaged(traffic())) {
        checks::check_decoder(&data);
    }

    #[test]
    fn a_handshake_ends_the_same_however_it_is_cut(data in damaged(connection())) {
        checks::check_handshake(&data);
    }

    #[test]
    fn commands_round_trip(data in damaged(frame())) {
        // Behind the steering octet and a short header lies the body.
        checks::check_command(data.get(3..).unwrap_or_default());
    }

    #[test]
    fn any_bytes_are_survived(data in vec(any::<u8>(), 0..300)) {
        checks::check_decoder(&data);
        checks::check_handshake(&data);
        checks::check_command(&data);
    }
}
