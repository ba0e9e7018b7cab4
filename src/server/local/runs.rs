//! Which runs of checks are under way and which wait for room.
//!
//! A check that hangs must not keep others from being run, so how a check's last run went decides how much of the room it may have: see [`Pace`].
//! Among those that may begin, the one that fell due first does.
//!
//! **Bound.** Of `most` places checks that hang never hold more than three quarters, but for those that had been quick until then and begin to
//! hang in the same moment: a run begins when it falls due unless more than a quarter of the places (32 programs, 128 connections) are taken by
//! such checks, or are in use by quick ones. After one timeout these are known to be slow too. Slow checks may wait for each other: `n` of them
//! that hang are each run about once in `n / (most / 2)` timeouts.

use crate::config::runs_programs;
use crate::health::{CheckId, Run};
use crate::model::{Instant, Probe};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Programs that run at once.
pub(super) const MOST_PROGRAMS: usize = 128;
/// Connections that are open at once for all other checks; a process has 1,024 file handles where nobody raised that.
pub(super) const MOST_CONNECTIONS: usize = 512;

/// A run that took longer than this was slow.
pub(super) const SLOW: Duration = Duration::from_secs(1);

/// A run as the machine asked for it.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub check: CheckId,
    pub run: Run,
    pub probe: Arc<Probe>,
    pub timeout: Duration,
    pub output_limit: usize,
}

/// How the last run of a check went, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pace {
    /// It was over within [`SLOW`]. All places are open to it.
    Quick,
    /// There was none. All but a quarter of the places are open to such checks and slow ones together.
    New,
    /// It took longer. Half of the places are open to such checks.
    Slow,
}

impl Pace {
    const ALL: [Pace; 3] = [Pace::Quick, Pace::New, Pace::Slow];

    /// How many of `most` places runs of this pace and worse ones may have together; one at least, if there are any.
    fn room(self, most: usize) -> usize {
        let room = match self {
            Pace::Quick => most,
            Pace::New => most - most / 4,
            Pace::Slow => most / 2,
        };
        room.max(most.min(1))
    }
}

/// The runs of one agent; `T` is what a run under way is held by.
#[derive(Debug)]
pub(super) struct Runs<T> {
    programs: Lane<T>,
    connections: Lane<T>,
    /// How the last run of each check went that has had one. A tree's parts share a pace.
    paces: BTreeMap<CheckId, Pace>,
}

/// Runs that compete for the same room. At most `most` are under way; how many wait is bounded by the number of checks.
#[derive(Debug)]
struct Lane<T> {
    most: usize,
    under_way: BTreeMap<Run, UnderWay<T>>,
    /// How many are under way of each pace.
    counts: BTreeMap<Pace, usize>,
    /// Runs grow, so the first of each pace fell due first.
    waiting: BTreeMap<Pace, BTreeMap<Run, Start>>,
}

#[derive(Debug)]
struct UnderWay<T> {
    check: CheckId,
    pace: Pace,
    begun: Instant,
    held: T,
}

impl<T> Runs<T> {
    pub fn new(programs: usize, connections: usize) -> Runs<T> {
        Runs { programs: Lane::new(programs), connections: Lane::new(connections), paces: BTreeMap::new() }
    }

    /// Begins with `begin`, now or when there is room.
    pub fn start(&mut self, now: Instant, start: Start, begin: impl FnMut(Start) -> T) {
        let pace = self.paces.get(&start.check).copied().unwrap_or(Pace::New);
        let lane = if runs_programs(&start.probe) { &mut self.programs } else { &mut self.connections };
        lane.wait(pace, start);
        lane.begin_next(now, begin);
    }

    /// A run is over: how long it took is remembered. The next ones begin.
    pub fn done(&mut self, now: Instant, run: Run, begin: impl FnMut(Start) -> T) {
        if let Some(ended) = self.end(now, run, begin) {
            let pace = if now.since(ended.begun) > SLOW { Pace::Slow } else { Pace::Quick };
            self.paces.insert(ended.check, pace);
        }
    }

    /// Ends a run that is not wanted: what it was held by, if it was under way. The next ones begin.
    pub fn cancel(&mut self, now: Instant, run: Run, begin: impl FnMut(Start) -> T) -> Option<T> {
        self.end(now, run, begin).map(|ended| ended.held)
    }

    fn end(&mut self, now: Instant, run: Run, mut begin: impl FnMut(Start) -> T) -> Option<UnderWay<T>> {
        let ended = self.programs.end(now, run, &mut begin);
        if ended.is_some() { ended } else { self.connections.end(now, run, begin) }
    }

    /// A check is there no more.
    pub fn forget(&mut self, check: &str) {
        self.paces.remove(check);
    }

    /// How many are under way, and how many wait.
    pub fn counts(&self) -> (usize, usize) {
        let lanes = [&self.programs, &self.connections];
        let waiting = lanes.iter().flat_map(|lane| lane.waiting.values()).map(BTreeMap::len).sum();
        (lanes.iter().map(|lane| lane.under_way.len()).sum(), waiting)
    }

