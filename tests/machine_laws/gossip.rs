//! Gossip, given datagrams, streams and requests of every kind, true and false.

use super::specimen::Specimen;
use bytes::Bytes;
use muster::config::GossipTuning;
use muster::gossip::frame::{self, BucketDigests, Digest, Frame, Lore, Mark, Open, Row, Told};
use muster::gossip::packet::{self, Alive, Claim, ClaimKind, Head, Packet, Rumor};
use muster::gossip::{
    Ask, Clocks, Gossip, Homecoming, Input, Output, Position, Profile, Prune, Question, Saying, Scope, Setup, StreamEvent, StreamId, Tags,
    UserEvent, Versions, Word,
};
use muster::model::{Coordinate, Datacenter, Instant, NodeName};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Few names, so that claims meet the members they are about. The machine is the first.
const NAMES: [&str; 5] = ["n0", "n1", "n2", "n3", "n4"];

/// A gossip machine of the LAN profile in a pool of five that do not exist.
pub struct OfGossip;

impl Specimen for OfGossip {
    type Input = Input;
    type Output = Output;
    type Machine = Gossip;

    fn build(&self, seed: u64, now: Instant) -> Gossip {
        let setup = Setup {
            name: name("n0"),
            addr: address(0),
            tags: tags("dc1", "a"),
            incarnation: 1,
            clocks: Clocks::default(),
            homecoming: Homecoming::New,
            datacenter: Some(Datacenter::parse("dc1").expect("a datacenter")),
            tuning: GossipTuning::lan(),
            reconnect_timeout: Duration::from_secs(72 * 3600),
            tombstone_timeout: Duration::from_secs(24 * 3600),
            leave_propagation: Duration::from_secs(3),
            seed,
        };
        let mut machine = Gossip::new(now, setup);
        machine.acquaint(now, [1, 2].map(|n| (Arc::new(profile(n, address(n), "dc1", "a")), 1)));
        machine
    }

    fn inputs(&self) -> BoxedStrategy<Vec<Input>> {
        prop_oneof![
            6 => datagram().prop_map(|datagram| vec![datagram]),
            3 => stream(),
            1 => dialed().prop_map(|event| vec![event]),
            2 => request().prop_map(|request| vec![request]),
            1 => public(),
        ]
        .boxed()
    }

    fn longest_pause(&self) -> Duration {
        Duration::from_secs(90)
    }
}

fn name(text: &str) -> NodeName {
    NodeName::parse(text).expect("a name")
}

fn address(n: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, n as u8], 8301))
}

fn tags(datacenter: &str, id: &str) -> Tags {
    let pairs = [("dc", datacenter), ("id", id), ("role", "node")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    Tags::parse(BTreeMap::from(pairs)).expect("few tags")
}

fn profile(n: usize, addr: SocketAddr, datacenter: &str, id: &str) -> Profile {
    Profile { name: name(NAMES[n]), addr, tags: tags(datacenter, id), versions: Versions::OURS }
}

fn names() -> impl Strategy<Value = NodeName> {
    select(NAMES.as_slice()).prop_map(name)
}

fn addresses() -> impl Strategy<Value = SocketAddr> {
    (0..8usize).prop_map(address)
}

fn incarnations() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..6u64, 1 => Just(packet::MAX_INCARNATION), 1 => any::<u64>()]
}

fn profiles() -> impl Strategy<Value = Arc<Profile>> {
    let versions = prop_oneof![3 => Just(Versions::OURS), 1 => Just(Versions { min: 8, max: 9 })];
    (0..NAMES.len(), addresses(), select(vec!["dc1", "dc1", "dc1", "dc2", "Not A Name"]), select(vec!["a", "b"]), versions).prop_map(
        |(n, addr, datacenter, id, versions)| {
            let addr = if id == "a" { address(n) } else { addr };
            Arc::new(Profile { versions, ..profile(n, addr, datacenter, id) })
        },
    )
}

