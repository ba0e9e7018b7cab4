//! A few machines and a network without chance: every message takes a millisecond. Links can be cut, separately for UDP and TCP.

use crate::config::GossipTuning;
use crate::gossip::frame::{self, Frame};
use crate::gossip::packet::{self, Alive, Claim, ClaimKind, Head, Packet, Rumor};
use crate::gossip::{
    Clocks, Event, Gossip, Homecoming, Input, MemberStatus, Output, Profile, Setup, StreamEvent, StreamId, Tags, Versions,
};
use crate::model::{Datacenter, Instant, Machine, NodeName};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub const LATENCY: Duration = Duration::from_millis(1);

pub fn name(n: usize) -> NodeName {
    NodeName::parse(&format!("n{n}")).unwrap()
}

pub fn addr(n: usize) -> SocketAddr {
    ([10, 0, 0, n as u8], 8301).into()
}

pub fn id(n: usize) -> String {
    format!("{n:08x}-0000-4000-8000-000000000000")
}

pub fn tags(n: usize) -> Tags {
    Tags::parse([("dc", "dc1"), ("id", id(n).as_str())].map(|(k, v)| (k.to_owned(), v.to_owned())).into()).unwrap()
}

pub fn profile(n: usize) -> Arc<Profile> {
    Profile { name: name(n), addr: addr(n), tags: tags(n), versions: Versions::OURS }.into()
}

pub fn setup(n: usize) -> Setup {
    Setup {
        name: name(n),
        addr: addr(n),
        tags: tags(n),
        incarnation: 0,
        clocks: Clocks::default(),
        homecoming: Homecoming::New,
        datacenter: Datacenter::parse("dc1").ok(),
        tuning: GossipTuning::lan(),
        reconnect_timeout: Duration::from_secs(72 * 3600),
        tombstone_timeout: Duration::from_secs(24 * 3600),
        leave_propagation: Duration::from_secs(3),
        seed: n as u64,
    }
}

/// A machine that knows these others.
pub fn machine_among(n: usize, others: &[usize]) -> Gossip {
    let mut machine = Gossip::new(start(), setup(n));
    machine.acquaint(start(), others.iter().map(|n| (profile(*n), 0)));
    machine
}

pub fn start() -> Instant {
    Instant::ZERO + Duration::from_secs(1000)
}

pub fn alive(n: usize, incarnation: u64) -> Rumor {
    Rumor::Alive(Alive { profile: profile(n), incarnation })
}

pub fn claim(kind: ClaimKind, about: usize, incarnation: u64, by: usize) -> Rumor {
    Rumor::Claim(Claim { kind, about: name(about), incarnation, by: name(by) })
}

/// Gives the machine rumors in one datagram from member `from`, and returns what it says.
pub fn tell(machine: &mut Gossip, now: Instant, from: usize, rumors: Vec<Rumor>) -> Vec<Output> {
    say(machine, now, from, None, rumors)
}

/// Gives the machine a packet from member `from`, and returns what it says.
pub fn say(machine: &mut Gossip, now: Instant, from: usize, head: Option<Head>, rumors: Vec<Rumor>) -> Vec<Output> {
    let bytes = packet::encode(&Packet { head, rumors }).into();
    machine.handle(now, Input::Datagram { from: addr(from), bytes });
    drain(machine)
}

pub fn drain(machine: &mut Gossip) -> Vec<Output> {
    machine.check_invariants();
    std::iter::from_fn(|| machine.poll_output()).collect()
}

/// Runs the machine's own timers up to `until`, as nobody answers, and returns what it says.
pub fn pass(machine: &mut Gossip, until: Instant) -> Vec<Output> {
    let mut said = Vec::new();
    while let Some(due) = machine.poll_timeout().filter(|due| due.at <= until) {
        machine.handle_timeout(due.at);
        said.extend(drain(machine));
    }
    said
}

pub fn packets(outputs: &[Output]) -> Vec<(SocketAddr, Packet)> {
    let sent = outputs.iter().filter_map(|output| match output {
        Output::Send { to, bytes } => Some((*to, packet::decode(bytes).expect("our own packet"))),
        _ => None,
    });
    sent.collect()
}

pub fn events(outputs: &[Output]) -> Vec<Event> {
    outputs.iter().filter_map(|output| if let Output::Event(event) = output { Some(event.clone()) } else { None }).collect()
}

pub fn status(machine: &Gossip, n: usize) -> MemberStatus {
    machine.member(&name(n)).map_or(MemberStatus::None, |member| member.status)
}

#[derive(Debug)]
enum Delivery {
    Datagram(Bytes),
    Syn(StreamId),
    Stream(StreamId, StreamEvent),
}

