//! What can go wrong, and how it is made to and taken back.

use crate::nodes::{Condition, Crash, Nodes};
use crate::trace::Entry;
use crate::world::{self, Climate, Who};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Whom a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// This host.
    At(Who),
    /// Whoever leads when it strikes; this host if nobody does.
    AtLeaderOr(Who),
}

/// One fault. Each has an end: see [`Faults::heal`].
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Nothing gets from or to the host.
    Isolate(Aim),
    /// The hosts reach one another, and the others one another, and no one of these any of those.
    Split(Vec<Who>),
    /// What others send does not reach the host; what it sends gets through.
    Deafen(Aim),
    /// What the host sends does not get through; it hears all.
    Mute(Aim),
    /// Two hosts do not reach each other; everyone else reaches both.
    Unlink(Who, Who),
    /// Parts per million of what is sent are lost.
    Loss(u32),
    /// Parts per million of the datagrams arrive twice.
    Duplicate(u32),
    /// Parts per million of the datagrams are overtaken.
    Reorder(u32),
    /// The network takes this long one way.
    Slow(Range<Duration>),
    /// The node dies and comes back.
    Crash(Aim, Crash),
    /// All of these lose power at once, and come back.
    Blackout(Vec<Who>),
    /// The node stands still, and goes on.
    Freeze(Aim),
    /// The host's clocks run fast by parts per million (negative: slow).
    Drift(Who, i64),
    /// The host's wall clock is set forward or back by nanoseconds; it stays so.
    WallStep(Who, i64),
    /// The host's disk has this many bytes left.
    FillDisk(Aim, u64),
}

impl Fault {
    /// The hosts it strikes while `leader` leads; empty if it is the network of all.
    pub fn hosts(&self, leader: Option<Who>) -> Vec<Who> {
        let at = |aim: &Aim| match aim {
            Aim::At(who) => vec![*who],
            Aim::AtLeaderOr(who) => vec![leader.unwrap_or(*who)],
        };
        match self {
            Fault::Isolate(aim) | Fault::Deafen(aim) | Fault::Mute(aim) | Fault::Crash(aim, _) | Fault::Freeze(aim) => at(aim),
            Fault::FillDisk(aim, _) => at(aim),
            Fault::Split(side) => side.clone(),
            Fault::Blackout(all) => all.clone(),
            Fault::Unlink(a, b) => vec![*a, *b],
            Fault::Drift(who, _) | Fault::WallStep(who, _) => vec![*who],
            Fault::Loss(_) | Fault::Duplicate(_) | Fault::Reorder(_) | Fault::Slow(_) => Vec::new(),
        }
    }
}

/// Kinds of [`Fault`], by which a run is told what may happen in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// [`Fault::Isolate`], [`Fault::Split`] and [`Fault::Unlink`].
    Partition,
    /// [`Fault::Deafen`] and [`Fault::Mute`].
    OneWay,
    /// [`Fault::Loss`].
    Loss,
    /// [`Fault::Duplicate`].
    Duplication,
    /// [`Fault::Reorder`].
    Reordering,
    /// [`Fault::Slow`].
    Delay,
    /// [`Fault::Crash`] of a process.
    ProcessCrash,
    /// [`Fault::Crash`] of a machine, and [`Fault::Blackout`].
    PowerLoss,
    /// [`Fault::Freeze`].
    Freeze,
    /// [`Fault::Drift`] and [`Fault::WallStep`].
    Clock,
    /// [`Fault::FillDisk`].
    DiskFull,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 11] = [
        Kind::Partition,
        Kind::OneWay,
        Kind::Loss,
        Kind::Duplication,
        Kind::Reordering,
        Kind::Delay,
        Kind::ProcessCrash,
        Kind::PowerLoss,
        Kind::Freeze,
        Kind::Clock,
        Kind::DiskFull,
    ];
}

/// What is to be undone when a fault ends.
#[derive(Debug)]
enum Undo {
    Mend(Vec<(Who, Who)>),
    Climate(u64),
    Restart(Vec<Who>),
    Thaw(Who),
    Drift(Who),
    Space(Who),
    Nothing,
}

/// A fault in force.
#[derive(Debug)]
#[must_use = "a fault ends when it is healed"]
pub struct InForce {
    undo: Undo,
    /// Its place in [`Faults::struck`].
    number: usize,
}

/// A fault that struck, and whom: what judges excuse.
#[derive(Debug, Clone, PartialEq)]
pub struct Struck {
    /// What it was.
    pub fault: Fault,
    /// The hosts it struck. Empty: the network of all.
    pub hosts: Vec<Who>,
    /// When it began, in the world's time.
    pub from: u64,
    /// When it was healed; `None` while it is in force.
    pub to: Option<u64>,
}

type Modifier = (u64, Fault);

