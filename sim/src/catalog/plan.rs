//! What a seed decides about a run of the catalog: who registers what where, when endpoints and services misbehave, and who looks on.

use crate::draws::Draws;
use crate::fault::Fault;
use crate::invariants::catalog::observed::{Deed, Instance, Manner, Probe, Staleness, Subject, Which};
use crate::plan::{Plan, Strike, Temper};
use crate::slant::Slant;
use crate::world::Who;
use std::sync::Arc;
use std::time::Duration;

/// How long faults strike in the usual run.
const STORM: Duration = Duration::from_secs(45);
/// How long work goes on after the last fault: promises about time are only held once everybody has had time to find the others again.
const AFTERWARDS: Duration = Duration::from_secs(65);
/// In the runs that are about it, all servers are gone for so long.
const OUTAGE: Duration = Duration::from_secs(600);
/// One run in so many is about an outage.
const OUTAGES: u64 = 16;
/// The services of a run.
pub const SERVICES: [&str; 3] = ["web", "db", "cache"];
/// First port of the endpoints that HTTP checks ask.
pub const FIRST_PORT: u16 = 9_000;

/// Something that happens at a time, counted from the start of the storm.
#[derive(Debug, Clone, PartialEq)]
pub struct Timed<T> {
    /// When.
    pub at: Duration,
    /// What.
    pub what: T,
}

/// A service says nothing of itself for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Silence {
    /// When it falls silent.
    pub from: Duration,
    /// When it speaks again.
    pub to: Duration,
}

/// A program that looks at the catalog.
#[derive(Debug, Clone, PartialEq)]
pub struct Watcher {
    /// Its machine.
    pub machine: Who,
    /// The agent it asks, always.
    pub asked: Who,
    /// What it asks.
    pub subject: Subject,
    /// How.
    pub staleness: Staleness,
    /// How long each of its blocking queries waits; `None`: it looks again and again instead.
    pub wait: Option<Duration>,
}

/// What somebody does to the catalog past the agents.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Meddling {
    /// Takes an agent's instance out.
    Wipe(usize),
    /// Writes an external node of that number, with an instance and a check that passes or not.
    External(u8, bool),
    /// Takes an external node out.
    Gone(u8),
}

/// A run, decided.
#[derive(Debug, Clone)]
pub struct CatalogPlan {
    /// The cluster and its faults.
    pub base: Plan,
    /// All instances that are ever registered on agents.
    pub instances: Vec<Instance>,
    /// How their endpoints answer from when on, by instance.
    pub turns: Vec<Timed<(usize, Manner)>>,
    /// When services with a TTL are silent, by instance.
    pub silences: Vec<Vec<Silence>>,
    /// What is ordered, by instance, each list in the order of time.
    pub orders: Vec<Vec<Timed<Deed>>>,
    /// What is done past the agents.
    pub meddlings: Vec<Timed<Meddling>>,
    /// Who looks on.
    pub watchers: Vec<Watcher>,
    /// Who finds instances by DNS: a machine, and the agent it asks, always.
    pub resolvers: Vec<(Who, Who)>,
    /// When work ends.
    pub until: Duration,
}

impl CatalogPlan {
    /// The run of `seed`.
    pub fn draw(seed: u64) -> CatalogPlan {
        let mut draws = Draws::new(seed, "catalog", 0);
        let mut base = Plan::draw(seed, Temper { storm: STORM, clients: 2, pause: 2_000..14_000, slant: Slant::NONE });
        if draws.below(OUTAGES) == 0 {
            let at = Duration::from_secs(12);
            base.strikes = vec![Strike { at, lasts: OUTAGE, fault: Fault::Blackout(base.servers.clone()) }];
            base.storm = at + OUTAGE;
            base.clients.truncate(3);
            let agents = base.agents();
            base.drifts.retain(|(who, _)| agents.contains(who));
        }
        let until = base.storm + AFTERWARDS;
        let instances = draw_instances(&base);
        let mut plan = CatalogPlan {
            silences: vec![Vec::new(); instances.len()],
            orders: vec![Vec::new(); instances.len()],
            base,
            instances,
            turns: Vec::new(),
            meddlings: Vec::new(),
            watchers: Vec::new(),
            resolvers: Vec::new(),
            until,
        };
        for number in 0..plan.instances.len() {
            plan.draw_moods(number);
            plan.draw_orders(number);
        }
        plan.turns.sort_by_key(|turn| turn.at);
        plan.draw_meddlings();
        plan.draw_watchers();
        plan.draw_resolvers();
        plan
    }

    /// Good and bad times take turns.
    fn draw_moods(&mut self, number: usize) {
        let mut draws = Draws::new(self.base.seed, "mood", number as u64);
        let pace = if self.base.storm > STORM { 6 } else { 1 };
        let mut at = Duration::from_millis(draws.within(6_000..20_000));
        while at < self.until {
            let lasts = Duration::from_millis(draws.within(3_000..12_000));
            let end = (at + lasts).min(self.until);
            match self.instances[number].probe {
                Probe::Http { .. } => {
                    let manner = *draws.pick(&[Manner::Broken, Manner::Broken, Manner::Mute, Manner::Busy]);
                    self.turns.push(Timed { at, what: (number, manner) });
                    self.turns.push(Timed { at: end, what: (number, Manner::Well) });
                }
                Probe::Ttl(_) => self.silences[number].push(Silence { from: at, to: end }),
            }
            at = end + pace * Duration::from_millis(draws.within(5_000..25_000));
        }
    }

