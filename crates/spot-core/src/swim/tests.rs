use proptest::collection::vec;
use proptest::prelude::*;

use super::codec::{Packet, PacketCodec};
use super::*;

fn life(number: u8, incarnation: u64, returns: u64) -> Life {
    Life {
        node: NodeId([number; 16]),
        incarnation: Incarnation(incarnation),
        returns,
    }
}

fn any_life() -> impl Strategy<Value = Life> {
    (any::<u8>(), any::<u64>(), any::<u64>())
        .prop_map(|(number, incarnation, returns)| life(number, incarnation, returns))
}

fn any_message() -> impl Strategy<Value = Message<Life>> {
    (0..10u8, any::<u8>(), any_life()).prop_map(|(which, probe_number, other)| match which {
        0 => Message::Ping(probe_number),
        1 => Message::Ack(probe_number),
        2 => Message::PingReq {
            target: other,
            probe_number,
        },
        3 => Message::IndirectPing {
            origin: other,
            probe_number,
        },
        4 => Message::IndirectAck {
            target: other,
            probe_number,
        },
        5 => Message::ForwardedAck {
            origin: other,
            probe_number,
        },
        6 => Message::Announce,
        7 => Message::Feed,
        8 => Message::Gossip,
        _ => Message::TurnUndead,
    })
}

proptest! {
    #[test]
    fn headers_and_members_survive_a_round_trip(
        src in any_life(), dst in any_life(), src_incarnation: u16, message in any_message(), state in 0..3u8,
    ) {
        let header = Header { src: src.clone(), src_incarnation, dst, message };
        let mut bytes = Vec::new();
        PacketCodec.encode_header(&header, &mut bytes).unwrap();
        prop_assert_eq!(PacketCodec.decode_header(&bytes[..]).unwrap(), header);
        let state = [State::Alive, State::Suspect, State::Down][usize::from(state)];
        let member = Member::new(src, src_incarnation, state);
        let mut bytes = Vec::new();
        PacketCodec.encode_member(&member, &mut bytes).unwrap();
        prop_assert_eq!(PacketCodec.decode_member(&bytes[..]).unwrap(), member);
    }

    #[test]
    fn no_packet_panics(bytes in vec(any::<u8>(), 0..200), flips in vec((0..200usize, any::<u8>()), 0..4)) {
        let _ = Packet::decode(&bytes);
        let (mut a, mut b) = pair();
        b.announce(0, NodeId([1; 16]));
        while let Some((_, packet)) = b.poll_packet() {
            let mut packet = packet.to_vec();
            for (at, value) in &flips {
                let at = at % packet.len();
                packet[at] = *value;
            }
            if Packet::decode(&packet).is_ok() {
                a.receive(0, &packet);
            }
        }
        a.receive(0, &bytes);
        a.handle_timeout(10_000);
    }
}

fn pair() -> (Swim, Swim) {
    let swim = |number| Swim::new(NodeId([number; 16]), Incarnation(1), u64::from(number));
    (swim(1), swim(2))
}

/// Lets packets travel between two at once, and time pass, up to `end_ms`; in `cut` they are lost.
fn run(a: &mut Swim, b: &mut Swim, now_ms: &mut u64, end_ms: u64, cut: bool) {
    while *now_ms < end_ms {
        loop {
            let (to_b, to_a) = (a.poll_packet(), b.poll_packet());
            if to_b.is_none() && to_a.is_none() {
                break;
            }
            if !cut {
                to_b.inspect(|(_, packet)| b.receive(*now_ms, packet));
                to_a.inspect(|(_, packet)| a.receive(*now_ms, packet));
            }
        }
        *now_ms += 50;
        a.handle_timeout(*now_ms);
        b.handle_timeout(*now_ms);
    }
}

fn state(swim: &Swim) -> Option<State> {
    swim.states().map(|(_, _, state)| state).next()
}

#[test]
fn a_member_alone_has_nothing_to_do() {
    let (a, _) = pair();
    assert_eq!(a.poll_timeout(), None);
}

