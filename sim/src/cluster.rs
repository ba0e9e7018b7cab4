//! Agents on the machines of a run: started, started again when they die, and looked at.

use crate::fault::Faults;
use crate::nodes::Nodes;
use crate::plan::Plan;
use crate::runtime::{KernelWait, Sim};
use crate::world::{self, Who};
use muster::runtime::Runtime;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What part an agent plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It takes part in Raft.
    Server,
    /// It forwards to servers.
    Client,
}

/// Which agent is to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its host.
    pub who: Who,
    /// Its part.
    pub role: Role,
    /// Hosts of all servers.
    pub servers: Vec<Who>,
}

/// An agent that can be simulated.
pub trait Agent: Clone + Send + Sync + 'static {
    /// Why it did not start.
    type Error: Display;

    /// Starts it on the machine of `member`, where this runs.
    fn start(member: Member) -> impl Future<Output = Result<Self, Self::Error>>;

    /// Completes when it has stopped by itself. It is started again after a pause, as a supervisor of services would.
    fn stopped(&self) -> impl Future<Output = ()>;

    /// The term it leads in, if it leads.
    fn leads(&self) -> Option<u64>;
}

/// Pause before a process that ended is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// The agents that run, each with the number of its process.
type Running<A> = Arc<Mutex<BTreeMap<Who, (u64, A)>>>;

/// What runs beside the agent of a machine.
pub type Beside = Arc<dyn Fn(Who) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A cluster and its surroundings.
pub struct Cluster<A> {
    /// All machines.
    pub nodes: Arc<Nodes>,
    /// What can be made to go wrong.
    pub faults: Faults,
    running: Running<A>,
}

impl<A: Agent> Cluster<A> {
    /// Switches on every machine of `plan` and starts the agents.
    pub fn start(plan: &Plan) -> Cluster<A> {
        Cluster::launch(plan, None)
    }

    /// The same, with a program of our own beside each agent: it lives and dies with the agent's machine.
    pub fn start_with(plan: &Plan, beside: Beside) -> Cluster<A> {
        Cluster::launch(plan, Some(beside))
    }

    fn launch(plan: &Plan, beside: Option<Beside>) -> Cluster<A> {
        let nodes = Arc::new(Nodes::default());
        let running = Running::default();
        for who in plan.agents() {
            let role = if plan.servers.contains(&who) { Role::Server } else { Role::Client };
            let member = Member { who, role, servers: plan.servers.clone() };
            let running = running.clone();
            let beside = beside.clone();
            nodes.add(who, move || {
                let (program, agent) = (beside.as_ref().map(|beside| beside(who)), supervise::<A>(member.clone(), running.clone()));
                async move {
                    drop(program.map(Sim::spawn));
                    agent.await;
                }
            });
        }
        for who in &plan.users {
            nodes.add_idle(*who);
        }
        for (who, ppm) in &plan.drifts {
            nodes.drift(*who, *ppm);
        }
        let faults = Faults::new(nodes.clone(), plan.climate.clone());
        Cluster { nodes, faults, running }
    }

    /// The agent on `who`, if its process lives and has come up.
    pub fn agent(&self, who: Who) -> Option<A> {
        self.agents().remove(&who)
    }

    /// Every agent whose process lives and has come up.
    pub fn agents(&self) -> BTreeMap<Who, A> {
        let running = self.running.lock().expect("no panic while held");
        let alive = |who: &Who, process: u64| world::with(|w| w.host(*who).process == process);
        running.iter().filter(|(who, (process, _))| alive(who, *process)).map(|(who, (_, agent))| (*who, agent.clone())).collect()
    }

    /// Who leads in the newest term.
    pub fn leader(&self) -> Option<Who> {
        let leaders = self.agents().into_iter().filter_map(|(who, agent)| Some((agent.leads()?, who)));
        leaders.max().map(|(_, who)| who)
    }

    /// Lets the faults of `plan` strike and end, and returns when all have.
    pub async fn storm(&self, plan: &Plan) {
        let start = world::with(|w| w.now());
        let mut in_force: BTreeMap<(Duration, usize), crate::fault::InForce> = BTreeMap::new();
        let mut coming = plan.strikes.iter().enumerate().peekable();
        loop {
            let next_strike = coming.peek().map(|(_, strike)| strike.at);
            let next_end = in_force.keys().next().map(|(end, _)| *end);
            let Some(at) = next_strike.into_iter().chain(next_end).min() else { return };
            let passed = Duration::from_nanos(world::with(|w| w.now()) - start);
            KernelWait::after(at.saturating_sub(passed)).await;
            if next_end.is_some_and(|end| end <= at) {
                let (_, over) = in_force.pop_first().expect("there is one that ends");
                self.faults.heal(over);
            } else if let Some((number, strike)) = coming.next() {
                let fault = self.faults.strike(&strike.fault, self.leader());
                in_force.insert((strike.at + strike.lasts, number), fault);
            }
        }
    }
}

