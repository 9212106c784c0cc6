use super::*;
use crate::filter::Filter;
use crate::limits::{MAX_CLASSES_PER_FILTER, MAX_TOPIC_BYTES};
use crate::overflow::Overflow;
use crate::topic::TopicNameError;
use crate::varint::VarintError;
use proptest::collection::vec;
use proptest::prelude::*;

fn entry(filter: Filter, classes: &[u64]) -> InterestEntry {
    InterestEntry {
        origin: None,
        filter,
        classes: classes.iter().copied().map(Class).collect(),
    }
}

/// One frame of each kind, in the order of the kinds.
fn samples() -> Vec<Frame<'static>> {
    let publisher = NodeId::from_name("a");
    let incarnation = Incarnation(1);
    vec![
        Frame::Use,
        Frame::Bye {
            reason: ByeReason::ToSelf,
            text: "that is me",
        },
        Frame::Interest {
            version: 1,
            entries: vec![
                entry(
                    Filter::exact("sensor:temp").unwrap(),
                    &[0, Class::new(Overflow::Block, 1).0],
                ),
                entry(Filter::pattern("chat:*").unwrap(), &[]),
            ],
        },
        Frame::InterestAck { version: 300 },
        Frame::Credit {
            class: Class(6),
            messages: u64::MAX,
            bytes: 1 << 20,
        },
        Frame::Ended { class: Class(7) },
        Frame::Topics {
            version: 2,
            reset: true,
            changes: vec![TopicChange::Add("sensor:temp"), TopicChange::Remove("chat")],
        },
        Frame::Sync { id: 5 },
        Frame::SyncAck { id: 5 },
        Frame::Digest {
            version: 2,
            offers: {
                let mut offers = Digest::default();
                offers.add(TopicChange::Add("sensor:temp"));
                offers
            },
        },
        Frame::Relist { version: 2 },
        Frame::Cease {
            owner: publisher,
            life: incarnation,
        },
        Frame::Ceased {
            owner: publisher,
            life: incarnation,
        },
        Frame::Alias(Alias {
            alias: 3,
            upstream: true,
            passage: None,
            resumed: false,
            next_sequence: 128,
            since: 120,
            incarnation,
            publisher,
            topic: "sensor:temp",
        }),
        Frame::Data(Data {
            alias: 3,
            sequence: 128,
            payload: b"21.5",
        }),
        Frame::Tail {
            alias: 3,
            next_sequence: 129,
            last: Last::No,
        },
        Frame::Tail {
            alias: 3,
            next_sequence: 130,
            last: Last::Lost,
        },
        Frame::Interest {
            version: 2,
            entries: vec![InterestEntry {
                filter: Filter::exact("t").unwrap(),
                origin: Some(publisher),
                classes: vec![Class(0)],
            }],
        },
        Frame::Topics {
            version: 3,
            reset: false,
            changes: vec![
                TopicChange::Relay {
                    origin: publisher,
                    hops: 1,
                    reached: Some(incarnation),
                    topic: "t",
                },
                TopicChange::Unrelay {
                    origin: publisher,
                    ended: true,
                    topic: "u",
                },
            ],
        },
        Frame::Alias(Alias {
            alias: 4,
            upstream: true,
            passage: Some(Passage {
                owner: publisher,
                life: incarnation,
                hops: 1,
            }),
            resumed: false,
            next_sequence: 0,
            since: 0,
            incarnation,
            publisher,
            topic: "t",
        }),
        Frame::Resume {
            entries: vec![ResumeEntry {
                topic: "sensor:temp",
                publisher,
                incarnation,
                next_sequence: 128,
            }],
        },
        Frame::Replay(ReplayRequest {
            token: 5,
            class: Class(0),
            count: 10,
            filter: Filter::pattern("sensor:*").unwrap(),
        }),
        Frame::Past(Past {
            alias: 3,
            token: 5,
            sequence: 127,
            payload: b"21.4",
        }),
        Frame::Live {
            alias: 3,
            token: 5,
            next_sequence: 128,
        },
        Frame::Members {
            entries: vec![MemberEntry {
                node: publisher,
                incarnation,
                version: 2,
                standing: Standing::Suspect,
                name: "a",
                endpoints: vec!["tcp://10.0.0.1:5555"],
            }],
        },
        Frame::Gossip(Gossip {
            destination: publisher,
            hops: 1,
            packet: announcement(),
        }),
    ]
}

