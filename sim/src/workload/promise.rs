//! The one case in which nothing but the vote fence keeps default reads fresh.
//!
//! A leader answers default reads for as long as a quorum has promised to elect nobody else. Here it is cut off from one follower, hears the
//! other's promise, is cut off from that one too, and the promiser restarts at that very moment. The follower that was cut off before
//! asks it for its vote. A promiser that has forgotten its promise elects a second leader, which takes writes while the first still answers
//! reads from before them.

use super::asking::{Asking, Went};
use super::connection::Connection;
use super::now;
use super::recording::Recorder;
use crate::checker::{Action, History, Mode, Nanos};
use crate::cluster::{Agent, Cluster};
use crate::nodes::Crash;
use crate::plan::Plan;
use crate::runtime::{KernelWait, Sim};
use crate::world::{self, Climate, Who};
use muster::runtime::sleep;
use std::collections::BTreeSet;
use std::time::Duration;

/// How often the case is brought about in a run.
const ROUNDS: u32 = 6;
/// How long a cluster may take to have a leader that serves.
const LEADER_WITHIN: Duration = Duration::from_secs(20);
/// How long the first follower is cut off: it has given up on its leader by then.
const DEAF: Duration = Duration::from_millis(900);
/// How long both leaders are watched: longer than any lease.
const WATCHED: Duration = Duration::from_millis(1_500);
const KEY: &str = "promise";
const READER: Who = Who(101);
const WRITER: Who = Who(102);

/// Brings the case about several times and returns what users were told. Fewer rounds than wanted are played if there is no leader.
pub async fn forgotten_promise<A: Agent>() -> History {
    let servers = vec![Who(1), Who(2), Who(3)];
    let plan = Plan {
        seed: world::with(|w| w.seed),
        servers,
        clients: Vec::new(),
        users: vec![READER, WRITER],
        climate: Climate::calm(),
        drifts: Vec::new(),
        kinds: BTreeSet::new(),
        strikes: Vec::new(),
        storm: Duration::ZERO,
        pause: 0..1,
    };
    let cluster = Cluster::<A>::start(&plan);
    let recorder = Recorder::new();
    for round in 0..ROUNDS {
        let Some(leader) = settled_leader(&cluster, &plan, &recorder, round).await else { break };
        let followers: Vec<Who> = plan.servers.iter().copied().filter(|who| *who != leader).collect();
        play(&cluster, &recorder, round, leader, [followers[0], followers[1]]).await;
    }
    recorder.take().history
}

/// A leader that every server has followed to the last entry: a write through it was acknowledged and there was time to pass it on.
async fn settled_leader<A: Agent>(cluster: &Cluster<A>, plan: &Plan, recorder: &Recorder, round: u32) -> Option<Who> {
    let given_up = now() + LEADER_WITHIN.as_nanos() as u64;
    for attempt in 0.. {
        KernelWait::after(Duration::from_millis(500)).await;
        if now() > given_up {
            return None;
        }
        let Some(leader) = cluster.leader().filter(|_| cluster.agents().len() == plan.servers.len()) else { continue };
        let value = format!("before-{round}-{attempt}");
        let mut asking = asking(1, leader, recorder, Duration::from_secs(2));
        let put = cluster.nodes.spawn(WRITER, async move { asking.single(&KEY.into(), Action::Put { value: value.into() }).await });
        if matches!(put.await, Ok(Went::Answered(..))) {
            KernelWait::after(Duration::from_secs(1)).await;
            if cluster.leader() == Some(leader) {
                return Some(leader);
            }
        }
    }
    None
}

async fn play<A: Agent>(cluster: &Cluster<A>, recorder: &Recorder, round: u32, leader: Who, [promiser, rival]: [Who; 2]) {
    cut(leader, rival);
    KernelWait::after(DEAF).await;
    cut(leader, promiser);
    cluster.nodes.crash(promiser, Crash::Process);
    cluster.nodes.restart(promiser);
    let until = now() + WATCHED.as_nanos() as u64;
    let reading = cluster.nodes.spawn(READER, read(leader, recorder.clone(), until));
    let writing = cluster.nodes.spawn(WRITER, write(rival, recorder.clone(), round, until));
    for user in [reading, writing] {
        user.await.expect("users' machines have no faults");
    }
    mend(leader, rival);
    mend(leader, promiser);
}

async fn read(leader: Who, recorder: Recorder, until: Nanos) {
    let mut asking = asking(2, leader, &recorder, Duration::from_millis(300));
    while now() < until {
        asking.single(&KEY.into(), Action::Get { mode: Mode::Default }).await;
        sleep::<Sim>(Duration::from_millis(3)).await;
    }
}

async fn write(rival: Who, recorder: Recorder, round: u32, until: Nanos) {
    // Until it leads, the rival passes writes on to a leader it cannot reach, so the one that counts has to be asked anew.
    let mut asking = asking(3, rival, &recorder, Duration::from_millis(40));
    for number in 0.. {
        if now() >= until {
            return;
        }
        let value = format!("after-{round}-{number}");
        asking.single(&KEY.into(), Action::Put { value: value.into() }).await;
        sleep::<Sim>(Duration::from_millis(5)).await;
    }
}

fn asking(client: u32, to: Who, recorder: &Recorder, patience: Duration) -> Asking {
    Asking { client, connection: Connection::new(to), recorder: recorder.clone(), patience }
}

fn cut(one: Who, other: Who) {
    world::with(|w| {
        w.weather.cut(one, other);
        w.weather.cut(other, one);
    });
}

fn mend(one: Who, other: Who) {
    world::with(|w| {
        w.weather.mend(one, other);
        w.weather.mend(other, one);
    });
}
