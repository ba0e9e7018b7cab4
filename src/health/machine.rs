//! The machine: what goes in, what comes out, and what falls due.

use super::entry::{Critical, Entry, Kind, Runs, Ttl};
use super::leaf::{Leaf, Outcome, Phase, Plan};
use super::output::capped;
use super::timers::{Ordinal, Part, Timers};
use super::words::{CheckId, Input, Output, Run, Setup, Verdict};
use crate::model::{CheckDefinition, CheckStatus, Deadline, Instant, Machine, Probe, VerdictSource};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// What falls due and is handled later than this was late by an outage of our own.
pub const STALL: Duration = Duration::from_secs(1);

/// What a TTL that ran out during an outage of our own still gets, for heartbeats that waited meanwhile.
pub const GRACE: Duration = Duration::from_secs(1);

/// A first run comes within this, however long the interval is: what a check stood as before is not shown for longer without a look.
pub const FIRST_RUN: Duration = Duration::from_secs(60);

/// A service is given up after this long at the earliest (Consul's minimum of `deregister_critical_service_after`).
pub const SHORTEST_GIVE_UP: Duration = Duration::from_secs(60);

/// Time between looks at a service that is still there after it was given up (Consul's reap interval).
pub const GIVE_UP_LOOK: Duration = Duration::from_secs(30);

/// The checks of one agent. How many there may be is for whoever registers them to say; each step costs the logarithm of their number.
#[derive(Debug)]
pub struct Checks {
    setup: Setup,
    rng: ChaCha8Rng,
    names: BTreeMap<CheckId, Ordinal>,
    entries: BTreeMap<Ordinal, Entry>,
    timers: Timers,
    next_ordinal: u64,
    next_run: u64,
    outputs: VecDeque<Output>,
}

impl Checks {
    /// No checks yet.
    pub fn new(setup: Setup) -> Checks {
        Checks {
            setup,
            rng: ChaCha8Rng::seed_from_u64(setup.seed),
            names: BTreeMap::new(),
            entries: BTreeMap::new(),
            timers: Timers::default(),
            next_ordinal: 0,
            next_run: 0,
            outputs: VecDeque::new(),
        }
    }

    /// How many checks are looked after.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How a check stands; `None` if it is not looked after.
    pub fn verdict(&self, check: &str) -> Option<&Verdict> {
        Some(&self.entries[self.names.get(check)?].verdict)
    }

    /// How much of a TTL check's TTL is left, to be remembered over a restart; `None` if it has run out or is no such check.
    pub fn left(&self, now: Instant, check: &str) -> Option<Duration> {
        match &self.entries[self.names.get(check)?].kind {
            Kind::Ttl(ttl) => ttl.expires.map(|expires| expires.since(now)),
            Kind::Told | Kind::Runs(_) => None,
        }
    }

    fn watch(&mut self, now: Instant, definition: Arc<CheckDefinition>, verdict: Verdict) {
        let id: CheckId = definition.id.as_str().into();
        let ordinal = self.names.get(&id).copied().unwrap_or_else(|| {
            self.next_ordinal += 1;
            Ordinal(self.next_ordinal)
        });
        let old = self.entries.remove(&ordinal);
        for (at, part) in old.iter().flat_map(Entry::timers) {
            self.timers.remove(at, ordinal, part);
        }
        let (before, since) = match old {
            Some(old) => (Some(old.kind), old.critical.map(|critical| critical.since)),
            None => (None, None),
        };
        let kind = self.kind(now, &definition, &verdict, before);
        let mut entry = Entry { id: id.clone(), definition, verdict, kind, critical: None };
        if entry.verdict.status == CheckStatus::Critical {
            let since = since.unwrap_or(now);
            entry.critical = Some(Critical { since, look: entry.patience().map(|patience| (since + patience).max(now)) });
        }
        for (at, part) in entry.timers() {
            self.timers.add(at, ordinal, part);
        }
        self.names.insert(id, ordinal);
        self.entries.insert(ordinal, entry);
    }

    fn kind(&mut self, now: Instant, check: &CheckDefinition, verdict: &Verdict, before: Option<Kind>) -> Kind {
        let before = match before {
            Some(Kind::Runs(runs)) => Some(runs),
            Some(Kind::Ttl(_) | Kind::Told) | None => None,
        };
        match check.probe.source() {
            VerdictSource::News { ttl } => {
                self.cancel(before);
                let expires = now + ttl;
                Kind::Ttl(Ttl { ttl, expires: Some(expires), look: Some(expires) })
            }
            VerdictSource::Others => {
                self.cancel(before);
                Kind::Told
            }
            VerdictSource::Program | VerdictSource::Network | VerdictSource::Parts(_) => Kind::Runs(self.runs(now, check, verdict, before)),
        }
    }

