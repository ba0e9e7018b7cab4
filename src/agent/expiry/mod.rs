//! A leader's watch over what ends by itself: sessions that nobody renews, keys with a TTL, lock-delays.
//!
//! Nothing ends early. Time is measured on the leader's own monotonic clock from when it saw the timer set or renewed, all of it anew after an election or a
//! restore, and time during which this process did not run does not count (a frozen leader would otherwise end what its clients could not renew at it; etcd #15247). Whatever is
//! due waits for a proof that this server leads; what is renewed meanwhile lives on. What is due by then ends in one entry of the log, and until
//! its fate is known nobody is told that it was renewed.

mod clock;
#[cfg(test)]
mod tests;

use crate::model::{Deadline, Index, Instant, Machine};
use crate::state::sessions::Session;
use crate::state::timers::{Expiry, Span, Timer, since};
use clock::{Clock, Looks};
use imbl::OrdMap;
use imbl::ordmap::DiffItem;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Expiries of one entry. More wait for the next.
const MOST_TOGETHER: usize = 4_096;
/// Bytes of keys in one entry, beyond which no more are added.
const MOST_KEY_BYTES: usize = 256 * 1_024;
/// Pause after a proof or a proposal that failed.
const AGAIN: Duration = Duration::from_millis(100);

/// All timers, as a view has them.
pub type Rows = OrdMap<Timer, Span>;

/// What a view has of timers.
#[derive(Debug, Clone, Default)]
pub struct Sight {
    /// Up to where it holds everything: `raft::View::index`.
    pub as_of: Index,
    /// [`crate::state::timers::Timers::rows`].
    pub rows: Rows,
    /// [`crate::state::State::restored_at`]: all timers begin anew when it changes.
    pub restored_at: Index,
}

/// What can happen.
#[derive(Debug, Clone)]
pub enum Input {
    /// A view was published. An older one than was seen is ignored.
    Timers(Sight),
    /// A client renews.
    Renew(Timer),
    /// Whether this server leads was asked after [`Output::Prove`].
    Proof(Proof),
    /// What became of the last [`Output::Expire`]. If it was committed, the timers after it were told before.
    Fate(Fate),
}

/// Whether this server leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// It led when it was asked, or later.
    Leads,
    /// That could not be proven.
    Unknown,
}

/// What became of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was committed.
    Committed,
    /// It certainly was not and will not be.
    Refused,
    /// It may be, some time.
    Unknown,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Find out whether this server leads, by a round to a quorum.
    Prove,
    /// Have these ended in one entry.
    Expire(Vec<Expiry>),
}

/// What a client is told of a renewal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Renewed {
    /// There is nothing to renew.
    Gone,
    /// The key's time began anew.
    Key,
    /// The session's did, if it has one.
    Session(Arc<Session>),
}

/// What becomes of a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// Its time began anew.
    Renewed,
    /// It is about to end, or may have: nobody knows yet.
    Undecided,
    /// There is no such timer.
    NoTimer,
}

/// How long things live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// A session's TTL is multiplied by this many thousandths.
    pub session_permille: u32,
}

#[derive(Debug)]
struct Running {
    span: Span,
    /// On [`Clock`]'s time.
    due: Duration,
    /// Where it stands in the queue: at `due`, or earlier since it was renewed.
    queued: Duration,
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// Waits until something is due, at the earliest then.
    Idle(Instant),
    /// Waits for a proof.
    Proving,
    /// Waits for the fate of what was taken.
    Deciding(Vec<Expiry>),
    /// Tries the same again then: it may be in the log already.
    Repeating(Instant, Vec<Expiry>),
}

/// The timers of one term.
#[derive(Debug)]
pub struct Watch {
    rules: Rules,
    clock: Clock,
    /// The newest.
    sight: Sight,
    running: BTreeMap<Timer, Running>,
    queue: BTreeSet<(Duration, Timer)>,
    /// In the batch whose fate is not known.
    doomed: BTreeSet<Timer>,
    phase: Phase,
    output: Option<Output>,
}

