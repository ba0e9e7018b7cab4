//! One thing that is run again and again: the whole of an ordinary check, or one leaf of a check tree.

use super::machine::STALL;
use super::streak::Streak;
use super::words::{Run, Setup, Verdict};
use crate::model::{CheckDefinition, CheckStatus, Instant, Probe, Thresholds};
use std::sync::Arc;
use std::time::Duration;

/// How long a run of programs may take if nobody says (Consul).
const PROGRAM_TIMEOUT: Duration = Duration::from_secs(30);

/// How long any other run may take if nobody says (Consul).
const TIMEOUT: Duration = Duration::from_secs(10);

/// What is run, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub name: String,
    pub probe: Arc<Probe>,
    pub interval: Duration,
    pub timeout: Duration,
    /// How much output the check asks to be kept, in bytes, if it does; see [`Setup::output_limit`].
    pub output_limit: Option<usize>,
    pub thresholds: Thresholds,
}

impl Plan {
    /// The plan of a check, which may be a leaf of `tree`: what it does not say itself it has from there.
    pub fn of(check: &CheckDefinition, tree: Option<&CheckDefinition>, setup: &Setup) -> Plan {
        let interval = match tree {
            Some(tree) if check.interval.is_zero() => tree.interval,
            Some(_) | None => check.interval,
        };
        let thresholds = match tree {
            Some(tree) if check.thresholds == Thresholds::default() => tree.thresholds,
            Some(_) | None => check.thresholds,
        };
        let timeout = check.timeout.or(tree.and_then(|tree| tree.timeout)).filter(|timeout| !timeout.is_zero());
        Plan {
            name: if check.name.is_empty() { check.id.clone() } else { check.name.clone() },
            probe: Arc::new(check.probe.clone()),
            interval: interval.max(setup.shortest_interval).max(Duration::from_nanos(1)),
            timeout: timeout.unwrap_or_else(|| default_timeout(&check.probe)),
            output_limit: check.output_limit.or(tree.and_then(|tree| tree.output_limit)),
            thresholds,
        }
    }
}

fn default_timeout(probe: &Probe) -> Duration {
    match probe {
        Probe::Script { .. } | Probe::Docker { .. } => PROGRAM_TIMEOUT,
        Probe::Http(_)
        | Probe::Tcp { .. }
        | Probe::Udp { .. }
        | Probe::Grpc { .. }
        | Probe::H2Ping { .. }
        | Probe::Native(_)
        | Probe::Ttl { .. }
        | Probe::Alias { .. }
        | Probe::Tree(_)
        | Probe::Maintenance => TIMEOUT,
    }
}

/// What it is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waits for its next run.
    Waiting {
        /// When that is due.
        due: Instant,
    },
    /// A run is under way.
    Running {
        run: Run,
        started: Instant,
        /// When the run after it would be due.
        next: Instant,
    },
}

/// Whether the last failure was believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    None,
    /// It was reported so late that it may have been our own outage.
    LastFailure,
}

/// What came of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The leaf stands as it found.
    Stands,
    /// The result is not enough, or not believed.
    Held,
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    pub plan: Plan,
    pub phase: Phase,
    pub verdict: Verdict,
    pub streak: Streak,
    doubt: Doubt,
}

impl Leaf {
    pub fn new(plan: Plan, verdict: Verdict, due: Instant) -> Leaf {
        Leaf { plan, phase: Phase::Waiting { due }, verdict, streak: Streak::default(), doubt: Doubt::None }
    }

    /// The run under way.
    pub fn run(&self) -> Option<Run> {
        match self.phase {
            Phase::Running { run, .. } => Some(run),
            Phase::Waiting { .. } => None,
        }
    }

    /// When the next run is due, unless one is under way.
    pub fn due(&self) -> Option<Instant> {
        match self.phase {
            Phase::Waiting { due } => Some(due),
            Phase::Running { .. } => None,
        }
    }

    /// When the next run is due, or would be if the one under way were over.
    pub fn next(&self) -> Instant {
        match self.phase {
            Phase::Waiting { due } => due,
            Phase::Running { next, .. } => next,
        }
    }

    /// Begins the run that was due at `due`.
    pub fn start(&mut self, now: Instant, due: Instant, run: Run) {
        self.phase = Phase::Running { run, started: now, next: due + self.plan.interval };
    }

    /// Takes the result of the run under way. The next run keeps the rhythm of those before: what a run takes does not add up.
    pub fn finish(&mut self, now: Instant, verdict: Verdict) -> Outcome {
        let Phase::Running { started, next, .. } = self.phase else { return Outcome::Held };
        self.phase = Phase::Waiting { due: on_beat(next, self.plan.interval, now) };
        let late = now.since(started) > self.plan.timeout + STALL;
        if late && verdict.status == CheckStatus::Critical && self.doubt == Doubt::None {
            self.doubt = Doubt::LastFailure;
            return Outcome::Held;
        }
        self.doubt = Doubt::None;
        match self.streak.count(verdict.status, &self.plan.thresholds) {
            Some(status) => {
                self.verdict = Verdict { status, output: verdict.output };
                Outcome::Stands
            }
            None => Outcome::Held,
        }
    }
}

/// `at`, or the first of the beats of `interval` after it that lies ahead of `now`.
fn on_beat(at: Instant, interval: Duration, now: Instant) -> Instant {
    if at > now {
        return at;
    }
    let interval = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
    let missed = now.as_nanos().saturating_sub(at.as_nanos()) / interval;
    Instant::from_nanos(at.as_nanos().saturating_add(interval.saturating_mul(missed + 1)))
}