/// Members 1 to n at their addresses.
pub struct Net {
    pub now: Instant,
    pub machines: BTreeMap<usize, Gossip>,
    /// One-way cuts.
    pub udp_cut: BTreeSet<(usize, usize)>,
    pub tcp_cut: BTreeSet<(usize, usize)>,
    /// Members that stand still: neither timers nor messages reach them.
    pub frozen: BTreeSet<usize>,
    pub events: Vec<(Instant, usize, Event)>,
    pub outputs: Vec<(usize, Output)>,
    /// What happened, one line each, but for probes that went well.
    pub trace: Vec<String>,
    queue: BTreeMap<(Instant, u64), (usize, usize, Delivery)>,
    order: u64,
    streams: BTreeMap<(usize, StreamId), (usize, StreamId)>,
    accepted: u64,
}

impl Net {
    pub fn strangers(members: usize) -> Net {
        let machines = (1..=members).map(|n| (n, Gossip::new(start(), setup(n)))).collect();
        Net {
            now: start(),
            machines,
            udp_cut: BTreeSet::new(),
            tcp_cut: BTreeSet::new(),
            frozen: BTreeSet::new(),
            events: Vec::new(),
            outputs: Vec::new(),
            trace: Vec::new(),
            queue: BTreeMap::new(),
            order: 0,
            streams: BTreeMap::new(),
            accepted: 0,
        }
    }

    pub fn formed(members: usize) -> Net {
        let mut net = Net::strangers(members);
        for machine in net.machines.values_mut() {
            machine.acquaint(start(), (1..=members).map(|n| (profile(n), 0)));
        }
        net
    }

    pub fn input(&mut self, n: usize, input: Input) {
        let now = self.now;
        self.machines.get_mut(&n).expect("it is there").handle(now, input);
        self.drain(n);
    }

    pub fn cut_off(&mut self, n: usize) {
        for other in self.machines.keys().copied().filter(|other| *other != n) {
            for pair in [(n, other), (other, n)] {
                self.udp_cut.insert(pair);
                self.tcp_cut.insert(pair);
            }
        }
    }

    pub fn heal(&mut self) {
        self.udp_cut.clear();
        self.tcp_cut.clear();
    }

    pub fn status(&self, by: usize, n: usize) -> MemberStatus {
        status(&self.machines[&by], n)
    }

    pub fn run_for(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let message = self.queue.first_key_value().map(|((at, _), _)| *at);
            let awake = self.machines.iter().filter(|(n, _)| !self.frozen.contains(n));
            let timer = awake.filter_map(|(n, machine)| machine.poll_timeout().map(|due| (due.at.max(self.now), *n))).min();
            match (message, timer) {
                (Some(at), timer) if at <= until && timer.is_none_or(|(due, _)| at <= due) => {
                    self.now = at;
                    let ((_, _), (from, to, what)) = self.queue.pop_first().expect("just seen");
                    self.deliver(from, to, what);
                }
                (_, Some((due, n))) if due <= until => {
                    self.now = due;
                    self.machines.get_mut(&n).expect("it is there").handle_timeout(due);
                    self.drain(n);
                }
                _ => break,
            }
        }
        self.now = until;
    }

    fn deliver(&mut self, from: usize, to: usize, what: Delivery) {
        if self.frozen.contains(&to) || !self.machines.contains_key(&to) {
            return;
        }
        match what {
            Delivery::Datagram(bytes) => self.input(to, Input::Datagram { from: addr(from), bytes }),
            Delivery::Stream(id, event) => {
                if matches!(event, StreamEvent::Closed { .. }) {
                    self.streams.remove(&(to, id));
                }
                self.input(to, Input::Stream { id, event });
            }
            Delivery::Syn(id) => {
                self.accepted += 1;
                let ours = StreamId::Accepted(self.accepted);
                self.streams.insert((to, ours), (from, id));
                self.streams.insert((from, id), (to, ours));
                self.input(to, Input::Stream { id: ours, event: StreamEvent::Opened });
                self.send(to, from, Delivery::Stream(id, StreamEvent::Opened));
            }
        }
    }

    fn send(&mut self, from: usize, to: usize, what: Delivery) {
        self.order += 1;
        self.queue.insert((self.now + LATENCY, self.order), (from, to, what));
    }

    fn drain(&mut self, n: usize) {
        for output in drain(self.machines.get_mut(&n).expect("it is there")) {
            self.note(n, &output);
            match &output {
                Output::Send { to, bytes } => {
                    let to = member_at(*to);
                    if !self.udp_cut.contains(&(n, to)) {
                        self.send(n, to, Delivery::Datagram(bytes.clone()));
                    }
                }
                Output::Dial { id, to } => {
                    let to = member_at(*to);
                    if self.tcp_cut.contains(&(n, to)) || !self.machines.contains_key(&to) {
                        let closed = StreamEvent::Closed { reason: "no route".to_owned() };
                        self.send(to, n, Delivery::Stream(*id, closed));
                    } else {
                        self.send(n, to, Delivery::Syn(*id));
                    }
                }
                Output::StreamSend { id, frame } => self.on_stream(n, *id, StreamEvent::Frame(frame.clone())),
                Output::StreamClose { id } => {
                    self.on_stream(n, *id, StreamEvent::Closed { reason: "closed".to_owned() });
                    self.streams.remove(&(n, *id));
                }
                Output::Event(event) => self.events.push((self.now, n, event.clone())),
                Output::Conflict(_)
                | Output::Joined { .. }
                | Output::Departed
                | Output::Fired(_)
                | Output::Asked(_)
                | Output::Said { .. }
                | Output::Finished { .. } => {}
            }
            self.outputs.push((n, output));
        }
    }

    fn on_stream(&mut self, n: usize, id: StreamId, event: StreamEvent) {
        if let Some((to, theirs)) = self.streams.get(&(n, id)).copied()
            && !self.tcp_cut.contains(&(n, to))
        {
            self.send(n, to, Delivery::Stream(theirs, event));
        }
    }

    fn note(&mut self, n: usize, output: &Output) {
        let line = match output {
            Output::Send { to, bytes } => {
                let packet = packet::decode(bytes).expect("our own packet");
                let quiet =
                    packet.rumors.is_empty() && matches!(packet.head, Some(Head::Ping { .. } | Head::Ack { .. } | Head::AckAt { .. }));
                if quiet {
                    return;
                }
                format!("n{n} -> n{}: {}", member_at(*to), in_words(&packet))
            }
            Output::Dial { to, .. } => format!("n{n} dials n{}", member_at(*to)),
            Output::StreamSend { frame, .. } => format!("n{n}: {}", frame_in_words(&frame::decode(frame).expect("our own frame"))),
            Output::StreamClose { .. } => return,
            Output::Event(event) => {
                let by: Vec<&str> = event.by.iter().map(NodeName::as_str).collect();
                let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ")) };
                format!("n{n} sees {} {:?}@{}{by}", event.member.name(), event.kind, event.member.incarnation)
            }
            Output::Conflict(conflict) => format!("n{n}: {conflict}"),
            Output::Joined { contacted, .. } => format!("n{n} joined {contacted}"),
            Output::Departed => format!("n{n} departed"),
            Output::Fired(event) => format!("n{n} hears {}@{}", event.name, event.at),
            Output::Asked(question) => format!("n{n} is asked {}@{}", question.name, question.at),
            Output::Said { by, word, .. } => format!("n{n} hears {by} say {word:?}"),
            Output::Finished { tally, .. } => format!("n{n} has heard all but {} of {}", tally.silent.len(), tally.members),
        };
        let at = self.now.since(start()).as_secs_f64();
        self.trace.push(format!("{at:>7.3}  {line}"));
    }
}

