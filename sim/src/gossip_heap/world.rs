//! The heap: every datagram, segment and timer is an event; members are machines that nobody else drives.

use super::link::Link;
use bytes::Bytes;
use muster::config::GossipTuning;
use muster::gossip::{Clocks, Event, Gossip, Homecoming, Input, Output, Profile, Setup, StreamEvent, StreamId, Tags, UserEvent};
use muster::model::{Instant, Machine, NodeName};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

const PORT: u16 = 8301;

/// A stopped process still has a socket buffer: this many datagrams wait in it, the rest is lost.
const SOCKET_BUFFER: usize = 512;

/// What happens to a member.
#[derive(Debug)]
enum Happening {
    /// Its timer rings, unless it was set anew.
    Wake,
    Datagram {
        from: usize,
        bytes: Bytes,
    },
    /// Somebody connects.
    Syn {
        from: usize,
        id: StreamId,
    },
    Stream {
        id: StreamId,
        event: StreamEvent,
    },
    /// The driver's patience with a stream is over.
    Expire {
        id: StreamId,
    },
    /// It runs again.
    Resume,
}

#[derive(Debug)]
struct Queued {
    at: Instant,
    order: u64,
    member: usize,
    what: Happening,
}

impl PartialEq for Queued {
    fn eq(&self, other: &Queued) -> bool {
        self.order == other.order
    }
}

impl Eq for Queued {}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Queued) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Queued {
    fn cmp(&self, other: &Queued) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Running,
    Paused,
    Dead,
}

/// One member and its driver.
#[derive(Debug)]
struct Node {
    machine: Gossip,
    condition: Condition,
    armed: Option<Instant>,
    backlog: Vec<Happening>,
    /// Our streams: the other end, and when the last segment towards it arrives.
    streams: BTreeMap<StreamId, (usize, StreamId, Instant)>,
    accepted: u64,
}

/// What a member noticed.
#[derive(Debug, Clone)]
pub struct Noticed {
    /// When.
    pub at: Instant,
    /// Which member.
    pub by: usize,
    /// What.
    pub event: Event,
}

/// A user event that a member heard.
#[derive(Debug, Clone)]
pub struct Fired {
    /// When.
    pub at: Instant,
    /// Which member.
    pub by: usize,
    /// What.
    pub event: Arc<UserEvent>,
}

/// Members, what is between them, and what is going to happen.
pub struct World {
    /// What lies between the members.
    pub link: Link,
    /// What members noticed since it was last emptied.
    pub noticed: Vec<Noticed>,
    /// Events that members heard since it was last emptied.
    pub fired: Vec<Fired>,
    now: Instant,
    rng: ChaCha8Rng,
    heap: BinaryHeap<Reverse<Queued>>,
    order: u64,
    nodes: Vec<Node>,
    tuning: GossipTuning,
}

impl World {
    /// `members` strangers on a quiet LAN.
    pub fn strangers(seed: u64, members: usize) -> World {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let tuning = GossipTuning::lan();
        let now = Instant::ZERO + Duration::from_secs(1);
        let node = |n: usize| Node {
            machine: Gossip::new(now, setup(n, &tuning, rng.random())),
            condition: Condition::Running,
            armed: None,
            backlog: Vec::new(),
            streams: BTreeMap::new(),
            accepted: 0,
        };
        let nodes: Vec<Node> = (0..members).map(node).collect();
        let link = Link::lan(members);
        let mut world = World { link, noticed: Vec::new(), fired: Vec::new(), now, rng, heap: BinaryHeap::new(), order: 0, nodes, tuning };
        (0..members).for_each(|n| world.arm(n));
        world
    }

    /// `members` that have long known one another.
    pub fn formed(seed: u64, members: usize) -> World {
        let mut world = World::strangers(seed, members);
        let profiles: Vec<Arc<Profile>> = world.nodes.iter().map(|node| node.machine.local().profile).collect();
        for n in 0..members {
            world.nodes[n].machine.acquaint(world.now, profiles.iter().map(|profile| (profile.clone(), 0)));
            world.arm(n);
        }
        world
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The run's chance.
    pub fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.rng
    }

    /// One member's machine.
    pub fn machine(&self, member: usize) -> &Gossip {
        &self.nodes[member].machine
    }

    /// Members that were not killed.
    pub fn living(&self) -> impl Iterator<Item = usize> {
        (0..self.nodes.len()).filter(|n| self.nodes[*n].condition != Condition::Dead)
    }

    /// It vanishes, host and all.
    pub fn kill(&mut self, member: usize) {
        self.nodes[member].condition = Condition::Dead;
    }

    /// It starts again with nothing remembered and no news of its own.
    pub fn restart(&mut self, member: usize) {
        self.begin_anew(member, Clocks::default(), Homecoming::New);
    }

