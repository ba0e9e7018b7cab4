//! What one member of a pool pays: a probe round, a packet received, a packet full of news, a sync. `cargo bench --bench gossip_round`.

use bytes::Bytes;
use muster::config::GossipTuning;
use muster::gossip::packet::{self, Alive, Head, Packet, Rumor};
use muster::gossip::{Clocks, Gossip, Homecoming, Input, Output, Profile, Setup, Tags, Versions};
use muster::model::{Datacenter, Instant, Machine, NodeName};
use muster::runtime::{Runtime, tokio::Tokio};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Nanoseconds for one step in a pool of so many.
type Measure = fn(usize) -> f64;

fn main() {
    println!("{:<34}{:>12}{:>12}", "ns each", "30 members", "1000 members");
    let rows: [(&str, Measure); 4] = [
        ("probe round (ping out, ack in)", probe_round),
        ("ping received and answered", ping_received),
        ("packet of 4 news, told on", news_received),
        ("packet of 4 known things", known_received),
    ];
    for (what, measure) in rows {
        println!("{what:<34}{:>12.0}{:>12.0}", measure(30), measure(1000));
    }
}

fn name(n: usize) -> NodeName {
    NodeName::parse(&format!("node-{n:04}")).expect("a name")
}

fn addr(n: usize) -> SocketAddr {
    ([10, 0, (n / 250) as u8, (n % 250) as u8 + 1], 8301).into()
}

fn tags(n: usize) -> Tags {
    let id = format!("{n:08x}-0000-4000-8000-000000000000");
    let pairs = [("role", "node"), ("dc", "dc1"), ("id", &id), ("build", "0.1.0"), ("vsn", "2")];
    Tags::parse(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()).expect("short")
}

fn profile(n: usize) -> Arc<Profile> {
    Profile { name: name(n), addr: addr(n), tags: tags(n), versions: Versions::OURS }.into()
}

fn start() -> Instant {
    Instant::ZERO + Duration::from_secs(1)
}

fn member_of(members: usize) -> Gossip {
    let setup = Setup {
        name: name(0),
        addr: addr(0),
        tags: tags(0),
        incarnation: 0,
        clocks: Clocks::default(),
        homecoming: Homecoming::New,
        datacenter: Datacenter::parse("dc1").ok(),
        tuning: GossipTuning::lan(),
        reconnect_timeout: Duration::from_secs(72 * 3600),
        tombstone_timeout: Duration::from_secs(24 * 3600),
        leave_propagation: Duration::from_secs(3),
        seed: 1,
    };
    let mut machine = Gossip::new(start(), setup);
    machine.acquaint(start(), (1..members).map(|n| (profile(n), 0)));
    machine
}

/// Nanoseconds for one call of `step`, after a warm-up.
fn time(steps: u64, mut step: impl FnMut(u64)) -> f64 {
    (0..steps / 10).for_each(&mut step);
    let begun = Tokio::now();
    (steps / 10..steps / 10 + steps).for_each(&mut step);
    Tokio::now().since(begun).as_nanos() as f64 / steps as f64
}

fn datagram(from: usize, packet: &Packet) -> Input {
    Input::Datagram { from: addr(from), bytes: Bytes::from(packet::encode(packet)) }
}

fn drained(machine: &mut Gossip) -> usize {
    std::iter::from_fn(|| machine.poll_output()).count()
}

fn probe_round(members: usize) -> f64 {
    let mut machine = member_of(members);
    time(20_000, |_| {
        loop {
            let due = machine.poll_timeout().expect("timers");
            machine.handle_timeout(due.at);
            let pinged = std::iter::from_fn(|| machine.poll_output()).find_map(|output| match output {
                Output::Send { to, bytes } => packet::decode(&bytes).ok().and_then(|packet| packet.head).map(|head| (to, head)),
                _ => None,
            });
            drained(&mut machine);
            if let Some((to, Head::Ping { seq, .. })) = pinged {
                let ack = packet::encode(&Packet { head: Some(Head::Ack { seq }), rumors: vec![] });
                machine.handle(due.at + Duration::from_millis(1), Input::Datagram { from: to, bytes: ack.into() });
                drained(&mut machine);
                return;
            }
        }
    })
}

fn ping_received(members: usize) -> f64 {
    let mut machine = member_of(members);
    let ping = datagram(1, &Packet { head: Some(Head::Ping { seq: 7, to: name(0), from: name(1) }), rumors: vec![] });
    time(100_000, |_| {
        machine.handle(start(), ping.clone());
        assert_eq!(drained(&mut machine), 1);
    })
}

fn news(incarnation: u64, members: usize) -> Packet {
    let about = |n: u64| 1 + (incarnation * 4 + n) as usize % (members - 1);
    let rumors = (0..4).map(|n| Rumor::Alive(Alive { profile: profile(about(n)), incarnation })).collect();
    Packet { head: None, rumors }
}

fn news_received(members: usize) -> f64 {
    let mut machine = member_of(members);
    let packets: Vec<Input> = (1..=11_000).map(|n| datagram(1, &news(n, members))).collect();
    time(10_000, |n| {
        machine.handle(start(), packets[n as usize].clone());
        drained(&mut machine);
    })
}

fn known_received(members: usize) -> f64 {
    let mut machine = member_of(members);
    let packet = datagram(1, &news(0, members));
    time(50_000, |_| {
        machine.handle(start(), packet.clone());
        drained(&mut machine);
    })
}