fn rumor() -> impl Strategy<Value = Rumor> {
    let kinds = select(vec![ClaimKind::Suspect, ClaimKind::Failed, ClaimKind::Leaving, ClaimKind::Left, ClaimKind::Pruned]);
    prop_oneof![
        (profiles(), incarnations()).prop_map(|(profile, incarnation)| Rumor::Alive(Alive { profile, incarnation })),
        (kinds, names(), incarnations(), names()).prop_map(|(kind, about, incarnation, by)| Rumor::Claim(Claim {
            kind,
            about,
            incarnation,
            by
        })),
        (times(), 0..4u128, 0..1200usize).prop_map(|(at, id, length)| Rumor::Event(Arc::new(user_event(at, id, length)))),
        (times(), 0..4u128, names(), addresses()).prop_map(|(at, id, asker, reply_to)| Rumor::Question(question(at, id, asker, reply_to))),
    ]
}

fn times() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..30u64, 1 => any::<u64>()]
}

/// It says that it comes after some of the others, if it is told its time.
fn user_event(at: u64, id: u128, length: usize) -> UserEvent {
    let after = (1..=3).filter_map(|back| Some((at.checked_sub(back)?, id as u32 % 4))).collect();
    UserEvent { id: id << 96 | id, at, name: "deploy".to_owned(), payload: vec![7; length].into(), scope: Scope::default(), after }
}

fn question(at: u64, id: u128, asker: NodeName, reply_to: SocketAddr) -> Arc<Question> {
    let (name, payload, scope) = ("load".to_owned(), Bytes::new(), Scope::default());
    Arc::new(Question { id, at, asker, reply_to, name, payload, scope, relays: 2, patience: 1000 })
}

fn saying() -> impl Strategy<Value = Saying> {
    let words = prop_oneof![Just(Word::Nothing), Just(Word::Heard), Just(Word::Answer(Bytes::from_static(b"42")))];
    (0..4u128, names(), words).prop_map(|(question, by, word)| Saying { question, by, word })
}

/// What the agent itself fires, asks and says.
fn public() -> BoxedStrategy<Vec<Input>> {
    let ask = |id: u128, until: u8| {
        let patience = Some(Duration::from_secs(3));
        let ask = Ask { name: "load".to_owned(), payload: Bytes::new(), scope: Scope::default(), patience, relays: 1, until };
        Input::Ask { ticket: id as u64, id, ask }
    };
    prop_oneof![
        (0..4u128, 0..900usize).prop_map(|(id, length)| Input::Fire { event: user_event(0, id, length) }),
        (0..4u128, 0..101u8).prop_map(move |(id, until)| ask(id, until)),
        (0..4u128, names(), addresses()).prop_map(|(id, asker, reply_to)| Input::Say {
            question: question(1, id, asker, reply_to),
            word: Word::Answer(Bytes::from_static(b"42"))
        }),
    ]
    .prop_map(|input| vec![input])
    .boxed()
}

fn head() -> impl Strategy<Value = Head> {
    let seq = prop_oneof![0..20u32, any::<u32>()];
    prop_oneof![
        (seq.clone(), names(), names()).prop_map(|(seq, to, from)| Head::Ping { seq, to, from }),
        seq.clone().prop_map(|seq| Head::Ack { seq }),
        seq.clone().prop_map(|seq| Head::Nack { seq }),
        (seq.clone(), names(), addresses()).prop_map(|(seq, to, addr)| Head::AskPing { seq, to, addr }),
        (seq, any::<f64>()).prop_map(|(seq, height)| Head::AckAt { seq, position: position(height) }),
        saying().prop_map(Head::Say),
        (names(), saying()).prop_map(|(to, saying)| Head::Pass { to, saying }),
    ]
}

fn position(height: f64) -> Position {
    Position::from(&Coordinate { vec: [0.01; 8], error: 0.5, adjustment: 0.0, height })
}

fn datagram() -> impl Strategy<Value = Input> {
    let sound = (option::of(head()), vec(rumor(), 0..6)).prop_map(|(head, rumors)| packet::encode(&Packet { head, rumors }));
    let bytes = prop_oneof![8 => sound, 1 => vec(any::<u8>(), 0..64)];
    (addresses(), bytes).prop_map(|(from, bytes)| Input::Datagram { from, bytes: Bytes::from(bytes) })
}