    /// It starts again and remembers what the driver keeps on disk of events: up to when it was told of them.
    pub fn come_back(&mut self, member: usize, events: u64) {
        self.begin_anew(member, Clocks { events, questions: 0 }, Homecoming::Back);
    }

    fn begin_anew(&mut self, member: usize, clocks: Clocks, homecoming: Homecoming) {
        let seed = self.rng.random();
        let node = &mut self.nodes[member];
        node.machine = Gossip::new(self.now, Setup { clocks, homecoming, ..setup(member, &self.tuning, seed) });
        node.condition = Condition::Running;
        node.armed = None;
        node.backlog.clear();
        node.streams.clear();
        self.arm(member);
    }

    /// It stands still for a while; what arrives waits, up to a bound.
    pub fn pause(&mut self, member: usize, pause: Duration) {
        if self.nodes[member].condition == Condition::Running {
            self.nodes[member].condition = Condition::Paused;
            self.push(self.now + pause, member, Happening::Resume);
        }
    }

    /// Gives a member an input now.
    pub fn input(&mut self, member: usize, input: Input) {
        self.nodes[member].machine.handle(self.now, input);
        self.drain(member);
    }

    /// Whether every living member lists every living member, and nobody else, as alive.
    pub fn all_alive_to_all(&self) -> bool {
        let living = self.living().count();
        self.living().all(|n| {
            let stats = self.nodes[n].machine.stats();
            stats.alive == living && stats.failed == 0
        })
    }

    /// Lets things happen for `time`.
    pub fn run_for(&mut self, time: Duration) {
        let until = self.now + time;
        self.run_until(until, |_| false);
    }

    /// Lets things happen until `until`, or until `done` says so after something did.
    pub fn run_until(&mut self, until: Instant, mut done: impl FnMut(&World) -> bool) {
        while let Some(Reverse(next)) = self.heap.peek() {
            if next.at > until {
                break;
            }
            let Some(Reverse(queued)) = self.heap.pop() else { break };
            assert!(queued.at >= self.now, "time does not run back");
            self.now = queued.at;
            self.happen(queued.member, queued.what);
            if done(self) {
                return;
            }
        }
        self.now = self.now.max(until);
    }

    fn push(&mut self, at: Instant, member: usize, what: Happening) {
        self.order += 1;
        self.heap.push(Reverse(Queued { at, order: self.order, member, what }));
    }

    fn happen(&mut self, member: usize, what: Happening) {
        match self.nodes[member].condition {
            Condition::Dead => self.unheard(member, what),
            Condition::Paused => match what {
                Happening::Resume => self.resume(member),
                Happening::Datagram { .. } if self.nodes[member].backlog.len() >= SOCKET_BUFFER => {}
                what => self.nodes[member].backlog.push(what),
            },
            Condition::Running => self.deliver(member, what),
        }
    }

    /// What was on its way to a dead member: only a dialer ever learns of it, by its own patience.
    fn unheard(&mut self, member: usize, what: Happening) {
        if let Happening::Syn { from, id } = what {
            self.time_out(from, id, member);
        }
    }

    fn time_out(&mut self, dialer: usize, id: StreamId, to: usize) {
        let reason = format!("{}: timed out", addr_of(to));
        self.push(self.now + self.tuning.tcp_timeout, dialer, Happening::Stream { id, event: StreamEvent::Closed { reason } });
    }

    fn resume(&mut self, member: usize) {
        self.nodes[member].condition = Condition::Running;
        for what in std::mem::take(&mut self.nodes[member].backlog) {
            self.deliver(member, what);
        }
        self.arm(member);
    }

    fn deliver(&mut self, member: usize, what: Happening) {
        let now = self.now;
        match what {
            Happening::Resume => {}
            Happening::Wake => {
                let node = &mut self.nodes[member];
                if node.armed.is_some_and(|at| at > now) || node.armed.is_none() {
                    return;
                }
                node.armed = None;
                node.machine.handle_timeout(now);
            }
            Happening::Datagram { from, bytes } => {
                self.nodes[member].machine.handle(now, Input::Datagram { from: addr_of(from), bytes });
            }
            Happening::Syn { from, id } => return self.accept(member, from, id),
            Happening::Stream { id, event } => {
                let known = self.nodes[member].streams.contains_key(&id);
                match &event {
                    StreamEvent::Closed { .. } => drop(self.nodes[member].streams.remove(&id)),
                    StreamEvent::Opened | StreamEvent::Frame(_) if !known => return,
                    StreamEvent::Opened | StreamEvent::Frame(_) => {}
                }
                self.nodes[member].machine.handle(now, Input::Stream { id, event });
            }
            Happening::Expire { id } => {
                if self.nodes[member].streams.remove(&id).is_none() {
                    return;
                }
                let event = StreamEvent::Closed { reason: "timed out".to_owned() };
                self.nodes[member].machine.handle(now, Input::Stream { id, event });
            }
        }
        self.drain(member);
    }

