//! Pools on real loopback sockets. Everything is awaited, nothing slept for.

use super::driver::Driver;
use super::memory::Memory;
use super::start::machine_setup;
use super::streams::{Line, Writer};
use super::{Events, JoinError, Notice, Pool, Prune, Public, RejoinAfterLeave, Reply, Setup, start};
use crate::config::GossipTuning;
use crate::gossip::frame::{self, Frame, Lore, Open};
use crate::gossip::{
    Ask, Clocks, EventKind, Gossip, Input, MemberStatus, Scope, StreamEvent, StreamId, Tags, Tally, UserEvent, Versions, Word,
};
use crate::model::{Datacenter, NodeName};
use crate::runtime::{Runtime, timeout, tokio::Tokio};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;

const PATIENCE: Duration = Duration::from_secs(20);

fn name(text: &str) -> NodeName {
    NodeName::parse(text).unwrap()
}

fn tags(pairs: &[(&str, &str)]) -> Tags {
    Tags::parse(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>()).unwrap()
}

/// A node id made of the name.
fn id_of(text: &str) -> String {
    let letter = text.bytes().next().unwrap();
    format!("{letter:08x}-0000-4000-8000-000000000000")
}

/// Everything ten times as fast as on a LAN.
fn fast() -> GossipTuning {
    GossipTuning {
        probe_interval: Duration::from_millis(100),
        probe_timeout: Duration::from_millis(50),
        gossip_interval: Duration::from_millis(20),
        push_pull_interval: Duration::from_secs(1),
        tcp_timeout: Duration::from_secs(2),
        ..GossipTuning::local()
    }
}

fn setup(text: &str) -> Setup<Tokio> {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    Setup {
        name: name(text),
        tags: tags(&[("dc", "dc1"), ("role", "node"), ("id", &id_of(text))]),
        bind: any,
        advertise: any,
        datacenter: Datacenter::parse("dc1").ok(),
        tuning: fast(),
        reconnect_timeout: Duration::from_secs(3600),
        memory: None,
        public: None,
        rejoin_after_leave: RejoinAfterLeave::No,
    }
}

async fn pool(text: &str) -> Pool<Tokio> {
    start(setup(text)).await.unwrap()
}

async fn heard(events: &mut Events, kind: EventKind, who: &str) {
    let wanted = async {
        loop {
            match events.next().await {
                Some(Notice::Event(event)) if event.kind == kind && event.member.name().as_str() == who => return,
                Some(_) => {}
                None => panic!("the pool stopped before {who} {kind:?}"),
            }
        }
    };
    timeout::<Tokio, _>(PATIENCE, wanted).await.unwrap_or_else(|_| panic!("{who} {kind:?} not heard of"));
}

fn status(pool: &Pool<Tokio>, who: &str) -> MemberStatus {
    pool.members().iter().find(|m| m.name().as_str() == who).map_or(MemberStatus::None, |m| m.status)
}

/// A folder of its own, removed at the end.
pub(super) struct Folder(pub PathBuf);