fn member_at(addr: SocketAddr) -> usize {
    match addr {
        SocketAddr::V4(v4) => usize::from(v4.ip().octets()[3]),
        SocketAddr::V6(_) => panic!("members have v4 addresses"),
    }
}

fn in_words(packet: &Packet) -> String {
    let head = packet.head.iter().map(|head| match head {
        Head::Ping { to, .. } => format!("ping {to}"),
        Head::Ack { .. } | Head::AckAt { .. } => "ack".to_owned(),
        Head::Say(saying) => format!("{} says {:?}", saying.by, saying.word),
        Head::Pass { to, saying } => format!("tell {to} that {} says {:?}", saying.by, saying.word),
        Head::Nack { .. } => "nack".to_owned(),
        Head::AskPing { to, .. } => format!("ping {to} for me"),
    });
    let rumors = packet.rumors.iter().map(|rumor| match rumor {
        Rumor::Alive(alive) => format!("{} alive@{}", alive.profile.name, alive.incarnation),
        Rumor::Claim(claim) => {
            format!("{} {}@{} by {}", claim.about, format!("{:?}", claim.kind).to_lowercase(), claim.incarnation, claim.by)
        }
        Rumor::Event(event) => format!("{}@{}", event.name, event.at),
        Rumor::Question(question) => format!("{}@{}?", question.name, question.at),
    });
    head.chain(rumors).collect::<Vec<_>>().join(", ")
}

fn frame_in_words(frame: &Frame) -> String {
    match frame {
        Frame::Ping { to } => format!("are you {to}?"),
        Frame::Ack => "I am".to_owned(),
        Frame::Open(open) => format!("let us compare{}", if open.own.is_some() { ", here am I" } else { "" }),
        Frame::Same => "all the same".to_owned(),
        Frame::Told(told) => format!("it is {}, {} events", told.clock, told.events.len()),
        Frame::Refused { reason } => format!("refused: {reason}"),
        Frame::Buckets { .. } => "my buckets".to_owned(),
        Frame::Digests { buckets } => format!("{} of them differ", buckets.len()),
        Frame::Rows { rows, wanted, .. } => {
            let rows: Vec<String> = rows.iter().map(|row| format!("{} {:?}@{}", row.profile.name, row.mark, row.incarnation)).collect();
            format!("rows [{}], wants {}", rows.join(", "), wanted.len())
        }
    }
}