    fn accept(&mut self, member: usize, from: usize, id: StreamId) {
        if !self.link.connected(member, from) {
            return self.time_out(from, id, member);
        }
        let (now, patience) = (self.now, self.tuning.tcp_timeout);
        self.nodes[member].accepted += 1;
        let ours = StreamId::Accepted(self.nodes[member].accepted);
        self.nodes[member].streams.insert(ours, (from, id, now));
        self.nodes[from].streams.insert(id, (member, ours, now));
        let back = self.link.segment(&mut self.rng, now);
        self.push(back, from, Happening::Stream { id, event: StreamEvent::Opened });
        self.push(now + patience, member, Happening::Expire { id: ours });
        self.push(now + patience, from, Happening::Expire { id });
        self.nodes[member].machine.handle(now, Input::Stream { id: ours, event: StreamEvent::Opened });
        self.drain(member);
    }

    fn drain(&mut self, member: usize) {
        while let Some(output) = self.nodes[member].machine.poll_output() {
            match output {
                Output::Send { to, bytes } => {
                    let Some(to) = index_of(to).filter(|to| self.link.connected(member, *to)) else { continue };
                    let arrivals: Vec<Instant> = self.link.datagram(&mut self.rng, self.now, (member, to)).collect();
                    for at in arrivals {
                        self.push(at, to, Happening::Datagram { from: member, bytes: bytes.clone() });
                    }
                }
                Output::Dial { id, to } => {
                    let Some(to) = index_of(to) else { continue };
                    let at = self.link.segment(&mut self.rng, self.now);
                    self.push(at, to, Happening::Syn { from: member, id });
                }
                Output::StreamSend { id, frame } => self.segment(member, id, StreamEvent::Frame(frame)),
                Output::StreamClose { id } => {
                    self.segment(member, id, StreamEvent::Closed { reason: "closed".to_owned() });
                    self.nodes[member].streams.remove(&id);
                }
                Output::Event(event) => self.noticed.push(Noticed { at: self.now, by: member, event }),
                Output::Fired(event) => self.fired.push(Fired { at: self.now, by: member, event }),
                Output::Conflict(_)
                | Output::Joined { .. }
                | Output::Departed
                | Output::Asked(_)
                | Output::Said { .. }
                | Output::Finished { .. } => {}
            }
        }
        self.arm(member);
    }

    /// Sends on a stream, in order; what cannot get through leaves both ends to their patience.
    fn segment(&mut self, member: usize, id: StreamId, event: StreamEvent) {
        let Some((peer, theirs, last)) = self.nodes[member].streams.get(&id).copied() else { return };
        if !self.link.connected(member, peer) {
            return;
        }
        let at = self.link.segment(&mut self.rng, self.now).max(last + Duration::from_nanos(1));
        self.nodes[member].streams.insert(id, (peer, theirs, at));
        self.push(at, peer, Happening::Stream { id: theirs, event });
    }

    fn arm(&mut self, member: usize) {
        let node = &mut self.nodes[member];
        let Some(due) = node.machine.poll_timeout() else { return };
        let at = due.at.max(self.now);
        if node.armed.is_none_or(|armed| armed > at) {
            node.armed = Some(at);
            self.push(at, member, Happening::Wake);
        }
    }
}

/// The name of member `n`.
pub fn name_of(n: usize) -> NodeName {
    NodeName::parse(&format!("node-{n:04}")).expect("a plain name")
}

/// The address of member `n`.
pub fn addr_of(n: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, (n / 250) as u8, (n % 250) as u8 + 1)), PORT)
}

fn index_of(addr: SocketAddr) -> Option<usize> {
    let IpAddr::V4(ip) = addr.ip() else { return None };
    let [_, _, high, low] = ip.octets();
    Some(usize::from(high) * 250 + usize::from(low).checked_sub(1)?)
}

fn setup(n: usize, tuning: &GossipTuning, seed: u64) -> Setup {
    let id = format!("{:08x}-0000-4000-8000-000000000000", n + 1);
    let pairs = [("role", "node"), ("dc", "dc1"), ("id", &id), ("build", "0.1.0"), ("vsn", "2"), ("vsn_min", "2"), ("vsn_max", "3")];
    let tags = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Setup {
        name: name_of(n),
        addr: addr_of(n),
        tags: Tags::parse(tags).expect("short tags"),
        incarnation: 0,
        clocks: Clocks::default(),
        homecoming: Homecoming::New,
        datacenter: muster::model::Datacenter::parse("dc1").ok(),
        tuning: tuning.clone(),
        reconnect_timeout: Duration::from_secs(72 * 3600),
        tombstone_timeout: Duration::from_secs(24 * 3600),
        leave_propagation: Duration::from_secs(3),
        seed,
    }
}