    fn draw_orders(&mut self, number: usize) {
        let mut draws = Draws::new(self.base.seed, "orders", number as u64);
        let mut tags = 1;
        let mut at = Duration::from_millis(draws.within(500..5_000));
        let orders = &mut self.orders[number];
        orders.push(Timed { at, what: Deed::Register(tags) });
        loop {
            at += Duration::from_millis(draws.within(8_000..40_000));
            let back = at + Duration::from_millis(draws.within(2_000..8_000));
            if back + Duration::from_secs(2) >= self.until {
                return;
            }
            match draws.below(4) {
                0 => {
                    orders.push(Timed { at, what: Deed::MaintenanceOn });
                    orders.push(Timed { at: back, what: Deed::MaintenanceOff });
                }
                1 => {
                    orders.push(Timed { at, what: Deed::Deregister });
                    orders.push(Timed { at: back, what: Deed::Register(tags) });
                }
                _ => {
                    tags = 3 - tags;
                    orders.push(Timed { at, what: Deed::Register(tags) });
                }
            }
            at = back;
        }
    }

    fn draw_meddlings(&mut self) {
        let mut draws = Draws::new(self.base.seed, "meddlings", 0);
        let mut at = Duration::from_millis(draws.within(4_000..12_000));
        while at + Duration::from_secs(5) < self.until {
            let what = match draws.below(6) {
                0 => Meddling::Wipe(draws.below(self.instances.len() as u64) as usize),
                1 => Meddling::Gone(draws.below(2) as u8),
                _ => Meddling::External(draws.below(2) as u8, draws.chance(500_000)),
            };
            self.meddlings.push(Timed { at, what });
            at += Duration::from_millis(draws.within(2_000..12_000));
        }
    }

    fn draw_watchers(&mut self) {
        let mut draws = Draws::new(self.base.seed, "watchers", 0);
        let agents = self.base.agents();
        for _ in 0..draws.within(6..12) {
            let wait = Duration::from_millis(draws.within(2_000..10_000));
            self.watchers.push(Watcher {
                machine: *draws.pick(&self.base.users),
                asked: *draws.pick(&agents),
                subject: draw_subject(&mut draws),
                staleness: *draws.pick(&[Staleness::Fresh, Staleness::Fresh, Staleness::Fresh, Staleness::Stale, Staleness::Cached]),
                wait: (!draws.chance(200_000)).then_some(wait),
            });
        }
    }

    fn draw_resolvers(&mut self) {
        let mut draws = Draws::new(self.base.seed, "resolvers", 0);
        let agents = self.base.agents();
        for _ in 0..draws.within(2..5) {
            self.resolvers.push((*draws.pick(&self.base.users), *draws.pick(&agents)));
        }
    }
}

fn draw_instances(base: &Plan) -> Vec<Instance> {
    let mut all = Vec::new();
    for who in base.agents() {
        let mut draws = Draws::new(base.seed, "instances", u64::from(who.0));
        let most = if base.servers.contains(&who) { 2 } else { 3 };
        for n in 0..draws.below(most) + u64::from(!base.servers.contains(&who)) {
            let service: Arc<str> = (*draws.pick(&SERVICES)).into();
            let id = format!("{service}-{n}").into();
            all.push(Instance { agent: who, id, service, probe: draw_probe(&mut draws) });
        }
    }
    all
}

fn draw_probe(draws: &mut Draws) -> Probe {
    if draws.chance(400_000) {
        return Probe::Ttl(Duration::from_millis(draws.within(1_500..6_000)));
    }
    Probe::Http { interval: Duration::from_millis(draws.within(1_000..3_000)), timeout: Duration::from_millis(draws.within(200..1_000)) }
}

fn draw_subject(draws: &mut Draws) -> Subject {
    let service: Arc<str> = (*draws.pick(&SERVICES)).into();
    let tag: Arc<str> = (*draws.pick(&["v1", "v2"])).into();
    match draws.below(10) {
        0..=2 => Subject::Health { service, which: Which::Passing },
        3 => Subject::Health { service, which: Which::All },
        4 => Subject::Health { service, which: Which::Tagged(tag) },
        5 => Subject::Health { service, which: Which::Filtered(tag) },
        6 => Subject::Instances { service, which: Which::All },
        7 => Subject::Instances { service, which: if draws.chance(500_000) { Which::Tagged(tag) } else { Which::Filtered(tag) } },
        8 => Subject::Services,
        _ => Subject::Nodes,
    }
}

#[cfg(test)]
mod tests {
    use super::{CatalogPlan, Deed, OUTAGE, Probe};

    #[test]
    fn fifty_seeds_cover_both_probes_every_deed_and_an_outage() {
        let plans: Vec<CatalogPlan> = (0..50).map(CatalogPlan::draw).collect();
        let all = || plans.iter().flat_map(|plan| &plan.instances);
        assert!(all().any(|i| matches!(i.probe, Probe::Ttl(_))) && all().any(|i| matches!(i.probe, Probe::Http { .. })));
        for deed in [Deed::Register(1), Deed::Register(2), Deed::Deregister, Deed::MaintenanceOn, Deed::MaintenanceOff] {
            assert!(plans.iter().flat_map(|plan| plan.orders.iter().flatten()).any(|order| order.what == deed), "{deed:?}");
        }
        assert!(plans.iter().any(|plan| plan.base.strikes.iter().any(|strike| strike.lasts == OUTAGE)));
        assert!(plans.iter().all(|plan| plan.base.clients.len() >= 2 && !plan.instances.is_empty()));
    }

    #[test]
    fn what_was_begun_is_ended_before_work_ends() {
        for seed in 0..50 {
            let plan = CatalogPlan::draw(seed);
            assert!(plan.turns.iter().all(|turn| turn.at <= plan.until));
            let open = |deed: Deed| matches!(deed, Deed::MaintenanceOn | Deed::Deregister);
            assert!(plan.orders.iter().all(|orders| orders.last().is_some_and(|last| !open(last.what) && last.at < plan.until)));
        }
    }
}
