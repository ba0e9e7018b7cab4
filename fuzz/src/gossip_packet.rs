//! A datagram and a stream of gossip from anyone.

use bytes::Bytes;
use muster::config::GossipTuning;
use muster::gossip::frame::{self, Frame, Lore, Mark, Open, Row, Told};
use muster::gossip::packet::{self, Alive, Claim, ClaimKind, Head, Packet, Rumor};
use muster::gossip::{
    Brief, Clocks, Gossip, Homecoming, Input, Output, Position, Profile, Question, Saying, Scope, Setup, StreamEvent, StreamId, Tags,
    UserEvent, Versions, Word,
};
use muster::model::{Coordinate, Datacenter, Instant, Machine, NodeName};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Most outputs one datagram may cause: a packet is bounded, so is what it makes a member say.
const MOST_OUTPUTS: usize = 10_000;

/// Takes `input` as a datagram and as frames of a stream, on a member of a small pool. Whatever is understood survives being written again.
pub fn run(input: &[u8]) {
    if let Ok(packet) = packet::decode(input)
        && packet.rumors.len() <= packet::MAX_RUMORS
    {
        assert_eq!(packet::decode(&packet::encode(&packet)).as_ref(), Ok(&packet), "a packet changes when it is written again");
    }
    if let Ok(frame) = frame::decode(input) {
        assert_eq!(frame::decode(&frame::encode(&frame)).as_ref(), Ok(&frame), "a frame changes when it is written again");
    }
    let (mut member, now) = (member(), Instant::from_nanos(1_000_000_000));
    hear(&mut member, now, Input::Datagram { from: address(7), bytes: Bytes::copy_from_slice(input) });
    let id = StreamId::Accepted(1);
    hear(&mut member, now, Input::Stream { id, event: StreamEvent::Opened });
    let open = Frame::Open(Open { from: name("n2"), versions: Versions::OURS, own: None, root: 0, lore: Default::default() });
    hear(&mut member, now, Input::Stream { id, event: StreamEvent::Frame(Bytes::from(frame::encode(&open))) });
    hear(&mut member, now, Input::Stream { id, event: StreamEvent::Frame(Bytes::copy_from_slice(input)) });
    let deadline = member.poll_timeout().expect("a member always probes again");
    member.handle_timeout(now.max(deadline.at));
    drain(&mut member);
}

fn hear(member: &mut Gossip, now: Instant, input: Input) {
    member.handle(now, input);
    drain(member);
}

fn drain(member: &mut Gossip) {
    let said: Vec<Output> = std::iter::from_fn(|| member.poll_output()).take(MOST_OUTPUTS).collect();
    assert!(said.len() < MOST_OUTPUTS, "one input made the member say {} things", said.len());
    member.check_invariants();
}

/// The member `n0` of a pool with `n1` and `n2`.
fn member() -> Gossip {
    let now = Instant::from_nanos(500_000_000);
    let setup = Setup {
        name: name("n0"),
        addr: address(0),
        tags: tags(),
        incarnation: 1,
        clocks: Clocks::default(),
        homecoming: Homecoming::New,
        datacenter: Some(Datacenter::parse("dc1").expect("a datacenter")),
        tuning: GossipTuning::lan(),
        reconnect_timeout: Duration::from_secs(72 * 3600),
        tombstone_timeout: Duration::from_secs(24 * 3600),
        leave_propagation: Duration::from_secs(3),
        seed: 1,
    };
    let mut member = Gossip::new(now, setup);
    member.acquaint(now, [1, 2].map(|n| (profile(n), 1)));
    drain(&mut member);
    member
}

fn name(text: &str) -> NodeName {
    NodeName::parse(text).expect("a name")
}

fn address(n: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, n], 8301))
}

fn tags() -> Tags {
    Tags::parse(BTreeMap::from([("dc".to_owned(), "dc1".to_owned()), ("role".to_owned(), "node".to_owned())])).expect("few tags")
}

fn profile(n: u8) -> Arc<Profile> {
    Arc::new(Profile { name: name(&format!("n{n}")), addr: address(n), tags: tags(), versions: Versions::OURS })
}

fn user_event(at: u64, id: u32, after: &[Brief]) -> UserEvent {
    let scope = Scope { node: "^n".to_owned(), ..Scope::default() };
    UserEvent { id: u128::from(id) << 96, at, name: "deploy".to_owned(), payload: Bytes::from_static(b"v42"), scope, after: after.to_vec() }
}

/// One of each kind of message, some of them about the member itself.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let claim = |kind, about: &str| Rumor::Claim(Claim { kind, about: name(about), incarnation: 1, by: name("n2") });
    let alive = |n| Rumor::Alive(Alive { profile: profile(n), incarnation: 2 });
    let packet = |head, rumors| packet::encode(&Packet { head, rumors });
    let ping = Head::Ping { seq: 7, to: name("n0"), from: name("n1") };
    let ask = Head::AskPing { seq: 8, to: name("n2"), addr: address(2) };
    let row = |n, mark| Row { profile: profile(n), incarnation: 3, mark, age: 60 };
    let rows = Frame::Rows { rows: vec![row(1, Mark::Failed), row(4, Mark::Here), row(0, Mark::Left)], wanted: vec![1, 2], more: 0 };
    let lore = Lore { events: 9, questions: 2, floor: 1, held: vec![(8, 5), (9, u32::MAX)] };
    let open = Frame::Open(Open { from: name("n4"), versions: Versions::OURS, own: Some(row(4, Mark::Here)), root: 9, lore });
    let event = |at, id: u32, after: &[Brief]| Rumor::Event(Arc::new(user_event(at, id, after)));
    let told = Frame::Told(Told { clock: 9, questions: 1, events: vec![user_event(8, 5, &[(7, 4)]).into()] });
    let saying = Saying { question: 3, by: name("n1"), word: Word::Answer(Bytes::from_static(b"42")) };
    let said = Head::Say(saying.clone());
    let question = Rumor::Question(Arc::new(Question {
        id: 3,
        at: 9,
        asker: name("n1"),
        reply_to: address(1),
        name: "load".to_owned(),
        payload: Bytes::from_static(b"?"),
        scope: Scope::default(),
        relays: 2,
        patience: 6400,
    }));
    let place = Coordinate { vec: [0.01; 8], error: 0.5, adjustment: 0.0, height: 0.0001 };
    vec![
        ("ping", packet(Some(ping), vec![])),
        ("ask", packet(Some(ask), vec![claim(ClaimKind::Suspect, "n0")])),
        ("ack", packet(Some(Head::Ack { seq: 1 }), vec![])),
        ("news", packet(None, vec![alive(3), alive(4), claim(ClaimKind::Failed, "n1"), claim(ClaimKind::Left, "n0")])),
        ("many", packet(None, (0..200).map(|_| alive(3)).collect())),
        ("event", packet(None, vec![event(3, 2, &[(2, 1)]), event(2, 1, &[])])),
        ("question", packet(Some(said), vec![question])),
        ("pass", packet(Some(Head::Pass { to: name("n2"), saying }), vec![])),
        ("place", packet(Some(Head::AckAt { seq: 1, position: Position::from(&place) }), vec![])),
        ("open", frame::encode(&open)),
        ("told", frame::encode(&told)),
        ("buckets", frame::encode(&Frame::Buckets { from: name("n2"), sums: vec![7; 64] })),
        ("rows", frame::encode(&rows)),
    ]
}
