//! What a seed decides about a run: the cluster's size, the network, and which faults strike when.

use crate::draws::Draws;
use crate::fault::{Aim, Fault, Kind};
use crate::nodes::Crash;
use crate::slant::Slant;
use crate::world::{Climate, Who};
use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

/// A fault and its time, counted from the start of the storm.
#[derive(Debug, Clone, PartialEq)]
pub struct Strike {
    /// When it begins.
    pub at: Duration,
    /// How long it lasts.
    pub lasts: Duration,
    /// What it is.
    pub fault: Fault,
}

/// How much is to happen in a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Temper {
    /// How long faults strike and users work.
    pub storm: Duration,
    /// Fewest client agents.
    pub clients: u8,
    /// Pause of a lane between two of its faults, in milliseconds.
    pub pause: Range<u64>,
    /// What is not left to the seed.
    pub slant: Slant,
}

impl Temper {
    /// A storm of that length with short pauses and perhaps no client agents.
    pub fn wild(storm: Duration) -> Temper {
        Temper { storm, clients: 0, pause: 500..5_000, slant: Slant::NONE }
    }
}

/// A run, decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The seed it was drawn from.
    pub seed: u64,
    /// Server agents.
    pub servers: Vec<Who>,
    /// Client agents.
    pub clients: Vec<Who>,
    /// Machines whose programs use the cluster.
    pub users: Vec<Who>,
    /// The network without faults.
    pub climate: Climate,
    /// Clock drift of each agent's host, in parts per million.
    pub drifts: Vec<(Who, i64)>,
    /// Kinds of faults that may strike in this run.
    pub kinds: BTreeSet<Kind>,
    /// The faults, by their begin.
    pub strikes: Vec<Strike>,
    /// How long faults strike and users work.
    pub storm: Duration,
    /// Pause of a lane between two of its faults, in milliseconds.
    pub pause: Range<u64>,
}

/// First number of client agents' hosts.
const FIRST_CLIENT: u8 = 11;
/// First number of users' machines.
const FIRST_USER: u8 = 101;
/// Pause between the start and the first fault.
const SETTLING: Duration = Duration::from_secs(3);

impl Plan {
    /// The run of `seed`, of that temper.
    ///
    /// One seed in ten is without faults, one in ten has one kind of them, the others a random half of the kinds.
    pub fn draw(seed: u64, temper: Temper) -> Plan {
        let Temper { storm, clients: fewest, pause, slant } = temper;
        let mut draws = Draws::new(seed, "shape", 0);
        let drawn = *draws.pick(&[3, 3, 5]);
        let servers: Vec<Who> = (1..=slant.servers.unwrap_or(drawn)).map(Who).collect();
        let clients: Vec<Who> = (0..fewest + draws.below(6 - u64::from(fewest.min(5))) as u8).map(|n| Who(FIRST_CLIENT + n)).collect();
        let users = (0..2 + draws.below(4) as u8).map(|n| Who(FIRST_USER + n)).collect();
        let kinds = if slant.kinds.is_empty() { draw_kinds(seed) } else { slant.kinds.iter().copied().collect() };
        let slowest = Duration::from_micros(draws.within(500..5_000));
        let climate = Climate { latency: Duration::from_micros(100)..slowest, ..Climate::calm() };
        let mut plan = Plan { seed, servers, clients, users, climate, drifts: Vec::new(), kinds, strikes: Vec::new(), storm, pause };
        plan.draw_drifts();
        plan.draw_strikes();
        plan
    }

    /// Every agent's host.
    pub fn agents(&self) -> Vec<Who> {
        self.servers.iter().chain(&self.clients).copied().collect()
    }

    /// Clocks up to 1 % fast or slow: inside the 5 % that leases allow for.
    fn draw_drifts(&mut self) {
        if self.kinds.contains(&Kind::Clock) {
            for who in self.agents() {
                let mut draws = Draws::new(self.seed, "drift", u64::from(who.0));
                self.drifts.push((who, draws.within(0..20_000) as i64 - 10_000));
            }
        }
    }

    /// Two lanes of faults, each with pauses, so that some overlap and the cluster breathes now and then.
    fn draw_strikes(&mut self) {
        let kinds: Vec<Kind> = self.kinds.iter().copied().collect();
        if kinds.is_empty() {
            return;
        }
        for lane in 0..2 {
            let mut draws = Draws::new(self.seed, "strikes", lane);
            let mut at = SETTLING + Duration::from_millis(draws.below(2_000));
            while at < self.storm {
                let kind = *draws.pick(&kinds);
                let lasts = draw_length(&mut draws, kind);
                let fault = draw_fault(&mut draws, kind, self);
                let end = (at + lasts).min(self.storm);
                self.strikes.push(Strike { at, lasts: end - at, fault });
                at = end + Duration::from_millis(draws.within(self.pause.clone()));
            }
        }
        self.strikes.sort_by_key(|strike| strike.at);
    }
}

fn draw_kinds(seed: u64) -> BTreeSet<Kind> {
    let mut draws = Draws::new(seed, "kinds", 0);
    match draws.below(10) {
        0 => BTreeSet::new(),
        1 => BTreeSet::from([*draws.pick(&Kind::ALL)]),
        _ => Kind::ALL.into_iter().filter(|_| draws.chance(500_000)).collect(),
    }
}

