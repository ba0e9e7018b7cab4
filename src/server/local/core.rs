//! The registry, the machine of checks and anti-entropy, joined. Everything here happens in one step, under one lock, and waits for nothing.

use super::records::file_of;
use super::runs::{MOST_CONNECTIONS, MOST_PROGRAMS, Runs, Start};
use crate::agent::antientropy::{self, AntiEntropy};
use crate::agent::local::{Effects, FileChange, Folder, Local, LocalChange, LocalError, LocalView, RecordFile, Touched};
use crate::config::CheckTuning;
use crate::health::{self, CheckId, Checks, Run, Verdict};
use crate::model::{CheckStatus, Instant, Machine, Timestamp};
use crate::state::{CatalogCommand, WriteOrder};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tokio::sync::oneshot;

/// The time of a step, on both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub at: Instant,
    pub wall: Timestamp,
}

/// The three machines and what they have decided. `T` is what a run under way is held by.
pub(super) struct Core<T> {
    pub local: Local,
    checks: Checks,
    sync: AntiEntropy,
    pub runs: Runs<T>,
    /// Check states to be written, the newest of each.
    states: BTreeMap<RecordFile, FileChange>,
    /// Who waits until these are on disk, or that was tried; `None` once nobody writes them any more until the end.
    unkept: Option<Vec<oneshot::Sender<()>>>,
    /// What is to be asked of, or written to, the catalog.
    errands: Vec<Errand>,
    /// Services to be deregistered because they stayed critical.
    given_up: BTreeSet<Arc<str>>,
    /// Who waits until the catalog was told of something, or that was tried.
    awaited: Vec<(Vec<Touched>, oneshot::Sender<()>)>,
    /// When the driver looks again without being woken.
    alarm: Option<Instant>,
    discard_output: bool,
}

/// Something anti-entropy wants of the catalog.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Errand {
    /// To know everything about the node.
    Fetch(antientropy::Fetch),
    /// To have this written.
    Write(antientropy::Write, WriteOrder, Box<CatalogCommand>),
}

/// How the machines make runs begin and end.
pub(super) trait Hands {
    /// What a run under way is held by.
    type Held;
    /// A run begins.
    fn begin(&self, start: Start) -> Self::Held;
    /// A run is not wanted any more.
    fn cancel(&self, held: Self::Held);
}

impl<T> Core<T> {
    pub fn new(local: Local, checks: health::Setup, sync: antientropy::Setup, now: Now, discard_output: bool) -> Core<T> {
        Core {
            local,
            checks: Checks::new(checks),
            sync: AntiEntropy::new(now.at, sync),
            runs: Runs::new(MOST_PROGRAMS, MOST_CONNECTIONS),
            states: BTreeMap::new(),
            unkept: Some(Vec::new()),
            errands: Vec::new(),
            given_up: BTreeSet::new(),
            awaited: Vec::new(),
            alarm: None,
            discard_output,
        }
    }

    pub fn view(&self) -> &LocalView {
        self.local.view()
    }

    /// How far the catalog follows.
    pub fn sync_status(&self) -> antientropy::Status {
        self.sync.status()
    }

    /// Makes a change that was asked for. Its files, but for states, are the caller's to write, before.
    ///
    /// What the catalog may have wrong now.
    pub fn change(&mut self, now: Now, change: LocalChange, hands: &impl Hands<Held = T>) -> Result<Vec<Touched>, LocalError> {
        let effects = self.local.apply(now.wall, self.without_output(change))?;
        let touched = effects.touched.clone();
        self.carry_out(now, effects, hands);
        Ok(touched)
    }

    /// Carries out what a change of the registry asks for.
    pub fn carry_out(&mut self, now: Now, effects: Effects, hands: &impl Hands<Held = T>) {
        let mut touched = Vec::new();
        let mut inputs = VecDeque::new();
        self.take(effects, &mut inputs, &mut touched);
        while let Some(input) = inputs.pop_front() {
            if let health::Input::Forget(check) = &input {
                self.runs.forget(check);
            }
            self.checks.handle(now.at, input);
            self.drain_checks(now, hands, &mut inputs, &mut touched);
        }
        if !touched.is_empty() {
            self.tell(now, antientropy::Input::Local { view: self.local.view().clone(), touched });
        }
    }