/// Whether the last field takes all that is left.
fn runs_to_the_end(frame: &Frame<'_>) -> bool {
    matches!(
        frame,
        Frame::Data(_)
            | Frame::Past(_)
            | Frame::Interest { .. }
            | Frame::Topics { .. }
            | Frame::Resume { .. }
            | Frame::Members { .. }
            | Frame::Gossip(_)
    )
}

/// `a` announces itself to itself, which makes for short bytes.
fn announcement() -> &'static [u8] {
    const A: [u8; 16] = *b"\xd2\x28\xcb\x69\x6f\x1a\x8c\xaf\x78\x91\x2b\x70\x4e\x4a\x89\x64";
    static PACKET: std::sync::LazyLock<Vec<u8>> =
        std::sync::LazyLock::new(|| [&A[..], &[1, 0, 0], &A[..], &[0, 0, 6]].concat());
    &PACKET
}

#[test]
fn the_gossip_of_the_samples_is_a_packet() {
    let packet = crate::swim::Packet::decode(announcement()).unwrap();
    assert_eq!(packet.source, NodeId::from_name("a"));
}

fn refuses(bytes: &[u8], expected: FrameError) {
    assert_eq!(Frame::decode(bytes), Err(expected), "{bytes:02x?}");
}

#[test]
fn each_kind_survives_a_round_trip() {
    for frame in samples() {
        assert_eq!(Frame::decode(&frame.to_vec()).as_ref(), Ok(&frame));
    }
}

#[test]
fn a_frame_cut_short_is_never_the_same_frame() {
    for frame in samples() {
        let bytes = frame.to_vec();
        for cut in 0..bytes.len() {
            match Frame::decode(&bytes[..cut]) {
                // Payload and lists run to the end, so a cut between their items is a shorter
                // frame.
                Ok(frame) if runs_to_the_end(&frame) => {}
                Ok(other) => panic!("{cut} bytes of {frame:?} became {other:?}"),
                Err(error) => {
                    assert!(matches!(
                        error,
                        FrameError::Truncated { .. } | FrameError::Empty
                    ));
                }
            }
        }
    }
}

#[test]
fn fixed_frames_take_no_more_bytes() {
    for frame in samples() {
        let mut bytes = frame.to_vec();
        bytes.push(0);
        match frame {
            frame if runs_to_the_end(&frame) => {}
            _ => refuses(&bytes, FrameError::TrailingBytes { bytes: 1 }),
        }
    }
}

#[test]
fn unknown_kinds() {
    refuses(b"", FrameError::Empty);
    for kind in [0x00, 0x01, 0x05, 0x33, 0x44, 0xff] {
        refuses(&[kind, 0, 0], FrameError::UnknownKind { kind });
    }
}

#[test]
fn a_stream_that_began_behind_its_next_message() {
    let mut bytes = vec![kind::ALIAS, 3, 1, 4, 5, 1];
    bytes.extend([7; 16]);
    bytes.extend([1, b't']);
    let expected = FrameError::OutOfRange {
        field: "since",
        value: 5,
        limit: 4,
    };
    refuses(&bytes, expected);
}