impl Watch {
    /// A leader takes up its watch: what it is told of from now on has its whole time before it.
    pub fn new(rules: Rules, now: Instant) -> Watch {
        Watch {
            rules,
            clock: Clock::new(now),
            sight: Sight::default(),
            running: BTreeMap::new(),
            queue: BTreeSet::new(),
            doomed: BTreeSet::new(),
            phase: Phase::Idle(now),
            output: None,
        }
    }

    /// Looks at the timers of a view, and renews one of them.
    pub fn renew(&mut self, now: Instant, sight: Sight, timer: &Timer) -> Renewal {
        self.tick(now);
        self.see(sight);
        self.begin_anew(timer)
    }

    fn tick(&mut self, now: Instant) {
        let looks = if self.running.is_empty() { Looks::None } else { Looks::Due };
        self.clock.tick(now, looks);
    }

    /// How long a timer runs.
    fn length(&self, timer: &Timer, span: Span) -> Duration {
        match timer {
            Timer::Session(_) => span.length.saturating_mul(self.rules.session_permille) / 1_000,
            Timer::Key(_) | Timer::LockDelay(_) => span.length,
        }
    }

    fn begin_anew(&mut self, timer: &Timer) -> Renewal {
        if self.doomed.contains(timer) {
            return Renewal::Undecided;
        }
        let Some(running) = self.running.get(timer) else { return Renewal::NoTimer };
        let due = self.clock.time() + self.length(timer, running.span);
        if let Some(running) = self.running.get_mut(timer) {
            // Later than where it stands: it is put right when its old place comes.
            running.due = due;
        }
        Renewal::Renewed
    }

    fn see(&mut self, sight: Sight) {
        if sight.as_of < self.sight.as_of {
            return;
        }
        let old = std::mem::replace(&mut self.sight, sight);
        let rows = self.sight.rows.clone();
        if old.restored_at != self.sight.restored_at {
            // Rows that are the same as before are of another past: clients of theirs may not have been heard for as long as they were away.
            self.running.clear();
            self.queue.clear();
            self.doomed.clear();
            rows.iter().for_each(|(timer, span)| self.set(timer, *span));
            return;
        }
        for change in old.rows.diff(&rows) {
            match change {
                DiffItem::Add(timer, span) | DiffItem::Update { new: (timer, span), .. } => self.set(timer, *span),
                DiffItem::Remove(timer, _) => self.drop(timer),
            }
        }
    }

    fn set(&mut self, timer: &Timer, span: Span) {
        self.drop(timer);
        let due = self.clock.time() + self.length(timer, span);
        self.queue.insert((due, timer.clone()));
        self.running.insert(timer.clone(), Running { span, due, queued: due });
    }

    fn drop(&mut self, timer: &Timer) {
        self.doomed.remove(timer);
        if let Some(running) = self.running.remove(timer) {
            self.queue.remove(&(running.queued, timer.clone()));
        }
    }

    /// The first timer that is due by now. Those that were renewed since they were queued go back to where they belong.
    fn first_due(&mut self) -> Option<Timer> {
        let time = self.clock.time();
        while let Some((queued, timer)) = self.queue.first().cloned().filter(|(queued, _)| *queued <= time) {
            let running = self.running.get_mut(&timer).expect("what is queued runs");
            if running.due <= time {
                return Some(timer);
            }
            running.queued = running.due;
            self.queue.remove(&(queued, timer.clone()));
            self.queue.insert((running.due, timer));
        }
        None
    }