    fn runs(&mut self, now: Instant, check: &CheckDefinition, verdict: &Verdict, before: Option<Runs>) -> Runs {
        // A check that is registered anew again and again must still be run.
        let latest = before.as_ref().and_then(|before| before.leaves.iter().map(Leaf::next).min());
        let rng = &mut self.rng;
        let staggered = |plan: &Plan| {
            let due = now + plan.interval.min(FIRST_RUN).mul_f64(rng.random_range(0.0..1.0));
            latest.map_or(due, |latest| due.min(latest.max(now)))
        };
        let mut runs = Runs::new(check, &self.setup, verdict, staggered);
        match before {
            Some(mut before) if before.is_like(&runs) => {
                if before.verdict().is_some_and(|made| made.status != verdict.status) {
                    before.leaves.iter_mut().for_each(|leaf| leaf.verdict.status = verdict.status);
                }
                before
            }
            before => {
                if let (Some(before), [leaf]) = (&before, runs.leaves.as_mut_slice())
                    && let [counted] = before.leaves.as_slice()
                {
                    leaf.streak = counted.streak;
                }
                self.cancel(before);
                runs
            }
        }
    }

    fn cancel(&mut self, runs: Option<Runs>) {
        let under_way = runs.iter().flat_map(|runs| &runs.leaves).filter_map(Leaf::run);
        self.outputs.extend(under_way.map(Output::Cancel));
    }

    fn forget(&mut self, id: &CheckId) {
        let Some(ordinal) = self.names.remove(id) else { return };
        let entry = self.entries.remove(&ordinal).expect("every name has a check");
        for (at, part) in entry.timers() {
            self.timers.remove(at, ordinal, part);
        }
        self.outputs.extend(entry.runs().map(Output::Cancel));
    }

    fn done(&mut self, now: Instant, id: &CheckId, run: Run, found: Verdict) {
        let Some(&ordinal) = self.names.get(id) else { return };
        let entry = self.entries.get_mut(&ordinal).expect("every name has a check");
        let Kind::Runs(runs) = &mut entry.kind else { return };
        let Some(number) = runs.leaf_of(run) else { return };
        let leaf = &mut runs.leaves[number];
        let outcome = leaf.finish(now, found);
        self.timers.add(leaf.next(), ordinal, Part::Run(number));
        if outcome == Outcome::Stands
            && let Some(verdict) = runs.verdict()
        {
            self.settle(now, ordinal, verdict);
        }
    }

    fn heartbeat(&mut self, now: Instant, id: &CheckId, verdict: Verdict) {
        let Some(&ordinal) = self.names.get(id) else { return };
        let entry = self.entries.get_mut(&ordinal).expect("every name has a check");
        let Kind::Ttl(ttl) = &mut entry.kind else { return };
        let expires = now + ttl.ttl;
        ttl.expires = Some(expires);
        if ttl.look.is_none() {
            ttl.look = Some(expires);
            self.timers.add(expires, ordinal, Part::Expiry);
        }
        let limit = self.setup.output_limit_of(entry.definition.output_limit);
        self.settle(now, ordinal, Verdict { output: capped(verdict.output, limit), ..verdict });
    }

    fn target(&mut self, now: Instant, id: &CheckId, verdict: Verdict) {
        let Some(&ordinal) = self.names.get(id) else { return };
        if matches!(self.entries[&ordinal].definition.probe, Probe::Alias { .. }) {
            self.settle(now, ordinal, verdict);
        }
    }

    /// A check stands so now.
    fn settle(&mut self, now: Instant, ordinal: Ordinal, verdict: Verdict) {
        let entry = self.entries.get_mut(&ordinal).expect("a check that is looked after");
        if entry.verdict == verdict {
            return;
        }
        match (entry.critical, verdict.status) {
            (None, CheckStatus::Critical) => {
                let look = entry.patience().map(|patience| now + patience);
                entry.critical = Some(Critical { since: now, look });
                if let Some(look) = look {
                    self.timers.add(look, ordinal, Part::GiveUp);
                }
            }
            (Some(critical), CheckStatus::Passing | CheckStatus::Warning) => {
                entry.critical = None;
                if let Some(look) = critical.look {
                    self.timers.remove(look, ordinal, Part::GiveUp);
                }
            }
            (Some(_), CheckStatus::Critical) | (None, CheckStatus::Passing | CheckStatus::Warning) => {}
        }
        entry.verdict = verdict.clone();
        let check = entry.id.clone();
        self.outputs.push_back(Output::Changed { check, verdict });
    }