impl Folder {
    pub fn new(text: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("gossip-{text}-{}", std::process::id()));
        let _left_by_a_crash = std::fs::remove_dir_all(&path);
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _best_effort = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_joined_member_knows_everybody_when_the_join_returns_and_they_hear_of_it() {
    Tokio::block_on(async {
        let (a, b, c) = (pool("a").await, pool("b").await, pool("c").await);
        let mut at_b = b.events();
        assert_eq!(b.join(&[a.local_addr()]).await, Ok(1));
        assert_eq!(c.join(&[a.local_addr(), a.local_addr()]).await, Ok(1));
        let names: Vec<String> = c.members().iter().map(|m| m.name().to_string()).collect();
        assert_eq!(names, ["a", "b", "c"], "sorted by name");
        heard(&mut at_b, EventKind::Joined, "c").await;
        assert_eq!(status(&b, "c"), MemberStatus::Alive, "the member list is never behind the event");
    });
}

#[test]
fn a_join_that_reaches_nobody_says_why_for_every_address() {
    Tokio::block_on(async {
        let a = pool("a").await;
        // Of a socket that was just closed a program that another test starts may hold a copy until it is executed.
        let closed = SocketAddr::from(([127, 0, 0, 1], 1));
        let JoinError { reasons } = a.join(&[closed]).await.unwrap_err();
        assert_eq!(reasons.len(), 1);
        let text = JoinError { reasons }.to_string();
        assert!(text.starts_with("1 error occurred:\n\t* Failed to join"), "{text}");
        assert!(text.contains(&format!("dial tcp {closed}: connect: connection refused")), "{text}");
    });
}

#[test]
fn an_agent_of_another_datacenter_is_told_that_it_is_in_the_wrong_place() {
    Tokio::block_on(async {
        let a = pool("a").await;
        let setup = Setup { tags: tags(&[("dc", "dc2")]), datacenter: Datacenter::parse("dc2").ok(), ..setup("b") };
        let b = start(setup).await.unwrap();
        let error = b.join(&[a.local_addr()]).await.unwrap_err();
        assert!(error.to_string().contains("Member 'b' part of wrong datacenter 'dc2'"), "{error}");
        assert_eq!((a.members().len(), b.members().len()), (1, 1));
    });
}

#[test]
fn a_member_that_vanishes_is_failed_and_can_be_forced_out_and_forgotten() {
    Tokio::block_on(async {
        let (a, b) = (pool("a").await, pool("b").await);
        let mut at_a = a.events();
        b.join(&[a.local_addr()]).await.unwrap();
        b.shutdown().await;
        heard(&mut at_a, EventKind::Failed, "b").await;
        assert_eq!(status(&a, "b"), MemberStatus::Failed);
        a.force_leave(&name("b"), Prune::Keep).await.unwrap();
        heard(&mut at_a, EventKind::Left, "b").await;
        a.force_leave(&name("b"), Prune::Forget).await.unwrap();
        heard(&mut at_a, EventKind::Reaped, "b").await;
        let error = a.force_leave(&name("b"), Prune::Keep).await.unwrap_err();
        assert_eq!(error.to_string(), "No node found with name 'b'");
    });
}

#[test]
fn a_leaving_member_is_left_not_failed_and_new_tags_reach_everybody() {
    Tokio::block_on(async {
        let (a, b) = (pool("a").await, pool("b").await);
        let mut at_a = a.events();
        b.join(&[a.local_addr()]).await.unwrap();
        b.set_tags(tags(&[("dc", "dc1"), ("role", "consul")])).await;
        heard(&mut at_a, EventKind::Updated, "b").await;
        assert_eq!(a.members()[1].tag("role"), Some("consul"));
        b.leave().await;
        heard(&mut at_a, EventKind::Left, "b").await;
        assert_eq!((status(&a, "b"), b.local().status), (MemberStatus::Left, MemberStatus::Left));
    });
}

#[test]
fn a_restarted_agent_finds_its_pool_by_what_it_remembers() {
    let folder = Folder::new("rejoin");
    Tokio::block_on(async {
        let remembering = || Setup { memory: Some((Tokio::disk(&folder.0).unwrap(), "serf/local.snapshot".to_owned())), ..setup("b") };
        let a = pool("a").await;
        let b = start(remembering()).await.unwrap();
        b.join(&[a.local_addr()]).await.unwrap();
        b.shutdown().await;
        let mut at_a = a.events();
        let b = start(remembering()).await.unwrap();
        let mut at_b = b.events();
        if status(&b, "a") != MemberStatus::Alive {
            heard(&mut at_b, EventKind::Joined, "a").await;
        }
        assert!(b.local().incarnation > 0, "above its earlier life");
        b.leave().await;
        heard(&mut at_a, EventKind::Left, "b").await;
        b.shutdown().await;
    });
}

#[test]
fn rubbish_on_the_sockets_is_counted_and_harms_nobody() {
    Tokio::block_on(async {
        use tokio::io::AsyncWriteExt;
        let (a, b) = (pool("a").await, pool("b").await);
        let socket = Tokio::udp_bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        for bytes in [&b""[..], b"\xff\xff\xff\xff", &[0; 1400], &[1; 60_000]] {
            socket.send_to(bytes, a.local_addr()).await.unwrap();
        }
        let mut stream = Tokio::tcp_connect(a.local_addr()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        assert_eq!(b.join(&[a.local_addr()]).await, Ok(1));
        let counted = async {
            while a.stats().malformed < 3 {
                tokio::task::yield_now().await;
            }
        };
        timeout::<Tokio, _>(PATIENCE, counted).await.expect("malformed datagrams are counted");
    });
}

#[test]
fn a_port_that_is_taken_is_named() {
    Tokio::block_on(async {
        let a = pool("a").await;
        let error = start(Setup { bind: a.local_addr(), ..setup("b") }).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&a.local_addr().to_string()), "{error}");
    });
}