#[test]
fn values_out_of_range() {
    let out_of_range = |field, value, limit| FrameError::OutOfRange {
        field,
        value,
        limit,
    };
    refuses(&[kind::BYE, 6, 0], out_of_range("reason", 6, 5));
    refuses(
        &[kind::INTEREST, 1, 3, 1, b'a', 0],
        out_of_range("filter kind", 3, 2),
    );
    refuses(
        &[kind::INTEREST, 1, 0, 1, b'a', 0x81, 0x20],
        out_of_range("class count", 4097, 4096),
    );
    refuses(&[kind::TOPICS, 1, 2], out_of_range("reset", 2, 1));
    refuses(
        &[kind::TOPICS, 1, 0, 4, 1, b'a'],
        out_of_range("topic operation", 4, 3),
    );
    let relay = [&[kind::TOPICS, 1, 0, 2][..], &[7; 16], &[9, 1, 1, b'a']].concat();
    refuses(&relay, out_of_range("hops", 9, 8));
    let passage = [&[kind::ALIAS, 0, 5, 9][..], &[7; 16], &[0, 0]].concat();
    refuses(&passage, out_of_range("hops", 9, 8));
    refuses(&[kind::ALIAS, 0, 6], out_of_range("alias flags", 6, 5));
    for flags in [3, 4] {
        let neither = out_of_range("alias flags", flags.into(), 2);
        refuses(&[kind::ALIAS, 0, flags], neither);
    }
    refuses(&[kind::TAIL, 0, 0, 5], out_of_range("last", 5, 4));
    refuses(
        &[kind::REPLAY, 1, 0, 1, 2, 1, b'a'],
        out_of_range("filter kind", 2, 1),
    );
    let mut hopped = vec![kind::GOSSIP; 17];
    hopped.push(9);
    refuses(&hopped, out_of_range("hops", 9, 8));
    let member = [&[kind::MEMBERS][..], &[7; 16], &[1, 1]].concat();
    let with = |rest: &[u8]| [&member[..], rest].concat();
    refuses(&with(&[4]), out_of_range("standing", 4, 3));
    let many = out_of_range("number of endpoints", 17, 16);
    refuses(&with(&[0, 0, 17]), many);
    refuses(&with(&[0, 1, 0]), FrameError::Nul { field: "name" });
    for kind in [kind::TAIL, kind::DATA, kind::PAST, kind::LIVE] {
        refuses(
            &[kind, 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0],
            out_of_range("alias", 1 << 32, u64::from(u32::MAX)),
        );
    }
}

#[test]
fn malformed_fields() {
    let overlong = FrameError::Number {
        field: "id",
        source: VarintError::Overlong,
    };
    refuses(&[kind::SYNC, 0x80, 0], overlong);
    refuses(
        &[kind::BYE, 0, 1, 0xff],
        FrameError::NotUtf8 { field: "text" },
    );
    refuses(&[kind::TOPICS, 1, 0, 0, 0], TopicNameError::Empty.into());
    refuses(&[kind::INTEREST, 1, 0, 0, 0], TopicNameError::Empty.into());
    refuses(&[kind::RESUME, 0], TopicNameError::Empty.into());
    let unclosed = Frame::decode(&[kind::INTEREST, 1, 1, 1, b'[', 0]);
    assert!(matches!(unclosed, Err(FrameError::Pattern(_))));
    // A length is refused before that many bytes are waited for or allocated.
    let (bytes, limit_bytes) = (u64::MAX >> 1, MAX_TOPIC_BYTES);
    let mut long = vec![kind::TOPICS, 1, 0, 0];
    varint::put(&mut long, bytes);
    refuses(
        &long,
        FrameError::TextTooLong {
            field: "topic",
            bytes,
            limit_bytes,
        },
    );
}

#[test]
fn control_is_bounded_and_data_is_not() {
    let bytes = MAX_CONTROL_FRAME_BYTES + 1;
    refuses(&vec![kind::TOPICS; bytes], FrameError::TooLong { bytes });
    assert!(Frame::decode(&vec![kind::DATA; 10 * bytes]).is_ok());
    assert!(Frame::decode(&vec![kind::PAST; 10 * bytes]).is_ok());
    let bytes = crate::limits::MAX_GOSSIP_BYTES + 1;
    let mut gossip = vec![kind::GOSSIP; 17];
    gossip.push(0);
    gossip.resize(18 + bytes, 0);
    refuses(&gossip, FrameError::PacketTooLong { bytes });
}