    /// Everything that is under way; nothing begins any more.
    pub fn take_all(&mut self) -> Vec<T> {
        let mut all = Vec::new();
        for lane in [&mut self.programs, &mut self.connections] {
            all.extend(std::mem::replace(lane, Lane::new(0)).under_way.into_values().map(|under_way| under_way.held));
        }
        all
    }
}

impl<T> Lane<T> {
    fn new(most: usize) -> Lane<T> {
        Lane { most, under_way: BTreeMap::new(), counts: BTreeMap::new(), waiting: BTreeMap::new() }
    }

    fn wait(&mut self, pace: Pace, start: Start) {
        if self.most > 0 {
            self.waiting.entry(pace).or_default().insert(start.run, start);
        }
    }

    fn end(&mut self, now: Instant, run: Run, begin: impl FnMut(Start) -> T) -> Option<UnderWay<T>> {
        self.waiting.values_mut().for_each(|waiting| drop(waiting.remove(&run)));
        let ended = self.under_way.remove(&run)?;
        *self.counts.get_mut(&ended.pace).expect("what is under way is counted") -= 1;
        self.begin_next(now, begin);
        Some(ended)
    }

    /// Whether one more of this pace may begin: there is room for it among those of its pace and worse, and so for every better pace.
    fn has_room(&self, pace: Pace) -> bool {
        let better = Pace::ALL.into_iter().filter(|better| *better <= pace);
        better.into_iter().all(|better| self.counts.range(better..).map(|(_, count)| count).sum::<usize>() < better.room(self.most))
    }

