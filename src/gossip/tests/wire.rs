use super::net::{addr, alive, claim, name, profile};
use crate::gossip::frame::{self, BucketDigests, Digest, Frame, Lore, Mark, Open, Row, Told};
use crate::gossip::packet::{self, ClaimKind, DecodeError, Head, MAX_INCARNATION, Packet, Rumor};
use crate::gossip::{MAX_TAG_BYTES, Position, Question, Saying, Scope, Tags, UserEvent, Versions, Word};
use crate::model::Coordinate;
use proptest::prelude::{Strategy, any, prop_assert_eq, proptest};
use proptest::sample::Index;
use std::sync::Arc;

fn coordinate() -> Coordinate {
    Coordinate::parse(&[0.01, -0.02, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5], 0.3, -0.001, 0.0001).unwrap()
}

fn saying() -> Saying {
    Saying { question: u128::MAX, by: name(2), word: Word::Answer(b"42"[..].into()) }
}

fn event(at: u64) -> Arc<UserEvent> {
    let scope = Scope { node: "^n".to_owned(), service: "web".to_owned(), tag: "v[12]".to_owned() };
    UserEvent {
        id: u128::MAX - u128::from(at),
        at,
        name: "deploy".to_owned(),
        payload: b"v42"[..].into(),
        scope,
        after: vec![(at - 1, u32::MAX), (1, 0)],
    }
    .into()
}

fn question() -> Arc<Question> {
    let (id, asker, reply_to) = (3, name(1), addr(1));
    let (name, payload, scope) = ("load".to_owned(), b"?"[..].into(), Scope::default());
    Question { id, at: 9, asker, reply_to, name, payload, scope, relays: 2, patience: 6400 }.into()
}

fn packets() -> Vec<Packet> {
    let heads = [
        None,
        Some(Head::Ping { seq: 7, to: name(1), from: name(2) }),
        Some(Head::Ack { seq: u32::MAX }),
        Some(Head::Nack { seq: 0 }),
        Some(Head::AskPing { seq: 300, to: name(1), addr: addr(1) }),
        Some(Head::AckAt { seq: 7, position: Position::from(&coordinate()) }),
        Some(Head::Say(saying())),
        Some(Head::Pass { to: name(3), saying: saying() }),
    ];
    let kinds = [ClaimKind::Suspect, ClaimKind::Failed, ClaimKind::Leaving, ClaimKind::Left, ClaimKind::Pruned];
    let rumors: Vec<Rumor> = kinds
        .into_iter()
        .map(|kind| claim(kind, 1, 9, 2))
        .chain([alive(3, 1 << 40), Rumor::Event(event(7)), Rumor::Question(question())])
        .collect();
    heads.into_iter().map(|head| Packet { head, rumors: rumors.clone() }).collect()
}

fn frames() -> Vec<Frame> {
    let row = Row { profile: profile(1), incarnation: 3, mark: Mark::Left, age: 77 };
    let digest = Digest { name: u64::MAX, incarnation: 2, mark: Mark::Failed, profile: 9 };
    vec![
        Frame::Ping { to: name(1) },
        Frame::Ack,
        Frame::Same,
        Frame::Refused { reason: "no".to_owned() },
        Frame::Open(Open {
            from: name(1),
            versions: Versions::OURS,
            own: Some(row.clone()),
            root: 5,
            lore: Lore { events: 9, questions: 2, floor: 1, held: vec![(8, 5), (9, u32::MAX)] },
        }),
        Frame::Buckets { from: name(1), sums: vec![1, u64::MAX] },
        Frame::Digests { buckets: vec![BucketDigests { bucket: 63, digests: vec![digest] }] },
        Frame::Rows { rows: vec![row; 20], wanted: vec![4], more: 1 },
        Frame::Told(Told { clock: 9, questions: 1, events: vec![event(8), event(9)] }),
    ]
}

#[test]
fn packets_and_frames_read_back_as_they_were_written() {
    for packet in packets() {
        assert_eq!(packet::decode(&packet::encode(&packet)).unwrap(), packet);
    }
    for frame in frames() {
        assert_eq!(frame::decode(&frame::encode(&frame)).unwrap(), frame);
    }
}

