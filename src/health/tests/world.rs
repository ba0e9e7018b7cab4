//! A machine with a driver that is always on time and a clock that is moved by hand.

use crate::health::{Checks, Input, Output, Run, Setup, Verdict};
use crate::model::{CheckDefinition, CheckStatus, Instant, Machine, Probe, Thresholds};
use std::sync::Arc;
use std::time::Duration;

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A check of the service `web` that connects every ten seconds.
pub fn tcp(id: &str) -> CheckDefinition {
    CheckDefinition {
        id: id.to_owned(),
        name: id.to_owned(),
        notes: String::new(),
        service_id: "web".to_owned(),
        initial: None,
        probe: Probe::Tcp { addr: "127.0.0.1:80".to_owned(), tls: None },
        interval: secs(10),
        timeout: None,
        thresholds: Thresholds::default(),
        deregister_after: None,
        output_limit: None,
        token: String::new(),
    }
}

/// A check of the service `web` that waits to be told.
pub fn ttl(id: &str, ttl: Duration) -> CheckDefinition {
    CheckDefinition { probe: Probe::Ttl { ttl }, interval: Duration::ZERO, ..tcp(id) }
}

pub fn says(status: CheckStatus, output: &str) -> Verdict {
    Verdict { status, output: output.to_owned() }
}

/// Critical, and says nothing.
pub fn unheard() -> Verdict {
    says(CheckStatus::Critical, "")
}

pub struct World {
    pub machine: Checks,
    pub now: Instant,
    /// Everything decided, and when.
    pub heard: Vec<(Instant, Output)>,
}

impl World {
    pub fn new() -> World {
        World::seeded(7)
    }

    pub fn seeded(seed: u64) -> World {
        World { machine: Checks::new(Setup::consul(seed)), now: Instant::ZERO + secs(1000), heard: Vec::new() }
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            self.heard.push((self.now, output));
        }
        self.machine.check_invariants();
    }

    pub fn input(&mut self, input: Input) {
        self.machine.handle(self.now, input);
        self.drain();
    }

    pub fn watch(&mut self, definition: CheckDefinition) {
        self.watch_as(definition, unheard());
    }

    pub fn watch_as(&mut self, definition: CheckDefinition, verdict: Verdict) {
        self.input(Input::Watch { definition: Arc::new(definition), verdict });
    }

    pub fn heartbeat(&mut self, check: &str, status: CheckStatus, output: &str) {
        self.input(Input::Heartbeat { check: check.into(), verdict: says(status, output) });
    }

    pub fn done(&mut self, check: &str, run: Run, verdict: Verdict) {
        self.input(Input::Done { check: check.into(), run, verdict });
    }

    /// Handles what falls due on the way, on time.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(deadline) = self.machine.poll_timeout().filter(|deadline| deadline.at <= end) {
            self.now = self.now.max(deadline.at);
            self.machine.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// Time passes, and nobody is called: the process did not run.
    pub fn freeze(&mut self, time: Duration) {
        self.now += time;
        self.machine.handle_timeout(self.now);
        self.drain();
    }

    /// Goes on to the next run of the check, and starts it.
    pub fn next_run(&mut self, check: &str) -> Run {
        loop {
            let started = self.heard.len();
            let due = self.machine.poll_timeout().expect("something falls due").at;
            self.run_for(due.since(self.now));
            if let Some(run) = self.starts(started, check).last() {
                return *run;
            }
        }
    }

    /// Starts the next run of the check and ends it at once.
    pub fn probe(&mut self, check: &str, verdict: Verdict) {
        let run = self.next_run(check);
        self.done(check, run, verdict);
    }

    fn starts(&self, from: usize, id: &str) -> Vec<Run> {
        let start = |(_, output): &(Instant, Output)| match output {
            Output::Start { check, run, .. } if **check == *id => Some(*run),
            Output::Start { .. } | Output::Cancel(_) | Output::Changed { .. } | Output::GiveUp { .. } => None,
        };
        self.heard[from..].iter().filter_map(start).collect()
    }

    /// When runs of the check started.
    pub fn started(&self, id: &str) -> Vec<Instant> {
        self.heard.iter().filter(|(_, output)| matches!(output, Output::Start { check, .. } if **check == *id)).map(|(at, _)| *at).collect()
    }

    /// How the check stood, each time that changed.
    pub fn changes(&self, id: &str) -> Vec<(Instant, Verdict)> {
        let change = |(at, output): &(Instant, Output)| match output {
            Output::Changed { check, verdict } if **check == *id => Some((*at, verdict.clone())),
            Output::Start { .. } | Output::Cancel(_) | Output::Changed { .. } | Output::GiveUp { .. } => None,
        };
        self.heard.iter().filter_map(change).collect()
    }

    /// When the check's service was given up.
    pub fn given_up(&self, id: &str) -> Vec<Instant> {
        self.heard
            .iter()
            .filter(|(_, output)| matches!(output, Output::GiveUp { check, .. } if **check == *id))
            .map(|(at, _)| *at)
            .collect()
    }

    /// Runs that were cancelled.
    pub fn cancelled(&self) -> Vec<Run> {
        let cancel = |(_, output): &(Instant, Output)| match output {
            Output::Cancel(run) => Some(*run),
            Output::Start { .. } | Output::Changed { .. } | Output::GiveUp { .. } => None,
        };
        self.heard.iter().filter_map(cancel).collect()
    }
}