#[test]
fn silence_makes_suspect_then_down_and_an_announcement_heals() {
    let (mut a, mut b) = pair();
    let mut now_ms = 0;
    a.announce(0, NodeId([2; 16]));
    run(&mut a, &mut b, &mut now_ms, 1000, false);
    assert_eq!(
        (state(&a), state(&b)),
        (Some(State::Alive), Some(State::Alive))
    );
    run(&mut a, &mut b, &mut now_ms, 4050, true);
    assert_eq!(state(&a), Some(State::Suspect));
    run(&mut a, &mut b, &mut now_ms, 9000, true);
    assert_eq!(
        (state(&a), state(&b)),
        (Some(State::Down), Some(State::Down))
    );
    a.announce(now_ms, NodeId([2; 16]));
    run(&mut a, &mut b, &mut now_ms, 9100, false);
    assert!(a.take_returned(), "it was told that it was held for down");
    a.announce(now_ms, NodeId([2; 16]));
    b.announce(now_ms, NodeId([1; 16]));
    run(&mut a, &mut b, &mut now_ms, 9300, false);
    a.announce(now_ms, NodeId([2; 16]));
    run(&mut a, &mut b, &mut now_ms, 10_000, false);
    assert_eq!(
        (state(&a), state(&b)),
        (Some(State::Alive), Some(State::Alive))
    );
}

#[test]
fn a_life_that_is_over_is_down_at_once() {
    let (mut a, mut b) = pair();
    a.announce(0, NodeId([2; 16]));
    run(&mut a, &mut b, &mut 0, 500, false);
    a.bury(500, NodeId([2; 16]), Incarnation(1));
    assert_eq!(state(&a), Some(State::Down));
}

#[test]
fn a_packet_has_no_bytes_after_its_members() {
    let (mut a, _) = pair();
    a.announce(0, NodeId([2; 16]));
    let (to, packet) = a.poll_packet().unwrap();
    assert_eq!(to, NodeId([2; 16]));
    let decoded = Packet::decode(&packet).unwrap();
    assert_eq!(decoded.source, NodeId([1; 16]));
    let mut longer = packet.to_vec();
    longer.push(0);
    assert!(Packet::decode(&longer).is_err());
    for cut in 0..packet.len() {
        assert!(Packet::decode(&packet[..cut]).is_err());
    }
}

#[test]
fn a_suspect_is_taken_for_down_though_its_suspect_has_begun_a_new_life() {
    let (mut a, mut b) = pair();
    let mut now_ms = 0;
    a.announce(0, NodeId([2; 16]));
    run(&mut a, &mut b, &mut now_ms, 1000, false);
    run(&mut a, &mut b, &mut now_ms, 4050, true);
    assert_eq!(state(&a), Some(State::Suspect));
    // A third held this node for down, which therefore begins anew.
    let header = Header {
        src: life(3, 1, 0),
        src_incarnation: 0,
        dst: life(1, 1, 0),
        message: Message::TurnUndead,
    };
    let mut packet = Vec::new();
    PacketCodec.encode_header(&header, &mut packet).unwrap();
    a.receive(now_ms, &packet);
    assert!(a.take_returned());
    let silent_until_ms = now_ms + limits::SUSPICION_MS + 100;
    run(&mut a, &mut b, &mut now_ms, silent_until_ms, true);
    let states: Vec<_> = a
        .states()
        .filter(|known| known.0 == NodeId([2; 16]))
        .collect();
    assert_eq!(states, [(NodeId([2; 16]), Incarnation(1), State::Down)]);
}

/// It was paused while others told of the suspicion, and nobody told of it again.
#[test]
fn a_suspect_that_speaks_again_stayed_suspect_to_who_was_told_of_it() {
    let (mut a, mut b) = pair();
    a.announce(0, NodeId([2; 16]));
    run(&mut a, &mut b, &mut 0, 500, false);
    let header = Header {
        src: life(3, 1, 0),
        src_incarnation: 0,
        dst: life(1, 1, 0),
        message: Message::Gossip,
    };
    let mut packet = Vec::new();
    PacketCodec.encode_header(&header, &mut packet).unwrap();
    packet.extend(1u16.to_be_bytes());
    let suspect = Member::new(life(2, 1, 0), 0, State::Suspect);
    PacketCodec.encode_member(&suspect, &mut packet).unwrap();
    a.receive(500, &packet);
    // What it passes on of that is lost, until it is no news any more.
    for now_ms in (550..3400).step_by(50) {
        a.handle_timeout(now_ms);
        while a.poll_packet().is_some() {}
    }
    b.announce(3400, NodeId([1; 16]));
    let (_, packet) = b.poll_packet().unwrap();
    a.receive(3400, &packet);
    let told = std::iter::from_fn(|| a.poll_packet()).filter(|(to, packet)| {
        let of_itself = |packet| Packet::decode(packet).unwrap().members.contains(to);
        of_itself(packet)
    });
    assert_eq!(told.count(), 1);
}