#[test]
fn a_long_farewell_is_cut_between_characters() {
    let text = "é".repeat(200);
    let bytes = Frame::Bye {
        reason: ByeReason::Refused,
        text: &text,
    }
    .to_vec();
    let Ok(Frame::Bye { text: cut, .. }) = Frame::decode(&bytes) else {
        panic!()
    };
    assert_eq!(cut, "é".repeat(127));
}

#[test]
fn long_lists_are_split() {
    let names: Vec<_> = (0..5000).map(|number| format!("{number:0>200}")).collect();
    let frames = topics_frames(7, true, names.iter().map(|name| TopicChange::Add(name)));
    let mut received = Vec::new();
    for (index, frame) in (0..).zip(&frames) {
        assert!(frame.len() <= MAX_CONTROL_FRAME_BYTES);
        let Ok(Frame::Topics {
            version,
            reset,
            changes,
        }) = Frame::decode(frame)
        else {
            panic!()
        };
        assert_eq!((version, reset), (7 + index, index == 0));
        received.extend(changes);
    }
    assert_eq!(frames.len(), 16);
    assert!(
        received
            .iter()
            .zip(&names)
            .all(|(change, name)| *change == TopicChange::Add(name))
    );
    assert_eq!(received.len(), names.len());
}

#[test]
fn many_streams_to_go_on_with_are_split() {
    let names: Vec<_> = (0..2000).map(|number| format!("{number:0>200}")).collect();
    let entries: Vec<_> = names
        .iter()
        .map(|topic| ResumeEntry {
            topic,
            publisher: NodeId([7; 16]),
            incarnation: Incarnation(u64::MAX),
            next_sequence: u64::MAX,
        })
        .collect();
    let frames = resume_frames(entries.iter().copied());
    let mut received = Vec::new();
    for frame in &frames {
        let Ok(Frame::Resume { entries }) = Frame::decode(frame) else {
            panic!()
        };
        received.extend(entries);
    }
    assert!(frames.len() > 2);
    assert_eq!(received, entries);
}

#[test]
fn empty_lists() {
    assert_eq!(topics_frames(1, false, []), Vec::<Vec<u8>>::new());
    assert_eq!(topics_frames(1, true, []), [[kind::TOPICS, 1, 1]]);
    assert_eq!(interest_frames(1, []), Vec::<Vec<u8>>::new());
}

#[test]
fn the_largest_interest_entry_fits_a_frame() {
    let classes = vec![Class(u64::MAX); MAX_CLASSES_PER_FILTER];
    let filter = Filter::pattern(&"*".repeat(255)).unwrap();
    let entries = vec![
        InterestEntry {
            filter,
            origin: None,
            classes
        };
        3
    ];
    let frames = interest_frames(u64::MAX - 2, &entries);
    assert_eq!(frames.len(), 3);
    for (frame, entry) in frames.iter().zip(&entries) {
        let Ok(Frame::Interest { entries, .. }) = Frame::decode(frame) else {
            panic!()
        };
        assert_eq!(entries, std::slice::from_ref(entry));
    }
}

#[test]
fn the_worked_examples_of_the_specification_are_true() {
    let specification = include_str!("../../../../docs/PROTOCOL.md");
    for frame in samples() {
        let hex: Vec<_> = frame
            .to_vec()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let example = format!("`{}`", hex.join(" "));
        assert!(
            specification.contains(&example),
            "docs/PROTOCOL.md lacks {example} for {frame:?}"
        );
    }
}

fn filters() -> impl Strategy<Value = Filter> {
    let exact = "[a-z:é]{1,40}".prop_map(|topic| Filter::exact(&topic).unwrap());
    let pattern = "[a-z:*?]{1,40}".prop_map(|pattern| Filter::pattern(&pattern).unwrap());
    prop_oneof![exact, pattern]
}

fn entries() -> impl Strategy<Value = Vec<InterestEntry>> {
    let classes = vec(any::<u64>().prop_map(Class), 0..5);
    vec(
        (filters(), classes).prop_map(|(filter, classes)| InterestEntry {
            filter,
            origin: None,
            classes,
        }),
        0..20,
    )
}