fn event(id: u64) -> UserEvent {
    let id = u128::from(id) << 96;
    UserEvent { id, at: 0, name: "deploy".to_owned(), payload: b"v42"[..].into(), scope: Scope::default(), after: Vec::new() }
}

/// The next event that the agent is told of: its time and id.
async fn told(public: &mut mpsc::Receiver<Public>) -> (u64, u128) {
    match timeout::<Tokio, _>(PATIENCE, public.recv()).await {
        Ok(Some(Public::Event(event))) => (event.at, event.id >> 96),
        other => panic!("no event was told: {other:?}"),
    }
}

#[test]
fn a_restarted_agent_is_told_what_it_missed_and_nothing_again() {
    let folder = Folder::new("homecoming");
    Tokio::block_on(async {
        let listening = || {
            let (agent, public) = mpsc::channel(1);
            let memory = Some((Tokio::disk(&folder.0).unwrap(), "serf/local.snapshot".to_owned()));
            (Setup { memory, public: Some(agent), ..setup("b") }, public)
        };
        let a = pool("a").await;
        let (setup, mut public) = listening();
        let b = start(setup).await.unwrap();
        b.join(&[a.local_addr()]).await.unwrap();
        for id in 1..=2 {
            a.fire(event(id)).await;
            assert_eq!(told(&mut public).await, (id, u128::from(id)));
        }
        b.shutdown().await;
        assert_eq!(public.recv().await, None, "its herald ends with it");
        a.fire(event(3)).await;
        let (setup, mut public) = listening();
        let b = start(setup).await.unwrap();
        assert_eq!(told(&mut public).await, (3, 3));
        b.fire(event(4)).await;
        assert_eq!(told(&mut public).await, (4, 4), "its clock goes on");
    });
}

#[test]
fn what_comes_back_to_a_question_ends_with_the_tally() {
    Tokio::block_on(async {
        let (a, (agent, mut public)) = (pool("a").await, mpsc::channel(1));
        let b = start(Setup { public: Some(agent), ..setup("b") }).await.unwrap();
        b.join(&[a.local_addr()]).await.unwrap();
        let ask = Ask {
            name: "load".to_owned(),
            payload: Default::default(),
            scope: Scope::default(),
            patience: Some(Duration::from_millis(300)),
            relays: 0,
            until: 100,
        };
        let mut replies = a.question(ask).await;
        let Some(Public::Question(question)) = public.recv().await else { panic!("b is asked") };
        b.say(question, Word::Answer(b"0.7"[..].into())).await;
        assert_eq!(replies.next().await, Some(Reply::Word { by: name("b"), word: Word::Answer(b"0.7"[..].into()) }));
        assert_eq!(replies.next().await, Some(Reply::End(Tally { members: 2, silent: vec![name("a")] })), "nobody answers for a");
        assert_eq!(replies.next().await, None);
    });
}

#[test]
fn a_stream_whose_peer_does_not_read_is_given_up_and_counted() {
    Tokio::block_on(async {
        let a = pool("a").await;
        let (arrivals, _nobody_listens) = mpsc::channel(1);
        let udp = Tokio::udp_bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let machine =
            Gossip::new(Tokio::now(), machine_setup(&setup("b"), udp.local_addr().unwrap(), &Memory::default(), Clocks::default()));
        let line = Line { arrivals, patience: PATIENCE };
        let mut driver = Driver::<Tokio>::new(machine, udp.into(), line, a.published.clone());
        driver.feed(Input::Fire { event: event(1) }).await;
        let id = StreamId::Accepted(1);
        let (writer, mut outgoing) = Writer::new(1);
        driver.streams.insert(id, writer);
        driver.feed(Input::Stream { id, event: StreamEvent::Opened }).await;
        let open = Open { from: name("a"), versions: Versions::OURS, own: None, root: 0, lore: Lore::default() };
        let open = StreamEvent::Frame(frame::encode(&Frame::Open(open)).into());
        driver.feed(Input::Stream { id, event: open.clone() }).await;
        // What it missed, and what the tables do not agree on: there is room for the first.
        assert!(matches!(frame::decode(&outgoing.recv().await.unwrap()), Ok(Frame::Told(_))));
        assert_eq!(outgoing.recv().await, None, "the stream ends");
        assert!(driver.streams.is_empty());
        assert_eq!(a.published.streams_overrun.load(Ordering::Relaxed), 1);
        driver.feed(Input::Stream { id, event: open }).await;
        assert_eq!(a.published.streams_overrun.load(Ordering::Relaxed), 1, "nothing is said on it any more");
    });
}