/// Makes faults on the machines of a run.
pub struct Faults {
    nodes: Arc<Nodes>,
    base: Climate,
    /// Faults of the climate in force: several at once each have their effect.
    modifiers: Mutex<Vec<Modifier>>,
    struck: Mutex<Vec<Struck>>,
}

/// A disk that is not filled.
const CAPACITY: u64 = 1 << 40;

impl Faults {
    /// On `nodes`, in a network that is otherwise `base`.
    pub fn new(nodes: Arc<Nodes>, base: Climate) -> Faults {
        world::with(|w| w.weather.climate = base.clone());
        Faults { nodes, base, modifiers: Mutex::default(), struck: Mutex::default() }
    }

    /// Makes `fault` happen; `leader` leads now.
    pub fn strike(&self, fault: &Fault, leader: Option<Who>) -> InForce {
        let at = |aim: &Aim| match aim {
            Aim::At(who) => *who,
            Aim::AtLeaderOr(who) => leader.unwrap_or(*who),
        };
        world::record(Entry::with("fault", 0, 0, format!("{fault:?} {leader:?}").as_bytes()));
        say(format_args!("fault: {fault:?}, leader {leader:?}"));
        let number = self.note(fault, leader);
        let undo = match fault {
            Fault::Isolate(aim) => self.cut(&[at(aim)], true, true),
            Fault::Split(side) => self.cut(side, true, true),
            Fault::Deafen(aim) => self.cut(&[at(aim)], true, false),
            Fault::Mute(aim) => self.cut(&[at(aim)], false, true),
            Fault::Unlink(a, b) => cut_all(vec![(*a, *b), (*b, *a)]),
            Fault::Loss(_) | Fault::Duplicate(_) | Fault::Reorder(_) | Fault::Slow(_) => self.modify(fault.clone()),
            Fault::Crash(aim, crash) => self.crash(&[at(aim)], *crash),
            Fault::Blackout(all) => self.crash(all, Crash::Power),
            Fault::Freeze(aim) => {
                self.nodes.freeze(at(aim));
                Undo::Thaw(at(aim))
            }
            Fault::Drift(who, ppm) => {
                self.nodes.drift(*who, *ppm);
                Undo::Drift(*who)
            }
            Fault::WallStep(who, nanos) => {
                self.nodes.step_wall(*who, *nanos);
                Undo::Nothing
            }
            Fault::FillDisk(aim, left) => {
                set_capacity(at(aim), |used| used + left);
                Undo::Space(at(aim))
            }
        };
        InForce { undo, number }
    }

    /// Everything that struck so far, in order.
    pub fn struck(&self) -> Vec<Struck> {
        self.struck.lock().expect("no panic while held").clone()
    }

    fn note(&self, fault: &Fault, leader: Option<Who>) -> usize {
        let mut struck = self.struck.lock().expect("no panic while held");
        struck.push(Struck { fault: fault.clone(), hosts: fault.hosts(leader), from: world::with(|w| w.now()), to: None });
        struck.len() - 1
    }

    /// Ends a fault.
    pub fn heal(&self, fault: InForce) {
        say(format_args!("heal: {:?}", fault.undo));
        self.struck.lock().expect("no panic while held")[fault.number].to = Some(world::with(|w| w.now()));
        match fault.undo {
            Undo::Mend(ways) => world::with(|w| ways.iter().for_each(|(from, to)| w.weather.mend(*from, *to))),
            Undo::Climate(number) => {
                self.modifiers().retain(|(n, _)| *n != number);
                self.apply_climate();
            }
            Undo::Restart(all) => all.into_iter().for_each(|who| self.nodes.restart(who)),
            Undo::Thaw(who) => self.nodes.thaw(who),
            Undo::Drift(who) => self.nodes.drift(who, 0),
            Undo::Space(who) => set_capacity(who, |_| CAPACITY),
            Undo::Nothing => {}
        }
    }

    /// Cuts the ways into and out of `side`, from and to every machine that is not in it.
    fn cut(&self, side: &[Who], inward: bool, outward: bool) -> Undo {
        let mut ways = Vec::new();
        for other in self.nodes.everyone().into_iter().filter(|who| !side.contains(who)) {
            for who in side {
                ways.extend(inward.then_some((other, *who)));
                ways.extend(outward.then_some((*who, other)));
            }
        }
        cut_all(ways)
    }

    fn crash(&self, all: &[Who], crash: Crash) -> Undo {
        // One that is dead already belongs to another fault, which brings it back.
        let alive: Vec<Who> = all.iter().copied().filter(|who| self.nodes.condition(*who) != Condition::Dead).collect();
        alive.iter().for_each(|who| self.nodes.crash(*who, crash));
        Undo::Restart(alive)
    }

    fn modify(&self, fault: Fault) -> Undo {
        let number = {
            let mut modifiers = self.modifiers();
            let number = modifiers.last().map_or(0, |(n, _)| n + 1);
            modifiers.push((number, fault));
            number
        };
        self.apply_climate();
        Undo::Climate(number)
    }