#[test]
fn a_ping_is_small() {
    let ping = Packet { head: Some(Head::Ping { seq: 1 << 31, to: name(1000), from: name(1001) }), rumors: vec![] };
    assert!(packet::encode(&ping).len() <= 24, "{} bytes", packet::encode(&ping).len());
}

#[test]
fn an_ack_with_a_coordinate_is_small() {
    let ack = Packet { head: Some(Head::AckAt { seq: 1 << 31, position: Position::from(&coordinate()) }), rumors: vec![] };
    assert!(packet::encode(&ack).len() <= 56, "{} bytes", packet::encode(&ack).len());
}

#[test]
fn whatever_is_cut_short_is_refused() {
    for bytes in packets().iter().map(packet::encode) {
        assert!((0..bytes.len()).all(|cut| packet::decode(&bytes[..cut]).is_err()));
    }
    for bytes in frames().iter().map(frame::encode) {
        assert!((0..bytes.len()).all(|cut| frame::decode(&bytes[..cut]).is_err()));
    }
}

#[test]
fn what_an_older_release_wrote_is_refused_not_guessed_at() {
    let retired = Versions::OURS.min - 1;
    let packet = packet::encode(&Packet { head: Some(Head::Ack { seq: 1 }), rumors: vec![] });
    let frame = frame::encode(&Frame::Ack);
    for (mut bytes, decoded) in [(packet, packet_error as fn(&[u8]) -> Option<DecodeError>), (frame, frame_error)] {
        assert_eq!(decoded(&bytes), None);
        // Behind the envelope's mark.
        bytes[1] = retired;
        assert_eq!(decoded(&bytes), Some(DecodeError::Retired { found: retired }));
    }
}

fn packet_error(bytes: &[u8]) -> Option<DecodeError> {
    packet::decode(bytes).err()
}

fn frame_error(bytes: &[u8]) -> Option<DecodeError> {
    frame::decode(bytes).err()
}

#[test]
fn an_absurd_incarnation_is_refused() {
    let packet = Packet { head: None, rumors: vec![claim(ClaimKind::Suspect, 1, MAX_INCARNATION + 1, 2)] };
    assert_eq!(packet::decode(&packet::encode(&packet)), Err(DecodeError::Incarnation(MAX_INCARNATION + 1)));
    let row = Row { profile: profile(1), incarnation: u64::MAX, mark: Mark::Here, age: 0 };
    assert!(frame::decode(&frame::encode(&Frame::Rows { rows: vec![row], wanted: vec![], more: 0 })).is_err());
}

#[test]
fn tags_have_a_bound_that_also_holds_on_the_wire() {
    let long = |bytes: usize| Tags::parse([("k".to_owned(), "v".repeat(bytes - 1))].into());
    assert!(long(MAX_TAG_BYTES).is_ok());
    assert_eq!(long(MAX_TAG_BYTES + 1).unwrap_err().bytes, MAX_TAG_BYTES + 1);
    let mut out = Vec::new();
    let pairs = std::collections::BTreeMap::from([("k".to_owned(), "v".repeat(MAX_TAG_BYTES))]);
    crate::model::codec::encode_compact_into(&mut out, 1, &pairs);
    assert!(crate::model::codec::decode_compact::<Tags>("tags", 1, &out).is_err());
}

fn damaged(originals: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let damage = proptest::collection::vec((any::<Index>(), any::<u8>()), 1..6);
    (proptest::sample::select(originals), damage).prop_map(|(mut bytes, damage)| {
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

proptest! {
    #[test]
    fn damaged_packets_are_refused_or_read_never_worse(bytes in damaged(packets().iter().map(packet::encode).collect())) {
        if let Ok(packet) = packet::decode(&bytes) {
            prop_assert_eq!(packet::decode(&packet::encode(&packet)).unwrap(), packet);
        }
    }

    #[test]
    fn damaged_frames_are_refused_or_read_never_worse(bytes in damaged(frames().iter().map(frame::encode).collect())) {
        if let Ok(frame) = frame::decode(&bytes) {
            prop_assert_eq!(frame::decode(&frame::encode(&frame)).unwrap(), frame);
        }
    }

    #[test]
    fn random_bytes_are_refused_or_read_never_worse(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _either = (packet::decode(&bytes), frame::decode(&bytes));
    }
}
