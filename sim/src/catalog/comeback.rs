//! The case in which a leader must not believe its own pool.
//!
//! A server is cut off for so long that it has found everybody dead. First it reaches the leader again, and catches up; at that moment the leader
//! dies and it reaches the third server, so that in about every other round it is the one that is elected, while its pool still says that
//! everybody failed. Client agents it reaches later still, but through others it could know of them. Nobody but the dead leader may be hidden.

use crate::calm::Inspected;
use crate::cluster::Cluster;
use crate::invariants::Violation;
use crate::invariants::catalog::history::History;
use crate::invariants::catalog::observed::Written;
use crate::invariants::catalog::reference::{Catalog, Home};
use crate::invariants::observation::Liveness;
use crate::nodes::Crash;
use crate::plan::Plan;
use crate::report::Findings;
use crate::runtime::KernelWait;
use crate::trace::Entry;
use crate::whole_agent::WholeAgent;
use crate::world::{self, Climate, Who};
use muster::model::CheckStatus;
use muster::state::checks::SERF_HEALTH;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How often the case is brought about in a run.
const ROUNDS: usize = 3;
/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between looks.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long the new leader is watched: longer than it waits with a death it knows of.
const WATCHED: Duration = Duration::from_secs(12);
/// How long the pool has to heal between rounds.
const HEALING: Duration = Duration::from_secs(40);

/// Brings the case about a few times. Rounds in which something does not come about in time are not played.
pub async fn comeback() -> Findings {
    let plan = plan();
    let cluster = Cluster::<WholeAgent>::start(&plan);
    let mut elected = 0;
    // From when to when, and whose death is real.
    let mut watched: Vec<(u64, u64, Who)> = Vec::new();
    for _ in 0..ROUNDS {
        if !until(|| everyone_alive(&cluster, &plan)).await {
            break;
        }
        let Some(leader) = cluster.leader() else { break };
        let others: Vec<Who> = plan.servers.iter().copied().filter(|who| *who != leader).collect();
        let [lost, third] = others[..] else { break };
        link(lost, &plan.agents(), world::Weather::cut);
        let alone = until(|| sees_nobody(&cluster, &plan, lost)).await;
        link(lost, &[leader], world::Weather::mend);
        let level = alone && until(|| caught_up(&cluster, leader, lost)).await;
        let from = now();
        cluster.nodes.crash(leader, Crash::Process);
        link(lost, &[third], world::Weather::mend);
        KernelWait::after(WATCHED).await;
        link(lost, &plan.clients, world::Weather::mend);
        if !level {
            break;
        }
        elected += u64::from(cluster.leader() == Some(lost));
        watched.push((from, now(), leader));
        cluster.nodes.restart(leader);
        KernelWait::after(HEALING).await;
    }
    let record = world::with(|w| w.seen.take());
    let applied: Vec<Written> = record.applied.iter().map(|applied| applied.to_catalog()).collect();
    let violations = hidden(&History::of(&applied), &watched);
    world::record(Entry::with("end", 0, 0, format!("{violations:?}").as_bytes()));
    let counts = BTreeMap::from([("rounds", watched.len() as u64), ("came-back-to-lead", elected)]);
    Findings { violations: violations.iter().map(ToString::to_string).collect(), counts }
}

fn plan() -> Plan {
    Plan {
        seed: world::with(|w| w.seed),
        servers: vec![Who(1), Who(2), Who(3)],
        clients: vec![Who(11), Who(12), Who(13)],
        users: Vec::new(),
        climate: Climate::calm(),
        drifts: Vec::new(),
        kinds: BTreeSet::new(),
        strikes: Vec::new(),
        storm: Duration::ZERO,
        pause: 0..1,
    }
}

fn now() -> u64 {
    world::with(|w| w.now())
}

async fn until(is_so: impl Fn() -> bool) -> bool {
    let end = now() + PATIENCE.as_nanos() as u64;
    while !is_so() {
        if now() > end {
            return false;
        }
        KernelWait::after(LOOK_AGAIN).await;
    }
    true
}

fn link(lost: Who, others: &[Who], change: fn(&mut world::Weather, Who, Who)) {
    for other in others.iter().copied().filter(|other| *other != lost) {
        world::with(|w| {
            change(&mut w.weather, lost, other);
            change(&mut w.weather, other, lost);
        });
    }
}

fn everyone_alive(cluster: &Cluster<WholeAgent>, plan: &Plan) -> bool {
    let alive = |agent: &WholeAgent| agent.view().values().filter(|liveness| **liveness == Liveness::Alive).count();
    let agents = cluster.agents();
    let all = plan.agents().len();
    agents.len() == all && agents.values().all(|agent| alive(agent) == all) && cluster.leader().is_some()
}

/// Whether it has found everybody else dead.
fn sees_nobody(cluster: &Cluster<WholeAgent>, plan: &Plan, lost: Who) -> bool {
    let Some(agent) = cluster.agent(lost) else { return false };
    let view = agent.view();
    plan.agents().iter().filter(|who| **who != lost).all(|who| view.get(who) == Some(&Liveness::Failed))
}

fn caught_up(cluster: &Cluster<WholeAgent>, leader: Who, lost: Who) -> bool {
    let applied = |who| Some(cluster.agent(who)?.standing()?.applied);
    applied(leader).is_some() && applied(leader) == applied(lost)
}

/// Members that turned critical while they were alive.
fn hidden(history: &History, watched: &[(u64, u64, Who)]) -> Vec<Violation> {
    let status = |home: &Home| home.checks.get(SERF_HEALTH).map(|check| check.status.clone());
    let mut found = Vec::new();
    let mut before: Option<&Catalog> = None;
    for (index, catalog) in history.states() {
        let earlier = before.replace(catalog);
        let at = history.first_applied(index).unwrap_or(0);
        let Some((_, _, dead)) = watched.iter().find(|(from, to, _)| (*from..*to).contains(&at)) else { continue };
        for (name, home) in catalog.homes.iter().filter(|(name, _)| **name != dead.to_string()) {
            let was = earlier.and_then(|catalog| status(catalog.homes.get(name)?));
            // One that was found dead while it was cut off itself is not hidden now.
            if status(home).is_some_and(|now| now == CheckStatus::Critical) && was.is_some_and(|was| was.is_passing()) {
                found.push(Violation { id: "C2-living-stays", says: format!("{name} lives and is hidden at index {index}"), at });
            }
        }
    }
    found
}