proptest! {
    #[test]
    fn data_round_trip(alias: u32, sequence: u64, payload: Vec<u8>) {
        let data = Data { alias, sequence, payload: &payload };
        let bytes = Frame::Data(data).to_vec();
        prop_assert_eq!(Frame::decode(&bytes), Ok(Frame::Data(data)));
        let mut header = [0; DATA_HEADER_MAX_BYTES];
        let length = encode_data_header(&mut header, alias, sequence);
        prop_assert_eq!(&header[..length], &bytes[..bytes.len() - payload.len()]);
    }

    #[test]
    fn past_round_trip(alias: u32, token: u64, sequence: u64, payload: Vec<u8>) {
        let past = Past { alias, token, sequence, payload: &payload };
        let bytes = Frame::Past(past).to_vec();
        prop_assert_eq!(Frame::decode(&bytes), Ok(Frame::Past(past)));
        prop_assert!(bytes.len() - payload.len() <= PAST_HEADER_MAX_BYTES);
    }

    #[test]
    fn replay_round_trip(token: u64, class: u64, count: u64, filter in filters()) {
        let frame = Frame::Replay(ReplayRequest { token, class: Class(class), count, filter });
        let bytes = frame.to_vec();
        prop_assert_eq!(Frame::decode(&bytes), Ok(frame));
    }

    #[test]
    fn interest_round_trip(version: u64, entries in entries()) {
        let frame = Frame::Interest { version, entries };
        let bytes = frame.to_vec();
        prop_assert_eq!(Frame::decode(&bytes), Ok(frame));
    }

    #[test]
    fn alias_round_trip(alias: u32, numbers: [u64; 2], id: [u8; 16], topic in "[^\0]{1,60}") {
        let [next_sequence, incarnation] = numbers;
        let incarnation = Incarnation(incarnation);
        let publisher = NodeId(id);
        let (upstream, resumed) = (alias % 3 == 0, alias % 3 == 1);
        let since = if upstream { next_sequence / 2 } else { 0 };
        let frame = Frame::Alias(Alias { alias, upstream, resumed, passage: None, next_sequence, since, incarnation, publisher, topic: &topic });
        let bytes = frame.to_vec();
        prop_assert_eq!(Frame::decode(&bytes), Ok(frame));
    }

    #[test]
    fn any_bytes_are_refused_or_are_the_one_encoding_of_a_frame(
        kind in 0..0x53u8,
        body in vec(prop_oneof![0..4u8, any::<u8>()], 0..40),
    ) {
        let mut bytes = vec![kind];
        bytes.extend(body);
        if let Ok(frame) = Frame::decode(&bytes) {
            prop_assert_eq!(frame.to_vec(), bytes);
        }
    }
}

proptest! {
    #[test]
    fn the_next_header_is_known_again_without_decoding(
        alias in prop_oneof![0..300_u32, any::<u32>()],
        first in prop_oneof![0..40_000_u64, any::<u64>()],
        payload in proptest::collection::vec(any::<u8>(), 0..20),
        ahead in 0..3_u64,
    ) {
        let first = first.min(u64::MAX - 300);
        let mut next = NextHeader::new(alias, first);
        for sequence in first..first + 200 {
            let mut frame = Vec::new();
            put_data_header(&mut frame, alias, sequence + ahead);
            let header_len = frame.len();
            frame.extend(&payload);
            let is_known = ahead == 0 && header_len <= 8 && frame.len() >= 8;
            prop_assert_eq!(next.payload(&frame), is_known.then_some(&payload[..]));
            prop_assert_eq!(next.stream(), (alias, sequence));
            next.advance();
        }
    }

    #[test]
    fn no_other_frame_passes_for_the_next(
        alias in 0..300_u32,
        sequence in 0..40_000_u64,
        frame in proptest::collection::vec(prop_oneof![Just(0x31_u8), 0..3_u8, any::<u8>()], 0..16),
    ) {
        let known = NextHeader::new(alias, sequence).payload(&frame).is_some();
        let decoded = Data::decode(&frame).and_then(Result::ok);
        prop_assert!(!known || decoded.is_some_and(|data| (data.alias, data.sequence) == (alias, sequence)));
    }
}