    fn begin_next(&mut self, now: Instant, mut begin: impl FnMut(Start) -> T) {
        loop {
            let heads = Pace::ALL.into_iter().filter(|pace| self.has_room(*pace));
            let heads = heads.filter_map(|pace| Some((*self.waiting.get(&pace)?.first_key_value()?.0, pace)));
            let Some((run, pace)) = heads.min() else { return };
            let start = self.waiting.get_mut(&pace).and_then(|waiting| waiting.remove(&run)).expect("it waits");
            *self.counts.entry(pace).or_default() += 1;
            let check = start.check.clone();
            self.under_way.insert(run, UnderWay { check, pace, begun: now, held: begin(start) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Runs, SLOW, Start};
    use crate::health::Run;
    use crate::model::{Instant, Probe};
    use std::sync::Arc;
    use std::time::Duration;

    const AT: Instant = Instant::ZERO;

    fn start(check: &str, run: u64, probe: Probe) -> Start {
        Start { check: check.into(), run: Run(run), probe: Arc::new(probe), timeout: Duration::from_secs(1), output_limit: 10 }
    }

    fn tcp(run: u64) -> Start {
        of_check(&format!("c{run}"), run)
    }

    fn of_check(check: &str, run: u64) -> Start {
        start(check, run, Probe::Tcp { addr: String::new(), tls: None })
    }

    fn script(run: u64) -> Start {
        start("s", run, Probe::Script { args: Vec::new() })
    }

    /// A run of each check that takes so long, one after the other.
    fn known(runs: &mut Runs<()>, checks: &[&str], took: Duration) {
        for (check, run) in checks.iter().zip(1..) {
            runs.start(AT, of_check(check, run), |_| ());
            runs.done(AT + took, Run(run), |_| ());
        }
    }

    #[test]
    fn what_finds_no_room_begins_in_the_order_it_fell_due() {
        let (mut runs, mut begun) = (Runs::new(1, 2), Vec::new());
        for run in 1..=5 {
            runs.start(AT, tcp(run), |start| begun.push(start.run.0));
        }
        assert_eq!((begun.as_slice(), runs.counts()), ([1, 2].as_slice(), (2, 3)));
        runs.done(AT, Run(2), |start| begun.push(start.run.0));
        runs.done(AT, Run(1), |start| begun.push(start.run.0));
        assert_eq!((begun.as_slice(), runs.counts()), ([1, 2, 3, 4].as_slice(), (2, 1)));
    }

    #[test]
    fn programs_and_connections_do_not_take_each_others_room() {
        let (mut runs, mut begun) = (Runs::new(1, 1), Vec::new());
        for start in [script(1), script(2), tcp(3), tcp(4)] {
            runs.start(AT, start, |start| begun.push(start.run.0));
        }
        runs.done(AT, Run(3), |start| begun.push(start.run.0));
        assert_eq!(begun, [1, 3, 4]);
    }

    #[test]
    fn a_run_that_is_cancelled_while_it_waits_never_begins() {
        let (mut runs, mut begun) = (Runs::new(1, 1), Vec::new());
        for run in 1..=3 {
            runs.start(AT, tcp(run), |start| begun.push(start.run.0));
        }
        assert_eq!(runs.cancel(AT, Run(2), |start| begun.push(start.run.0)), None);
        assert_eq!(runs.counts(), (1, 1));
        assert_eq!(runs.cancel(AT, Run(1), |start| begun.push(start.run.0)), Some(()));
        runs.done(AT, Run(7), |start| begun.push(start.run.0));
        assert_eq!((begun.as_slice(), runs.counts()), ([1, 3].as_slice(), (1, 0)));
    }

    #[test]
    fn nothing_begins_once_all_were_taken() {
        let mut runs = Runs::new(1, 1);
        for run in 1..=3 {
            runs.start(AT, tcp(run), |start| start.run.0);
        }
        assert_eq!(runs.take_all(), [1]);
        runs.start(AT, tcp(4), |_| panic!("it is over"));
        runs.done(AT, Run(1), |_| panic!("it is over"));
        assert_eq!(runs.counts(), (0, 0));
    }

    #[test]
    fn slow_checks_leave_half_of_the_room_and_wait_in_their_order() {
        let (mut runs, mut begun) = (Runs::new(1, 8), Vec::new());
        let slow = ["a", "b", "c", "d", "e", "f"];
        known(&mut runs, &slow, SLOW + Duration::from_nanos(1));
        known(&mut runs, &["q", "r", "s", "t"], SLOW);
        for (check, run) in slow.iter().zip(11..) {
            runs.start(AT, of_check(check, run), |start| begun.push(start.run.0));
        }
        assert_eq!((begun.as_slice(), runs.counts()), ([11, 12, 13, 14].as_slice(), (4, 2)));
        for (check, run) in ["q", "r", "s", "t", "q"].iter().zip(21..) {
            runs.start(AT, of_check(check, run), |start| begun.push(start.run.0));
        }
        assert_eq!((&begun[4..], runs.counts()), ([21, 22, 23, 24].as_slice(), (8, 3)), "quick ones go past those that wait");
        runs.done(AT, Run(21), |start| begun.push(start.run.0));
        runs.done(AT, Run(13), |start| begun.push(start.run.0));
        assert_eq!(&begun[8..], [25, 15]);
    }

    #[test]
    fn new_checks_that_hang_leave_a_quarter_to_those_that_were_quick() {
        let (mut runs, mut begun) = (Runs::new(1, 8), Vec::new());
        known(&mut runs, &["q", "r", "s"], SLOW);
        for run in 11..=30 {
            runs.start(AT, tcp(run), |start| begun.push(start.run.0));
        }
        assert_eq!(begun, [11, 12, 13, 14, 15, 16]);
        for (check, run) in ["q", "r", "s"].iter().zip(31..) {
            runs.start(AT, of_check(check, run), |start| begun.push(start.run.0));
        }
        assert_eq!(&begun[6..], [31, 32]);
        // The room of a quick check is for the one that waits, not for one of those that hang.
        runs.done(AT, Run(31), |start| begun.push(start.run.0));
        assert_eq!((&begun[8..], runs.counts()), ([33].as_slice(), (8, 14)));
    }

    #[test]
    fn slow_checks_leave_room_for_new_ones() {
        let (mut runs, mut begun) = (Runs::new(1, 8), 0);
        let slow = ["a", "b", "c", "d", "e", "f"];
        known(&mut runs, &slow, SLOW * 2);
        for (check, run) in slow.iter().zip(11..) {
            runs.start(AT, of_check(check, run), |_| begun += 1);
        }
        runs.start(AT, of_check("new", 21), |_| begun += 1);
        runs.start(AT, of_check("newer", 22), |_| begun += 1);
        assert_eq!((begun, runs.counts()), (6, (6, 2)));
    }

    #[test]
    fn a_slow_check_that_is_quick_once_is_quick_and_one_that_is_forgotten_is_new() {
        let (mut runs, mut begun) = (Runs::new(1, 2), Vec::new());
        known(&mut runs, &["a", "b"], SLOW * 2);
        known(&mut runs, &["a"], SLOW);
        runs.start(AT, of_check("b", 11), |start| begun.push(start.run.0));
        runs.start(AT, of_check("a", 12), |start| begun.push(start.run.0));
        assert_eq!(begun, [11, 12]);
        runs.done(AT, Run(12), |start| begun.push(start.run.0));
        runs.start(AT, of_check("b", 13), |start| begun.push(start.run.0));
        assert_eq!(begun, [11, 12], "there is room, but not for two that are slow");
        runs.forget("b");
        runs.start(AT, of_check("b", 14), |start| begun.push(start.run.0));
        assert_eq!(begun, [11, 12, 14]);
        assert_eq!(runs.paces.len(), 1);
    }

    #[test]
    fn time_in_the_queue_makes_nobody_slow() {
        let (mut runs, mut begun) = (Runs::new(1, 1), Vec::new());
        runs.start(AT, of_check("hangs", 1), |_| ());
        runs.start(AT, of_check("waits", 2), |_| ());
        let late = AT + Duration::from_secs(30);
        runs.done(late, Run(1), |_| ());
        runs.done(late + SLOW, Run(2), |_| ());
        known(&mut runs, &["third"], SLOW * 2);
        assert_eq!(runs.paces.values().map(|pace| format!("{pace:?}")).collect::<Vec<_>>(), ["Slow", "Slow", "Quick"]);
        runs.start(late, of_check("waits", 9), |start| begun.push(start.run.0));
        assert_eq!(begun, [9]);
    }
}