    fn run_is_due(&mut self, now: Instant, ordinal: Ordinal, number: usize) {
        let entry = self.entries.get_mut(&ordinal).expect("what is due belongs to a check");
        let Kind::Runs(runs) = &mut entry.kind else { unreachable!("only what is run has runs due") };
        let leaf = &mut runs.leaves[number];
        let due = leaf.next();
        let late = now.since(due);
        if late > STALL {
            let spread = late.min(leaf.plan.interval);
            let due = now + spread.mul_f64(self.rng.random_range(0.0..1.0)).max(Duration::from_nanos(1));
            leaf.phase = Phase::Waiting { due };
            self.timers.add(due, ordinal, Part::Run(number));
            return;
        }
        self.next_run += 1;
        let run = Run(self.next_run);
        leaf.start(now, due, run);
        let plan = &leaf.plan;
        self.outputs.push_back(Output::Start {
            check: entry.id.clone(),
            run,
            probe: plan.probe.clone(),
            timeout: plan.timeout,
            output_limit: self.setup.output_limit_of(plan.output_limit),
        });
    }

    fn look_at_ttl(&mut self, now: Instant, ordinal: Ordinal) {
        let entry = self.entries.get_mut(&ordinal).expect("what is due belongs to a check");
        let Kind::Ttl(ttl) = &mut entry.kind else { unreachable!("only a TTL runs out") };
        let expires = ttl.expires.expect("what is looked at has not run out");
        let again = match now.since(expires) {
            _ if expires > now => Some(expires),
            late if late > STALL => Some(now + GRACE),
            _ => None,
        };
        (ttl.expires, ttl.look) = (again, again);
        match again {
            Some(again) => self.timers.add(again, ordinal, Part::Expiry),
            None => {
                let silence = entry.silence();
                self.settle(now, ordinal, silence);
            }
        }
    }

    fn look_at_critical(&mut self, now: Instant, ordinal: Ordinal) {
        let entry = self.entries.get_mut(&ordinal).expect("what is due belongs to a check");
        let patience = entry.patience().expect("only a service that may be given up is looked at");
        let critical = entry.critical.as_mut().expect("only what is critical is looked at");
        let late = now.since(critical.look.expect("a look was due"));
        if late > STALL {
            critical.since = now;
        }
        let ripe = critical.since + patience;
        let again = if ripe > now { ripe } else { now + GIVE_UP_LOOK };
        critical.look = Some(again);
        self.timers.add(again, ordinal, Part::GiveUp);
        if ripe <= now {
            let service = entry.definition.service_id.as_str().into();
            self.outputs.push_back(Output::GiveUp { check: entry.id.clone(), service });
        }
    }
}

impl Machine for Checks {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Instant, input: Input) {
        assert!(self.outputs.is_empty(), "outputs were not drained");
        match input {
            Input::Watch { definition, verdict } => self.watch(now, definition, verdict),
            Input::Forget(id) => self.forget(&id),
            Input::Done { check, run, verdict } => self.done(now, &check, run, verdict),
            Input::Heartbeat { check, verdict } => self.heartbeat(now, &check, verdict),
            Input::OutputLimit(limit) => self.setup.output_limit = limit,
            Input::Target { check, verdict } => self.target(now, &check, verdict),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        while let Some((ordinal, part)) = self.timers.pop(now) {
            match part {
                Part::Run(number) => self.run_is_due(now, ordinal, number),
                Part::Expiry => self.look_at_ttl(now, ordinal),
                Part::GiveUp => self.look_at_critical(now, ordinal),
            }
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.timers.first().map(|(at, reason)| Deadline { at, reason })
    }

    fn check_invariants(&self) {
        assert_eq!(self.names.len(), self.entries.len(), "every name has a check, every check a name");
        let mut due = BTreeSet::new();
        let mut runs = BTreeSet::new();
        for (ordinal, entry) in &self.entries {
            assert_eq!(self.names.get(&entry.id), Some(ordinal), "a check is found by its name");
            assert_eq!(entry.critical.is_some(), entry.verdict.status == CheckStatus::Critical, "what is critical is known to be");
            due.extend(entry.timers().map(|(at, part)| (at, *ordinal, part)));
            for run in entry.runs() {
                assert!(run.0 <= self.next_run && runs.insert(run), "a run is under way once");
            }
        }
        assert!(due.iter().eq(self.timers.iter()), "what checks wait for is what falls due");
    }
}
