//! Checks of the crate `zmtp`. Each takes any bytes; a panic is a finding. The first octet steers the check,
//! the others are what a peer sends.

use zmtp::{
    Command, Decoder, FrameError, Handshake, HandshakeError, Limits, MessageAssembler, Metadata,
    PeerInfo, Progress, SocketType, Subscription, Version, command,
};

/// Small enough for short inputs to go past them.
const LIMITS: Limits = Limits {
    max_frame_size: 2000,
    max_command_size: 500,
    max_message_frames: 4,
    max_message_size: 3000,
};

/// Traffic gives the same frames and the same error however it is cut. First octet: the size of the pieces.
pub fn check_decoder(data: &[u8]) {
    let Some((&piece_size, stream)) = data.split_first() else {
        return;
    };
    let piece_size = usize::from(piece_size).max(1);
    let whole = decode_in_pieces(Decoder::new(LIMITS), stream, stream.len().max(1));
    assert_eq!(
        decode_in_pieces(Decoder::new(LIMITS), stream, piece_size),
        whole
    );
    assert_eq!(decode_in_pieces(Decoder::new(LIMITS), stream, 1), whole);
    check_frames(&whole.frames);
}

/// A handshake ends the same way however it is cut. First octet: bit 0 chooses the side that connected, the
/// others the size of the pieces.
pub fn check_handshake(data: &[u8]) {
    let Some((&steer, stream)) = data.split_first() else {
        return;
    };
    let start = || match steer & 1 {
        0 => Handshake::accepting(LIMITS),
        _ => Handshake::connecting(Metadata::for_socket(SocketType::XSub), LIMITS),
    };
    let piece_size = usize::from(steer >> 1).max(1);
    let whole = shake_hands_in_pieces(start(), stream, stream.len().max(1));
    assert_eq!(shake_hands_in_pieces(start(), stream, piece_size), whole);
    assert_eq!(shake_hands_in_pieces(start(), stream, 1), whole);
}

/// What parses as a command, as metadata or as a subscription is the same once encoded and parsed again.
/// There is no steering octet.
pub fn check_command(data: &[u8]) {
    if let Ok(command) = Command::parse(data) {
        check_command_round_trip(&command);
    }
    if let Ok(metadata) = Metadata::parse(data) {
        assert_eq!(metadata.encode(), data);
    }
    if let Some(subscription) = Subscription::from_message(data) {
        let mut wire = Vec::new();
        subscription.encode(&mut wire, Version::V3_0);
        assert!(wire.ends_with(data));
    }
}

/// What a stream came to: frames as (more, command, body), then the octets held, or an error.
#[derive(Debug, PartialEq)]
struct Traffic {
    frames: Vec<(bool, bool, Vec<u8>)>,
    end: Result<usize, FrameError>,
}

fn decode_in_pieces(mut decoder: Decoder, stream: &[u8], piece_size: usize) -> Traffic {
    let mut frames = Vec::new();
    for mut piece in stream.chunks(piece_size) {
        loop {
            match decoder.decode(&mut piece) {
                Ok(Some(frame)) => frames.push((frame.more, frame.command, frame.body.to_vec())),
                Ok(None) => break,
                Err(error) => {
                    let end = Err(error);
                    return Traffic { frames, end };
                }
            }
        }
        assert!(piece.is_empty(), "input was left over without a frame");
    }
    let end = Ok(decoder.buffered());
    Traffic { frames, end }
}

/// Frames are encoded to what they were decoded from, and handled without a panic.
fn check_frames(frames: &[(bool, bool, Vec<u8>)]) {
    let mut assembler = MessageAssembler::new(LIMITS);
    for (more, command, body) in frames {
        if *command {
            let _ = Command::parse(body).map(|command| check_command_round_trip(&command));
            continue;
        }
        let mut wire = Vec::new();
        zmtp::put_frame(&mut wire, *more, body);
        let frame = Decoder::new(LIMITS)
            .decode(&mut &wire[..])
            .unwrap()
            .unwrap();
        assert_eq!(
            (frame.more, frame.command, &*frame.body),
            (*more, false, &body[..])
        );
        if assembler.push(frame).is_err() {
            return;
        }
        assert_eq!(assembler.is_within_message(), *more);
    }
}

/// How a handshake ended: the peer, what we answered, how much of the stream was the handshake, and the
/// traffic behind it; `None` if it did not end.
type Outcome = Result<Option<(PeerInfo, Vec<u8>, usize, Traffic)>, HandshakeError>;

fn shake_hands_in_pieces(mut handshake: Handshake, stream: &[u8], piece_size: usize) -> Outcome {
    let mut consumed = 0;
    for piece in stream.chunks(piece_size) {
        let mut rest = piece;
        let progress = handshake.receive(&mut rest)?;
        consumed += piece.len() - rest.len();
        let established = match progress {
            Progress::Pending(pending) => {
                assert!(rest.is_empty(), "input was left over without progress");
                handshake = pending;
                continue;
            }
            Progress::PeerReady(answering) => {
                answering.answer(Metadata::for_socket(SocketType::XPub))
            }
            Progress::Established(established) => established,
        };
        let traffic = decode_in_pieces(established.decoder, &stream[consumed..], piece_size);
        return Ok(Some((
            established.peer,
            established.output,
            consumed,
            traffic,
        )));
    }
    Ok(None)
}

fn check_command_round_trip(parsed: &Command<'_>) {
    let mut wire = Vec::new();
    match parsed {
        Command::Ready(metadata) => command::encode_ready(&mut wire, metadata),
        Command::Ping {
            ttl_deciseconds,
            context,
        } => {
            command::encode_ping(&mut wire, *ttl_deciseconds, context);
        }
        Command::Pong { context } => command::encode_pong(&mut wire, context),
        Command::Subscribe(prefix) => command::encode_subscribe(&mut wire, prefix),
        Command::Cancel(prefix) => command::encode_cancel(&mut wire, prefix),
        // Reasons are made visible on the way out, and what is unknown is never sent.
        Command::Error { .. } | Command::Unknown { .. } => return,
    }
    let frame = Decoder::new(Limits::default())
        .decode(&mut &wire[..])
        .unwrap()
        .unwrap();
    assert!(frame.command);
    assert_eq!(Command::parse(&frame.body).as_ref(), Ok(parsed));
}