    fn apply_climate(&self) {
        let mut climate = self.base.clone();
        for (_, fault) in self.modifiers().iter() {
            match fault {
                Fault::Loss(ppm) => climate.loss = climate.loss.max(*ppm),
                Fault::Duplicate(ppm) => climate.duplication = climate.duplication.max(*ppm),
                Fault::Reorder(ppm) => climate.reordering = climate.reordering.max(*ppm),
                Fault::Slow(latency) if latency.end > climate.latency.end => climate.latency = latency.clone(),
                Fault::Slow(_)
                | Fault::Isolate(_)
                | Fault::Split(_)
                | Fault::Deafen(_)
                | Fault::Mute(_)
                | Fault::Unlink(..)
                | Fault::Crash(..)
                | Fault::Blackout(_)
                | Fault::Freeze(_)
                | Fault::Drift(..)
                | Fault::WallStep(..)
                | Fault::FillDisk(..) => {}
            }
        }
        world::with(|w| w.weather.climate = climate);
    }

    fn modifiers(&self) -> std::sync::MutexGuard<'_, Vec<Modifier>> {
        self.modifiers.lock().expect("no panic while held")
    }
}

fn cut_all(ways: Vec<(Who, Who)>) -> Undo {
    world::with(|w| ways.iter().for_each(|(from, to)| w.weather.cut(*from, *to)));
    Undo::Mend(ways)
}

fn set_capacity(who: Who, capacity: impl FnOnce(u64) -> u64) {
    world::with(|w| {
        let platter = &mut w.host(who).platter;
        platter.hardware.capacity = capacity(platter.used_bytes());
    });
}

fn say(line: std::fmt::Arguments<'_>) {
    world::with(|w| {
        let now = w.now();
        w.trace.line(now, world::SUPERVISOR.0, line);
    });
}

#[cfg(test)]
mod tests {
    use super::{Aim, Fault, Faults};
    use crate::nodes::{Condition, Crash, Nodes};
    use crate::play::play;
    use crate::world::{self, Climate, Who};
    use std::sync::Arc;

    fn on_three(check: impl FnOnce(&Faults, &Nodes) + Send + 'static) {
        let played = play(1, None, || async {
            let nodes = Arc::new(Nodes::default());
            for n in 1..=3 {
                nodes.add_idle(Who(n));
            }
            check(&Faults::new(nodes.clone(), Climate::calm()), &nodes);
        });
        assert_eq!(played.value, Ok(()));
    }

    fn open(from: u8, to: u8) -> bool {
        world::with(|w| w.weather.is_open(Who(from), Who(to)))
    }

    #[test]
    fn overlapping_partitions_end_only_with_the_last_of_them() {
        on_three(|faults, _| {
            let one = faults.strike(&Fault::Isolate(Aim::At(Who(1))), None);
            let two = faults.strike(&Fault::Split(vec![Who(1), Who(2)]), None);
            assert!(!open(1, 2) && !open(2, 3) && open(3, 3));
            faults.heal(one);
            assert!(open(1, 2) && !open(1, 3));
            faults.heal(two);
            assert!(open(1, 3) && open(3, 2));
        });
    }

    #[test]
    fn a_deaf_leader_still_speaks() {
        on_three(|faults, _| {
            let deaf = faults.strike(&Fault::Deafen(Aim::AtLeaderOr(Who(1))), Some(Who(2)));
            assert!(open(2, 1) && !open(1, 2) && open(1, 3));
            faults.heal(deaf);
            assert!(open(1, 2));
        });
    }

    #[test]
    fn faults_of_the_climate_add_up_and_leave_it_as_it_was() {
        on_three(|faults, _| {
            let (a, b) = (faults.strike(&Fault::Loss(10), None), faults.strike(&Fault::Loss(30), None));
            assert_eq!(world::with(|w| w.weather.climate.loss), 30);
            faults.heal(b);
            assert_eq!(world::with(|w| w.weather.climate.loss), 10);
            faults.heal(a);
            assert_eq!(world::with(|w| w.weather.climate.clone()), Climate::calm());
        });
    }

    #[test]
    fn a_node_that_crashes_in_two_faults_is_brought_back_by_the_first_and_frozen_nodes_die_too() {
        on_three(|faults, nodes| {
            let frozen = faults.strike(&Fault::Freeze(Aim::At(Who(1))), None);
            let first = faults.strike(&Fault::Crash(Aim::At(Who(1)), Crash::Power), None);
            let second = faults.strike(&Fault::Blackout(vec![Who(1), Who(2)]), None);
            assert_eq!(nodes.condition(Who(1)), Condition::Dead);
            faults.heal(second);
            assert_eq!((nodes.condition(Who(1)), nodes.condition(Who(2))), (Condition::Dead, Condition::Running));
            faults.heal(first);
            faults.heal(frozen);
            assert_eq!(nodes.condition(Who(1)), Condition::Running);
        });
    }
}