    /// A run is over.
    pub fn done(&mut self, now: Now, check: CheckId, run: Run, found: Verdict, hands: &impl Hands<Held = T>) {
        // One that was cancelled meanwhile is known no more, here or there.
        self.runs.done(now.at, run, |start| hands.begin(start));
        let verdict = self.kept(found);
        self.feed(now, health::Input::Done { check, run, verdict }, hands);
    }

    /// An alias check's target stands so.
    pub fn targeted(&mut self, now: Now, check: CheckId, found: Verdict, hands: &impl Hands<Held = T>) {
        let verdict = self.kept(found);
        self.feed(now, health::Input::Target { check, verdict }, hands);
    }

    fn feed(&mut self, now: Now, input: health::Input, hands: &impl Hands<Held = T>) {
        let effects = Effects { health: vec![input], ..Effects::default() };
        self.carry_out(now, effects, hands);
    }

    /// Does what has fallen due.
    pub fn turn(&mut self, now: Now, hands: &impl Hands<Held = T>) {
        let (mut inputs, mut touched) = (VecDeque::new(), Vec::new());
        self.checks.handle_timeout(now.at);
        self.drain_checks(now, hands, &mut inputs, &mut touched);
        let effects = Effects { health: inputs.into(), touched, ..Effects::default() };
        self.carry_out(now, effects, hands);
        self.sync.handle_timeout(now.at);
        self.drain_sync(now);
    }

    /// Tells anti-entropy something.
    pub fn tell(&mut self, now: Now, input: antientropy::Input) {
        self.sync.handle(now.at, input);
        self.drain_sync(now);
    }

    /// Completes when the catalog was told of all this, or that was tried.
    pub fn attempted(&mut self, touched: Vec<Touched>) -> oneshot::Receiver<()> {
        let (over, waiting) = oneshot::channel();
        self.awaited.push((touched, over));
        self.release_waiting();
        waiting
    }

    fn release_waiting(&mut self) {
        let sync = &self.sync;
        // Dropping the sender wakes whoever waits; one that has gone is dropped with it.
        self.awaited.retain(|(touched, over)| !over.is_closed() && !touched.iter().all(|touched| sync.is_attempted(touched)));
    }

    fn drain_checks(&mut self, now: Now, hands: &impl Hands<Held = T>, inputs: &mut VecDeque<health::Input>, touched: &mut Vec<Touched>) {
        while let Some(output) = self.checks.poll_output() {
            match output {
                health::Output::Start { check, run, probe, timeout, output_limit } => {
                    self.runs.start(now.at, Start { check, run, probe, timeout, output_limit }, |start| hands.begin(start));
                }
                health::Output::Cancel(run) => {
                    if let Some(held) = self.runs.cancel(now.at, run, |start| hands.begin(start)) {
                        hands.cancel(held);
                    }
                }
                health::Output::Changed { check, verdict } => {
                    let effects = self.local.settle(now.wall, &check, verdict);
                    self.take(effects, inputs, touched);
                }
                health::Output::GiveUp { service, .. } => drop(self.given_up.insert(service)),
            }
        }
    }

    fn drain_sync(&mut self, now: Now) {
        let mut retagged = false;
        while let Some(output) = self.sync.poll_output() {
            match output {
                antientropy::Output::Fetch(fetch) => self.errands.push(Errand::Fetch(fetch)),
                // Permissions are not told apart yet, so neither are tokens.
                antientropy::Output::Write { write, order, command, token: _ } => {
                    self.errands.push(Errand::Write(write, order, Box::new(command)));
                }
                antientropy::Output::TakeTags { service, tags } => {
                    self.local.take_tags(&service, tags);
                    retagged = true;
                }
                antientropy::Output::Refused { subject, reason } => {
                    tracing::warn!(%subject, reason, "the catalog refuses what is registered here");
                }
            }
        }
        self.release_waiting();
        if retagged {
            self.tell(now, antientropy::Input::Local { view: self.local.view().clone(), touched: Vec::new() });
        }
    }

    fn take(&mut self, effects: Effects, inputs: &mut VecDeque<health::Input>, touched: &mut Vec<Touched>) {
        let states = effects.files.into_iter().filter(|change| file_of(change).folder == Folder::States);
        self.states.extend(states.map(|change| (file_of(&change).clone(), change)));
        inputs.extend(effects.health);
        touched.extend(effects.touched);
    }