fn draw_length(draws: &mut Draws, kind: Kind) -> Duration {
    let millis = match kind {
        Kind::Partition | Kind::OneWay | Kind::Delay => 500..8_000,
        Kind::ProcessCrash | Kind::PowerLoss => 100..6_000,
        Kind::Freeze => 100..5_000,
        Kind::Loss | Kind::Duplication | Kind::Reordering | Kind::Clock | Kind::DiskFull => 2_000..15_000,
    };
    Duration::from_millis(draws.within(millis))
}

fn draw_fault(draws: &mut Draws, kind: Kind, plan: &Plan) -> Fault {
    let (server, agent) = (*draws.pick(&plan.servers), *draws.pick(&plan.agents()));
    let aim = if draws.chance(500_000) { Aim::AtLeaderOr(server) } else { Aim::At(agent) };
    match kind {
        Kind::Partition => match draws.below(4) {
            0 | 1 => Fault::Isolate(aim),
            2 => Fault::Split(draw_side(draws, plan)),
            _ => Fault::Unlink(server, *draws.pick(&others(plan.agents(), server))),
        },
        Kind::OneWay if draws.chance(500_000) => Fault::Deafen(aim),
        Kind::OneWay => Fault::Mute(aim),
        Kind::Loss => Fault::Loss(draws.within(5_000..200_000) as u32),
        Kind::Duplication => Fault::Duplicate(draws.within(5_000..300_000) as u32),
        Kind::Reordering => Fault::Reorder(draws.within(5_000..300_000) as u32),
        Kind::Delay => {
            let from = Duration::from_millis(draws.within(5..60));
            Fault::Slow(from..from + Duration::from_millis(draws.within(5..150)))
        }
        Kind::ProcessCrash => Fault::Crash(aim, Crash::Process),
        Kind::PowerLoss if draws.chance(150_000) => Fault::Blackout(plan.servers.clone()),
        Kind::PowerLoss => Fault::Crash(aim, Crash::Power),
        Kind::Freeze => Fault::Freeze(aim),
        Kind::Clock if draws.chance(500_000) => Fault::Drift(agent, draws.within(0..60_000) as i64 - 30_000),
        Kind::Clock => Fault::WallStep(agent, (draws.within(0..7_200_000) as i64 - 3_600_000) * 1_000_000),
        Kind::DiskFull => Fault::FillDisk(aim, draws.within(0..64 * 1024)),
    }
}

fn others(all: Vec<Who>, but: Who) -> Vec<Who> {
    all.into_iter().filter(|who| *who != but).collect()
}

/// A random part of the agents, neither none nor all of them.
fn draw_side(draws: &mut Draws, plan: &Plan) -> Vec<Who> {
    let agents = plan.agents();
    let mut side: Vec<Who> = agents.iter().copied().filter(|_| draws.chance(500_000)).collect();
    if side.is_empty() || side.len() == agents.len() {
        side = vec![*draws.pick(&agents)];
    }
    side
}

#[cfg(test)]
mod tests {
    use super::{Fault, Kind, Plan, Temper};
    use std::collections::BTreeSet;
    use std::time::Duration;

    const STORM: Duration = Duration::from_secs(45);

    #[test]
    fn a_seed_always_draws_the_same_plan_and_others_draw_others() {
        assert_eq!(Plan::draw(7, Temper::wild(STORM)), Plan::draw(7, Temper::wild(STORM)));
        assert_ne!(Plan::draw(7, Temper::wild(STORM)).strikes, Plan::draw(8, Temper::wild(STORM)).strikes);
    }

    #[test]
    fn a_hundred_seeds_cover_every_kind_both_sizes_and_runs_without_faults() {
        let plans: Vec<Plan> = (0..100).map(|seed| Plan::draw(seed, Temper::wild(STORM))).collect();
        let kinds: BTreeSet<Kind> = plans.iter().flat_map(|plan| plan.kinds.clone()).collect();
        assert!(kinds.into_iter().eq(Kind::ALL));
        let sizes: BTreeSet<usize> = plans.iter().map(|plan| plan.servers.len()).collect();
        assert!(sizes.into_iter().eq([3, 5]));
        assert!(plans.iter().any(|plan| plan.strikes.is_empty()));
        assert!(plans.iter().any(|plan| plan.clients.is_empty()) && plans.iter().any(|plan| plan.clients.len() == 5));
        let names: BTreeSet<String> = plans
            .iter()
            .flat_map(|plan| &plan.strikes)
            .map(|s| format!("{:?}", s.fault).split(['(', ' ']).next().unwrap().to_owned())
            .collect();
        assert_eq!(names.len(), 15, "{names:?}");
    }

    #[test]
    fn every_fault_ends_with_the_storm() {
        for seed in 0..100 {
            let plan = Plan::draw(seed, Temper::wild(STORM));
            assert!(plan.strikes.iter().all(|strike| strike.at + strike.lasts <= STORM));
            assert!(plan.strikes.is_sorted_by_key(|strike| strike.at));
        }
    }

    #[test]
    fn a_split_leaves_somebody_on_both_sides() {
        for seed in 0..200 {
            let plan = Plan::draw(seed, Temper::wild(STORM));
            for strike in &plan.strikes {
                if let Fault::Split(side) = &strike.fault {
                    assert!(!side.is_empty() && side.len() < plan.agents().len());
                }
            }
        }
    }
}