fn row() -> impl Strategy<Value = Row> {
    let marks = select(vec![Mark::Here, Mark::Leaving, Mark::Failed, Mark::Left]);
    (profiles(), incarnations(), marks, any::<u32>()).prop_map(|(profile, incarnation, mark, age)| Row { profile, incarnation, mark, age })
}

fn lore() -> impl Strategy<Value = Lore> {
    (times(), times(), times(), vec((times(), 0..4u32), 0..4)).prop_map(|(events, questions, floor, held)| Lore {
        events,
        questions,
        floor,
        held,
    })
}

fn stream_frame() -> impl Strategy<Value = Frame> {
    let open = (names(), option::of(row()), any::<u64>(), lore())
        .prop_map(|(from, own, root, lore)| Frame::Open(Open { from, versions: Versions::OURS, own, root, lore }));
    let digest = (any::<u64>(), incarnations(), any::<u32>()).prop_map(|(name, incarnation, profile)| Digest {
        name,
        incarnation,
        mark: Mark::Here,
        profile,
    });
    let bucket = (any::<u8>(), vec(digest, 0..4)).prop_map(|(bucket, digests)| BucketDigests { bucket, digests });
    prop_oneof![
        1 => names().prop_map(|to| Frame::Ping { to }),
        1 => Just(Frame::Ack),
        3 => open,
        1 => Just(Frame::Same),
        1 => (times(), times(), vec((times(), 0..4u128), 0..4)).prop_map(|(clock, questions, events)| {
            let events = events.into_iter().map(|(at, id)| Arc::new(user_event(at, id, 10))).collect();
            Frame::Told(Told { clock, questions, events })
        }),
        1 => "[a-z ]{0,20}".prop_map(|reason| Frame::Refused { reason }),
        1 => (names(), vec(any::<u64>(), 0..300)).prop_map(|(from, sums)| Frame::Buckets { from, sums }),
        2 => vec(bucket, 0..5).prop_map(|buckets| Frame::Digests { buckets }),
        3 => (vec(row(), 0..5), vec(any::<u64>(), 0..5), 0..3u32).prop_map(|(rows, wanted, more)| Frame::Rows { rows, wanted, more }),
    ]
}

fn stream_event() -> impl Strategy<Value = StreamEvent> {
    prop_oneof![
        8 => stream_frame().prop_map(|frame| StreamEvent::Frame(Bytes::from(frame::encode(&frame)))),
        1 => vec(any::<u8>(), 0..40).prop_map(|bytes| StreamEvent::Frame(Bytes::from(bytes))),
        2 => Just(StreamEvent::Closed { reason: "reset".to_owned() }),
    ]
}

/// A stream somebody opens to us. The driver gives every stream a number of its own.
fn stream() -> BoxedStrategy<Vec<Input>> {
    (any::<u64>(), vec(stream_event(), 0..5))
        .prop_map(|(number, events)| {
            let id = StreamId::Accepted(number);
            let opened = [Input::Stream { id, event: StreamEvent::Opened }];
            opened.into_iter().chain(events.into_iter().map(|event| Input::Stream { id, event })).collect()
        })
        .boxed()
}

/// Something on one of the streams the machine has dialled, or may dial later.
fn dialed() -> impl Strategy<Value = Input> {
    let event = prop_oneof![2 => Just(StreamEvent::Opened), 3 => stream_event()];
    (1..8u64, event).prop_map(|(number, event)| Input::Stream { id: StreamId::Dialed(number), event })
}

fn request() -> impl Strategy<Value = Input> {
    let prunes = select(vec![Prune::Keep, Prune::Forget]);
    prop_oneof![
        3 => (any::<u64>(), vec(addresses(), 0..4)).prop_map(|(ticket, addrs)| Input::Join { ticket, addrs }),
        2 => vec(addresses(), 0..4).prop_map(|addrs| Input::Remember { addrs }),
        1 => Just(Input::Leave),
        3 => (names(), prunes).prop_map(|(name, prune)| Input::ForceLeave { name, prune }),
        2 => select(vec!["a", "b"]).prop_map(|id| Input::SetTags { tags: tags("dc1", id) }),
    ]
}
