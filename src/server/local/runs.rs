//! Which runs of checks are under way and which wait for room. Those that wait start in the order in which they fell due.

use crate::config::runs_programs;
use crate::health::{CheckId, Run};
use crate::model::Probe;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Programs that run at once.
pub(super) const MOST_PROGRAMS: usize = 128;
/// Connections that are open at once for all other checks; a process has 1,024 file handles where nobody raised that.
pub(super) const MOST_CONNECTIONS: usize = 512;

/// A run as the machine asked for it.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub check: CheckId,
    pub run: Run,
    pub probe: Arc<Probe>,
    pub timeout: Duration,
    pub output_limit: usize,
}

/// The runs of one agent; `T` is what a run under way is held by.
#[derive(Debug)]
pub(super) struct Runs<T> {
    programs: Lane<T>,
    connections: Lane<T>,
}

/// Runs that compete for the same room. At most `most` are under way; how many wait is bounded by the number of checks.
#[derive(Debug)]
struct Lane<T> {
    most: usize,
    under_way: BTreeMap<Run, T>,
    /// Runs grow, so the first fell due first.
    waiting: BTreeMap<Run, Start>,
}

impl<T> Runs<T> {
    pub fn new(programs: usize, connections: usize) -> Runs<T> {
        Runs { programs: Lane::new(programs), connections: Lane::new(connections) }
    }

    /// Begins with `begin`, now or when there is room.
    pub fn start(&mut self, start: Start, begin: impl FnMut(Start) -> T) {
        let lane = if runs_programs(&start.probe) { &mut self.programs } else { &mut self.connections };
        lane.start(start, begin);
    }

    /// Ends a run that is over or not wanted: what it was held by, if it was under way. The next ones begin.
    pub fn end(&mut self, run: Run, mut begin: impl FnMut(Start) -> T) -> Option<T> {
        let ended = self.programs.end(run, &mut begin);
        if ended.is_some() { ended } else { self.connections.end(run, begin) }
    }

    /// How many are under way, and how many wait.
    pub fn counts(&self) -> (usize, usize) {
        let lanes = [&self.programs, &self.connections];
        let waiting = lanes.iter().map(|lane| lane.waiting.len()).sum();
        (lanes.iter().map(|lane| lane.under_way.len()).sum(), waiting)
    }

    /// Everything that is under way; nothing begins any more.
    pub fn take_all(&mut self) -> Vec<T> {
        let mut all = Vec::new();
        for lane in [&mut self.programs, &mut self.connections] {
            lane.most = 0;
            lane.waiting.clear();
            all.extend(std::mem::take(&mut lane.under_way).into_values());
        }
        all
    }
}

impl<T> Lane<T> {
    fn new(most: usize) -> Lane<T> {
        Lane { most, under_way: BTreeMap::new(), waiting: BTreeMap::new() }
    }

    fn start(&mut self, start: Start, mut begin: impl FnMut(Start) -> T) {
        if self.under_way.len() < self.most {
            let run = start.run;
            self.under_way.insert(run, begin(start));
        } else if self.most > 0 {
            self.waiting.insert(start.run, start);
        }
    }

    fn end(&mut self, run: Run, mut begin: impl FnMut(Start) -> T) -> Option<T> {
        self.waiting.remove(&run);
        let ended = self.under_way.remove(&run)?;
        if self.under_way.len() < self.most
            && let Some((run, start)) = self.waiting.pop_first()
        {
            self.under_way.insert(run, begin(start));
        }
        Some(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::{Runs, Start};
    use crate::health::Run;
    use crate::model::Probe;
    use std::sync::Arc;
    use std::time::Duration;

    fn start(run: u64, probe: Probe) -> Start {
        Start { check: "c".into(), run: Run(run), probe: Arc::new(probe), timeout: Duration::from_secs(1), output_limit: 10 }
    }

    fn tcp(run: u64) -> Start {
        start(run, Probe::Tcp { addr: String::new(), tls: None })
    }

    fn script(run: u64) -> Start {
        start(run, Probe::Script { args: Vec::new() })
    }

    #[test]
    fn what_finds_no_room_begins_in_the_order_it_fell_due() {
        let (mut runs, mut begun) = (Runs::new(1, 2), Vec::new());
        for run in 1..=5 {
            runs.start(tcp(run), |start| begun.push(start.run.0));
        }
        assert_eq!((begun.as_slice(), runs.counts()), ([1, 2].as_slice(), (2, 3)));
        assert_eq!(runs.end(Run(2), |start| begun.push(start.run.0)), Some(()));
        runs.end(Run(1), |start| begun.push(start.run.0));
        assert_eq!((begun.as_slice(), runs.counts()), ([1, 2, 3, 4].as_slice(), (2, 1)));
    }

    #[test]
    fn programs_and_connections_do_not_take_each_others_room() {
        let (mut runs, mut begun) = (Runs::new(1, 1), Vec::new());
        for start in [script(1), script(2), tcp(3), tcp(4)] {
            runs.start(start, |start| begun.push(start.run.0));
        }
        runs.end(Run(3), |start| begun.push(start.run.0));
        assert_eq!(begun, [1, 3, 4]);
    }

    #[test]
    fn a_run_that_is_cancelled_while_it_waits_never_begins() {
        let (mut runs, mut begun) = (Runs::new(1, 1), Vec::new());
        for run in 1..=3 {
            runs.start(tcp(run), |start| begun.push(start.run.0));
        }
        assert_eq!(runs.end(Run(2), |start| begun.push(start.run.0)), None);
        assert_eq!(runs.counts(), (1, 1));
        runs.end(Run(1), |start| begun.push(start.run.0));
        runs.end(Run(7), |start| begun.push(start.run.0));
        assert_eq!((begun.as_slice(), runs.counts()), ([1, 3].as_slice(), (1, 0)));
    }

    #[test]
    fn nothing_begins_once_all_were_taken() {
        let mut runs = Runs::new(1, 1);
        for run in 1..=3 {
            runs.start(tcp(run), |start| start.run.0);
        }
        assert_eq!(runs.take_all(), [1]);
        runs.start(tcp(4), |_| panic!("it is over"));
        assert_eq!(runs.end(Run(1), |_| panic!("it is over")), None);
        assert_eq!(runs.counts(), (0, 0));
    }
}