    /// Takes what is due for one entry.
    fn doom(&mut self) -> Vec<Expiry> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < MOST_TOGETHER
            && bytes < MOST_KEY_BYTES
            && let Some(timer) = self.first_due()
        {
            let running = self.running.remove(&timer).expect("what is due runs");
            self.queue.remove(&(running.queued, timer.clone()));
            let since = since(running.span, self.sight.restored_at);
            self.doomed.insert(timer.clone());
            if let Timer::Key(key) = &timer {
                bytes += key.len();
            }
            batch.push(Expiry { timer, since });
        }
        batch
    }

    /// Gives back what was taken: it is due, but can be renewed.
    fn spare(&mut self, batch: Vec<Expiry>) {
        for Expiry { timer, since: measured } in batch {
            let stands = self.sight.rows.get(&timer).copied().filter(|span| since(*span, self.sight.restored_at) == measured);
            if self.doomed.remove(&timer)
                && let Some(span) = stands
            {
                let due = self.clock.time();
                self.queue.insert((due, timer.clone()));
                self.running.insert(timer, Running { span, due, queued: due });
            }
        }
    }

    fn proven(&mut self, now: Instant, proof: Proof) {
        if self.phase != Phase::Proving {
            return;
        }
        self.phase = Phase::Idle(now + AGAIN);
        if proof == Proof::Unknown || self.clock.is_settling(now) {
            return;
        }
        let batch = self.doom();
        self.phase = Phase::Idle(now);
        if !batch.is_empty() {
            self.phase = Phase::Deciding(batch.clone());
            self.output = Some(Output::Expire(batch));
        }
    }

    fn decided(&mut self, now: Instant, fate: Fate) {
        let Phase::Deciding(batch) = &mut self.phase else { return };
        let batch = std::mem::take(batch);
        match fate {
            Fate::Committed => {
                // Timers told before have left it already, but for those set anew.
                for expiry in &batch {
                    self.doomed.remove(&expiry.timer);
                }
                self.phase = Phase::Idle(now);
            }
            Fate::Refused => {
                self.spare(batch);
                self.phase = Phase::Idle(now + AGAIN);
            }
            Fate::Unknown => self.phase = Phase::Repeating(now + AGAIN, batch),
        }
    }
}

impl Watch {
    /// Does what it is time for.
    fn look(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::Idle(from) if *from <= now && !self.clock.is_settling(now) => {
                if self.first_due().is_some() {
                    self.phase = Phase::Proving;
                    self.output = Some(Output::Prove);
                }
            }
            Phase::Repeating(from, batch) if *from <= now => {
                let batch = std::mem::take(batch);
                self.output = Some(Output::Expire(batch.clone()));
                self.phase = Phase::Deciding(batch);
            }
            Phase::Idle(_) | Phase::Repeating(..) | Phase::Proving | Phase::Deciding(_) => {}
        }
    }
}

impl Machine for Watch {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Instant, input: Input) {
        assert!(self.output.is_none(), "outputs are drained before the next input");
        self.tick(now);
        match input {
            Input::Timers(sight) => self.see(sight),
            Input::Renew(timer) => drop(self.begin_anew(&timer)),
            Input::Proof(proof) => self.proven(now, proof),
            Input::Fate(fate) => self.decided(now, fate),
        }
        self.look(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        assert!(self.output.is_none(), "outputs are drained before the next input");
        if self.poll_timeout().is_none_or(|deadline| deadline.at > now) {
            return;
        }
        self.tick(now);
        self.look(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.output.take()
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let beat = (!self.running.is_empty()).then(|| Deadline { at: self.clock.next_beat(), reason: "beat" });
        let own = match &self.phase {
            Phase::Idle(from) => self.queue.first().map(|(due, _)| Deadline { at: self.clock.when(*due).max(*from), reason: "expiry" }),
            Phase::Repeating(from, _) => Some(Deadline { at: *from, reason: "repetition" }),
            Phase::Proving | Phase::Deciding(_) => None,
        };
        [own, beat].into_iter().flatten().min_by_key(|deadline| deadline.at)
    }

    fn check_invariants(&self) {
        assert_eq!(self.queue.len(), self.running.len(), "everything that runs is queued once");
        for (timer, running) in &self.running {
            assert!(self.queue.contains(&(running.queued, timer.clone())), "{timer:?} is queued where it says");
            assert!(running.queued <= running.due, "{timer:?} is looked at in time");
            assert_eq!(self.sight.rows.get(timer), Some(&running.span), "{timer:?} is one of the state's");
            assert!(!self.doomed.contains(timer), "{timer:?} runs or is doomed");
        }
        let taken = match &self.phase {
            Phase::Idle(_) | Phase::Proving => 0,
            Phase::Deciding(batch) | Phase::Repeating(_, batch) => batch.len(),
        };
        assert!(self.doomed.len() <= taken && taken <= MOST_TOGETHER, "only a batch whose fate is unknown is doomed");
    }
}