    fn without_output(&self, change: LocalChange) -> LocalChange {
        match change {
            LocalChange::Heartbeat { id, status, .. } if self.discard_output => {
                LocalChange::Heartbeat { id, status, output: String::new() }
            }
            change => change,
        }
    }

    fn kept(&self, verdict: Verdict) -> Verdict {
        if self.discard_output { Verdict { output: String::new(), ..verdict } } else { verdict }
    }

    /// Takes what a check was told. If that turns the check, what completes when its new state is on disk, or that was tried: whoever was answered
    /// must not be forgotten by a crash.
    pub fn heartbeat(
        &mut self,
        now: Now,
        told: LocalChange,
        hands: &impl Hands<Held = T>,
    ) -> Result<Option<oneshot::Receiver<()>>, LocalError> {
        let LocalChange::Heartbeat { id, .. } = &told else { return self.change(now, told, hands).map(|_| None) };
        let id = id.clone();
        let before = self.status(&id);
        self.change(now, told, hands)?;
        let turned = self.status(&id) != before;
        let waiting = self.unkept.as_mut().filter(|_| turned);
        Ok(waiting.map(|waiting| {
            let (kept, told) = oneshot::channel();
            // A disk that hangs must not gather those who have given up.
            waiting.retain(|other| !other.is_closed());
            waiting.push(kept);
            told
        }))
    }

    fn status(&self, check: &str) -> Option<CheckStatus> {
        self.view().checks.get(check).map(|check| check.status)
    }

    /// Who is to be told when what [`Core::take_states`] gave at the same time is on disk, or that was tried: by dropping this.
    pub fn take_unkept(&mut self) -> Vec<oneshot::Sender<()>> {
        self.unkept.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Nobody writes states any more before [`Core::rest`] is: who waits is told, and nobody else begins to.
    pub fn stop_keeping(&mut self) {
        self.unkept = None;
    }

    /// What is to be written of check states, in this order and once; last that the agent lives, if there are any.
    pub fn take_states(&mut self, now: Now) -> Vec<FileChange> {
        let mut states = std::mem::take(&mut self.states);
        let life = self.local.sign_of_life(now.wall);
        if let Some(life) = &life {
            // An older one that could not be written.
            states.remove(file_of(life));
        }
        states.into_values().chain(life).collect()
    }

    /// These could not be written: what is not known better meanwhile is to be, before the next sign of life.
    pub fn put_back_states(&mut self, changes: Vec<FileChange>) {
        for change in changes {
            self.states.entry(file_of(&change).clone()).or_insert(change);
        }
    }

    /// Whether check states are to be written.
    pub fn has_states(&self) -> bool {
        !self.states.is_empty()
    }

    /// What is kept of outputs, from the next run or heartbeat of each check on.
    pub fn keep_output(&mut self, now: Now, tuning: &CheckTuning, hands: &impl Hands<Held = T>) {
        self.discard_output = tuning.discard_output;
        self.feed(now, health::Input::OutputLimit(tuning.output_max_size), hands);
    }

    /// What is wanted of the catalog, once.
    pub fn take_errands(&mut self) -> Vec<Errand> {
        std::mem::take(&mut self.errands)
    }

    /// The services that stayed critical for too long, once.
    pub fn take_given_up(&mut self) -> BTreeSet<Arc<str>> {
        std::mem::take(&mut self.given_up)
    }

    /// Everything that is to be kept of check states before a stop.
    pub fn rest(&mut self, now: Now) -> Vec<FileChange> {
        let effects = self.local.rest(now.wall, |check| self.checks.left(now.at, check));
        self.states.clear();
        effects.files
    }

    /// Whether the driver must be woken: there is something for it to do, or something falls due before it looks by itself.
    pub fn needs_driver(&self) -> bool {
        let idle = self.errands.is_empty() && self.given_up.is_empty();
        !idle || self.next_due().is_some_and(|due| self.alarm.is_none_or(|alarm| due < alarm))
    }

    /// The driver looks again at this time, or when it is woken.
    pub fn set_alarm(&mut self) -> Option<Instant> {
        self.alarm = self.next_due();
        self.alarm
    }

    fn next_due(&self) -> Option<Instant> {
        let dues = [self.checks.poll_timeout(), self.sync.poll_timeout()];
        dues.into_iter().flatten().map(|deadline| deadline.at).min()
    }
}

#[cfg(test)]
mod tests;