/// One process after the other: what runs on an agent's machine.
async fn supervise<A: Agent>(member: Member, running: Running<A>) {
    let who = member.who;
    let process = world::with(|w| w.host(who).process);
    loop {
        match A::start(member.clone()).await {
            Ok(agent) => {
                running.lock().expect("no panic while held").insert(who, (process, agent.clone()));
                agent.stopped().await;
                running.lock().expect("no panic while held").remove(&who);
                say(who, "the agent has stopped");
            }
            Err(e) => say(who, &format!("the agent did not start: {e}")),
        }
        KernelWait::after(RESTART_PAUSE).await;
    }
}

fn say(who: Who, line: &str) {
    world::record(crate::trace::Entry::with("agent", 0, 0, line.as_bytes()));
    world::with(|w| {
        let now = w.now();
        w.trace.line(now, who.0, format_args!("{line}"));
    });
}

#[cfg(test)]
mod tests {
    use super::{Agent, Cluster, Member};
    use crate::fault::Kind;
    use crate::nodes::{Condition, Crash};
    use crate::plan::{Plan, Temper};
    use crate::play::play;
    use crate::runtime::{KernelWait, Sim, tcp};
    use crate::world::{self, Who};
    use muster::runtime::{Runtime, sleep};
    use std::time::Duration;

    /// Listens, and stops by itself after ten seconds on host 2.
    #[derive(Clone)]
    struct Toy {
        who: Who,
        _listener: std::sync::Arc<tcp::Listener>,
    }

    impl Agent for Toy {
        type Error = std::io::Error;

        async fn start(member: Member) -> Result<Toy, std::io::Error> {
            let listener = Sim::tcp_listen(member.who.addr(8300)).await?;
            Ok(Toy { who: member.who, _listener: listener.into() })
        }

        async fn stopped(&self) {
            match self.who {
                Who(2) => sleep::<Sim>(Duration::from_secs(10)).await,
                Who(_) => std::future::pending().await,
            }
        }

        fn leads(&self) -> Option<u64> {
            (self.who == Who(1)).then_some(1)
        }
    }

    fn plan(seed: u64) -> Plan {
        Plan::draw(seed, Temper::wild(Duration::from_secs(45)))
    }

    #[test]
    fn a_killed_agent_is_gone_until_its_restart_and_one_that_stopped_comes_back_by_itself() {
        let played = play(1, None, || async {
            let cluster = Cluster::<Toy>::start(&Plan { strikes: Vec::new(), ..plan(1) });
            KernelWait::after(Duration::from_secs(1)).await;
            assert_eq!(cluster.leader(), Some(Who(1)));
            cluster.nodes.crash(Who(1), Crash::Power);
            assert!(cluster.agent(Who(1)).is_none() && cluster.leader().is_none());
            cluster.nodes.restart(Who(1));
            KernelWait::after(Duration::from_secs(1)).await;
            assert_eq!(cluster.leader(), Some(Who(1)));
            KernelWait::after(Duration::from_millis(8_500)).await;
            assert!(cluster.agent(Who(2)).is_none(), "it has stopped");
            KernelWait::after(Duration::from_secs(1)).await;
            assert!(cluster.agent(Who(2)).is_some(), "its supervisor has started it again");
        });
        assert_eq!(played.value, Ok(()));
    }

    #[test]
    fn a_storm_leaves_everyone_running_every_way_open_and_the_climate_as_it_was() {
        let stormy = (0..40).filter(|seed| plan(*seed).kinds.contains(&Kind::PowerLoss) && plan(*seed).kinds.contains(&Kind::Partition));
        for seed in stormy.take(5) {
            let played = play(seed, None, move || async move {
                let plan = plan(seed);
                let cluster = Cluster::<Toy>::start(&plan);
                cluster.storm(&plan).await;
                for who in cluster.nodes.everyone() {
                    assert_eq!(cluster.nodes.condition(who), Condition::Running);
                    let all_open = |w: &mut world::World| cluster.nodes.everyone().into_iter().all(|to| w.reaches(who, to));
                    assert!(world::with(all_open), "{who} is cut off");
                }
                world::with(|w| assert_eq!(w.weather.climate, plan.climate));
            });
            assert_eq!(played.value, Ok(()), "seed {seed}");
            assert_eq!(played.footprint.by_kind["fault"] as usize, plan(seed).strikes.len());
        }
    }
}
