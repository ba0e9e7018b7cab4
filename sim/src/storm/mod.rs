//! Ten thousand instances on fifty agents, and all servers restarted at once: how the catalog comes to agree again, and what that costs the leader.

mod figures;

pub use figures::{Figures, Phase};

use crate::catalog::{differences, leader_state};
use crate::cluster::{Agent, Cluster};
use crate::nodes::Crash;
use crate::plan::Plan;
use crate::runtime::{JoinHandle, KernelWait, meter};
use crate::whole_agent::WholeAgent;
use crate::workload::Connection;
use crate::world::{self, Climate, Who};
use bytes::Bytes;
use figures::Meter;
use hyper::Method;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// How large it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Client agents.
    pub agents: u8,
    /// Services.
    pub services: u32,
    /// Instances on each agent.
    pub each: u32,
}

/// 10,000 instances of 100 services on 50 agents.
pub const FULL: Size = Size { agents: 50, services: 100, each: 200 };

/// How long the servers are gone.
const GONE: Duration = Duration::from_secs(60);
/// One check in so many changes while they are.
const CHANGED: u32 = 20;
/// How long a phase may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// Time between looks.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// How long an agent's answer is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
const USER: Who = Who(201);

/// Plays it under this world's seed; an error says what did not come about.
pub async fn storm(size: Size) -> Result<Figures, String> {
    meter::switch_on();
    let plan = plan(size);
    let cluster = Cluster::<WholeAgent>::start(&plan);
    until("everyone knows everyone", || knows_everyone(&cluster, &plan)).await?;
    let mut phases = Vec::new();
    let meter = Meter::begin(&cluster, &plan);
    all(plan.clients.iter().map(|who| cluster.nodes.spawn(USER, register(*who, size))).collect()).await?;
    until("the catalog has what was registered", || agrees(&cluster, &plan)).await?;
    phases.push(meter.end("registering", &cluster, &plan));
    for who in &plan.servers {
        cluster.nodes.crash(*who, Crash::Process);
    }
    KernelWait::after(GONE / 2).await;
    all(plan.clients.iter().map(|who| cluster.nodes.spawn(USER, change(*who, size))).collect()).await?;
    KernelWait::after(GONE / 2).await;
    let meter = Meter::begin(&cluster, &plan);
    for who in &plan.servers {
        cluster.nodes.restart(*who);
    }
    until("a leader and every change in the catalog", || agrees(&cluster, &plan)).await?;
    phases.push(meter.end("restart", &cluster, &plan));
    let meter = Meter::begin(&cluster, &plan);
    KernelWait::after(Duration::from_secs(120)).await;
    phases.push(meter.end("two minutes after", &cluster, &plan));
    let instances = leader_state(&cluster).map_or(0, |state| state.services().len());
    Ok(Figures { size, instances, changed: u64::from(size.agents) * u64::from(size.each / CHANGED), phases })
}

fn plan(size: Size) -> Plan {
    Plan {
        seed: world::with(|w| w.seed),
        servers: vec![Who(1), Who(2), Who(3)],
        clients: (0..size.agents).map(|n| Who(11 + n)).collect(),
        users: vec![USER],
        climate: Climate::calm(),
        drifts: Vec::new(),
        kinds: BTreeSet::new(),
        strikes: Vec::new(),
        storm: Duration::ZERO,
        pause: 0..1,
    }
}

async fn until(what: &str, is_so: impl Fn() -> bool) -> Result<(), String> {
    let end = world::with(|w| w.now()) + PATIENCE.as_nanos() as u64;
    while !is_so() {
        if world::with(|w| w.now()) > end {
            return Err(format!("{what}: not within {PATIENCE:?}"));
        }
        KernelWait::after(LOOK_AGAIN).await;
    }
    Ok(())
}

fn knows_everyone(cluster: &Cluster<WholeAgent>, plan: &Plan) -> bool {
    let all = plan.agents();
    leader_state(cluster).is_some_and(|state| all.iter().all(|who| state.nodes().get(&who.to_string()).is_some()))
}

fn agrees(cluster: &Cluster<WholeAgent>, plan: &Plan) -> bool {
    cluster.agents().values().any(|agent| agent.leads().is_some()) && differences(cluster, plan).is_empty()
}

async fn all(programs: Vec<JoinHandle<Result<(), String>>>) -> Result<(), String> {
    for program in programs {
        program.await.map_err(|e| e.to_string())??;
    }
    Ok(())
}

/// Registers all instances of an agent, one after the other.
async fn register(who: Who, size: Size) -> Result<(), String> {
    let mut connection = Connection::new(who);
    for n in 0..size.each {
        let service = format!("service-{}", n % size.services);
        let body = json!({
            "ID": format!("{service}-{n}"),
            "Name": service,
            "Tags": ["v1", format!("rack-{}", who.0)],
            "Port": 10_000 + n,
            "Check": {"TTL": "24h", "Status": "passing"},
        });
        put(&mut connection, "/v1/agent/service/register", body.to_string().into()).await?;
    }
    Ok(())
}

/// Tells an agent that some of its instances are not well.
async fn change(who: Who, size: Size) -> Result<(), String> {
    let mut connection = Connection::new(who);
    for n in (0..size.each).filter(|n| n % CHANGED == 0) {
        let path = format!("/v1/agent/check/fail/service:service-{}-{n}", n % size.services);
        put(&mut connection, &path, Bytes::new()).await?;
    }
    Ok(())
}

async fn put(connection: &mut Connection, path: &str, body: Bytes) -> Result<(), String> {
    match connection.ask(Method::PUT, path, body, ANSWER_WITHIN).await {
        Ok(reply) if reply.status == 200 => Ok(()),
        Ok(reply) => Err(format!("{} {path}: {} {}", connection.to(), reply.status, reply.body.escape_ascii())),
        Err(silence) => Err(format!("{} {path}: {silence:?}", connection.to())),
    }
}
