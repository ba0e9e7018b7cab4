//! After the storm: the faults have stopped, and the cluster has to come together and serve.

use crate::cluster::{Agent, Cluster};
use crate::invariants::observation::{Calm, Liveness, Trial};
use crate::plan::Plan;
use crate::runtime::KernelWait;
use crate::world::{self, Who};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

/// Time between looks.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long anything is waited for: longer than any invariant allows, so that a violation says how late it was.
const PATIENCE: Duration = Duration::from_secs(60);
/// Ten times the longest election timeout.
const ELECTION_BOUND: Duration = Duration::from_millis(4_000);

/// What a server shows of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its newest term.
    pub term: u64,
    /// Whether it leads.
    pub leads: bool,
    /// Last index applied.
    pub applied: u64,
}

/// An agent whose inside can be looked at.
pub trait Inspected: Agent {
    /// How its log stands, if it is a server.
    fn standing(&self) -> Option<Standing>;

    /// Digest of its state.
    fn state_digest(&self) -> Option<u128>;

    /// What it thinks of every agent it knows.
    fn view(&self) -> BTreeMap<Who, Liveness>;
}

fn now() -> u64 {
    world::with(|w| w.now())
}

/// Waits until `is_so`, and says when; `None` if it never is.
async fn until(is_so: impl Fn() -> bool) -> Option<u64> {
    let end = now() + PATIENCE.as_nanos() as u64;
    while !is_so() {
        if now() > end {
            return None;
        }
        KernelWait::after(LOOK_AGAIN).await;
    }
    Some(now())
}

/// Watches the cluster come together. `prove` then makes the requests that show that it serves.
pub async fn settle<A: Inspected, F>(cluster: &Cluster<A>, plan: &Plan, prove: impl FnOnce() -> F) -> Calm
where
    F: Future<Output = Vec<Trial>>,
{
    let from = now();
    let one_leader = until(|| has_one_leader(cluster, plan)).await;
    let trials = prove().await;
    let equal_states = until(|| states_are_equal(cluster, plan)).await;
    // Everyone sees everyone, or the last look tells who does not.
    until(|| sees_everyone(cluster, plan)).await;
    let agents = cluster.agents();
    Calm {
        from,
        election_bound: ELECTION_BOUND.as_nanos() as u64,
        one_leader,
        equal_states,
        trials,
        running: agents.keys().copied().collect(),
        views: agents.into_iter().map(|(who, agent)| (who, agent.view())).collect(),
    }
}

fn servers<A: Inspected>(cluster: &Cluster<A>, plan: &Plan) -> Option<Vec<A>> {
    plan.servers.iter().map(|who| cluster.agent(*who)).collect()
}

fn has_one_leader<A: Inspected>(cluster: &Cluster<A>, plan: &Plan) -> bool {
    let Some(servers) = servers(cluster, plan) else { return false };
    let Some(all): Option<Vec<Standing>> = servers.iter().map(A::standing).collect() else { return false };
    let terms: BTreeSet<u64> = all.iter().map(|standing| standing.term).collect();
    terms.len() == 1 && all.iter().filter(|standing| standing.leads).count() == 1
}

fn states_are_equal<A: Inspected>(cluster: &Cluster<A>, plan: &Plan) -> bool {
    let Some(servers) = servers(cluster, plan) else { return false };
    let applied: BTreeSet<Option<u64>> = servers.iter().map(|server| Some(server.standing()?.applied)).collect();
    applied.len() == 1 && servers.iter().map(A::state_digest).collect::<BTreeSet<_>>().len() == 1
}

fn sees_everyone<A: Inspected>(cluster: &Cluster<A>, plan: &Plan) -> bool {
    let agents = cluster.agents();
    let everyone: BTreeSet<Who> = plan.agents().into_iter().collect();
    let alive = |agent: &A| -> BTreeSet<Who> {
        agent.view().into_iter().filter(|(_, liveness)| *liveness == Liveness::Alive).map(|(who, _)| who).collect()
    };
    agents.len() == everyone.len() && agents.values().all(|agent| alive(agent) == everyone)
}
