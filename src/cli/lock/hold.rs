//! A lock while it is held, as a machine: when the session is renewed, how long the holder may believe in it, when its command is ended.
//!
//! A session lives at least one TTL from the moment its server took the last renewal, and the server took it no earlier than it was asked. So the
//! holder counts from when it *asked*: whatever became of the answers, of the network or of the holder's own processor time since, nobody else has the
//! lock before that TTL is over, and by then the command is dead. (Gray and Cheriton, "Leases", SOSP 1989; Chubby's "jeopardy".)
//!
//! A session that is bound to its node's health may end sooner, when gossip takes the node for dead. Then the lock-delay stands between the holders, so a
//! session is bound only where that is no shorter than the TTL.

use crate::model::Instant;
use rustix::process::Signal;
use std::time::Duration;

/// How long an ended command may take to end; SIGKILL then.
const GRACE: Duration = Duration::from_secs(5);

/// How long after a failure the next attempt is made.
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// On what terms a lock is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    /// The session's.
    pub(super) ttl: Duration,
    /// How long after the session's end by force nobody is given the lock. Zero for a semaphore, whose places are free at once.
    pub(super) lock_delay: Duration,
    /// How many failures in a row to see whether the lock is still ours are borne.
    pub(super) monitor_retry: u64,
}

impl Terms {
    /// How long after a renewal the next one is due: there is time to ask again before the command has to be ended.
    pub(super) fn renewal(&self) -> Duration {
        self.ttl / 3
    }

    /// What a command gets between SIGTERM and SIGKILL.
    pub(super) fn grace(&self) -> Duration {
        GRACE.min(self.ttl / 3)
    }

    /// When the command of a session last renewed by a request of `asked` has to be told to end: it is dead before anybody else has the lock.
    pub(super) fn lapse(&self, asked: Instant) -> Instant {
        asked + (self.ttl - self.grace())
    }

    /// Whether the session may end with its node's health.
    pub(super) fn is_bound_to_node(&self) -> bool {
        self.lock_delay >= self.ttl
    }
}

/// What a holder hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// The renewal asked for at this time was granted.
    Renewed(Instant),
    /// The renewal failed; nobody knows why.
    NotRenewed,
    /// There is no such session any more.
    SessionGone,
    /// The lock was seen to be ours.
    StillOurs,
    /// The lock was seen to be another's, or nobody's.
    NotOurs(String),
    /// Nobody could tell whose the lock is.
    NotSeen(String),
    /// The other process that watches the holder has gone.
    Unguarded,
    /// The user wants the command to end with this signal.
    Told(Signal),
}

/// What a holder does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Ask for a renewal.
    Renew,
    /// Look whose the lock is.
    Look,
    /// Send the command this signal.
    End(Signal),
    /// Send the command SIGKILL.
    Kill,
}

/// Why a command was ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// The user wanted it.
    Told,
    /// The lock is not ours, or may not be: the text says why.
    Lost(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    Holding,
    Ending { cause: Cause, signal: Option<Signal>, kill_at: Option<Instant> },
}

/// A held lock.
#[derive(Debug, Clone)]
pub(super) struct Hold {
    terms: Terms,
    /// When the last granted renewal was asked for.
    asked: Instant,
    /// `None` while one is asked for, and once the session is known to be gone.
    renew_at: Option<Instant>,
    /// `None` while we look, and once the command is to end.
    look_at: Option<Instant>,
    failures: u64,
    stage: Stage,
}

impl Hold {
    /// A lock that was just taken with a session whose last renewal was asked for at `asked`.
    pub(super) fn new(terms: Terms, asked: Instant) -> Hold {
        Hold { terms, asked, renew_at: Some(asked + terms.renewal()), look_at: Some(asked), failures: 0, stage: Stage::Holding }
    }

    /// When the command is to be told to end, if nothing better is heard: what a guard has to know.
    pub(super) fn lapse(&self) -> Instant {
        self.terms.lapse(self.asked)
    }

    /// Why the command is ended, if it is.
    pub(super) fn cause(&self) -> Option<&Cause> {
        match &self.stage {
            Stage::Holding => None,
            Stage::Ending { cause, .. } => Some(cause),
        }
    }

    /// Takes what was heard at `now`.
    pub(super) fn handle(&mut self, event: Event, now: Instant) {
        match event {
            Event::Renewed(asked) => {
                self.asked = self.asked.max(asked);
                self.renew_at = Some(asked + self.terms.renewal());
            }
            Event::NotRenewed => self.renew_at = Some(now + RETRY.min(self.terms.renewal())),
            Event::SessionGone => self.end(Cause::Lost("the session has expired or was destroyed".to_owned()), Signal::TERM),
            Event::StillOurs => {
                self.failures = 0;
                self.look_at = Some(now);
            }
            Event::NotOurs(whose) => self.end(Cause::Lost(whose), Signal::TERM),
            Event::NotSeen(why) => {
                self.failures += 1;
                self.look_at = Some(now + RETRY);
                if self.failures > self.terms.monitor_retry {
                    self.end(Cause::Lost(format!("nobody can tell whether it is still ours: {why}")), Signal::TERM);
                }
            }
            Event::Unguarded => self.end(Cause::Lost("the process that guards it has ended".to_owned()), Signal::TERM),
            Event::Told(signal) => self.end(Cause::Told, signal),
        }
    }

    /// The first reason counts, and so does the time it gives the command; a later signal of the user's is passed on.
    fn end(&mut self, cause: Cause, signal: Signal) {
        self.look_at = None;
        match &mut self.stage {
            Stage::Holding => self.stage = Stage::Ending { cause, signal: Some(signal), kill_at: None },
            Stage::Ending { signal: pending, .. } => *pending = Some(signal),
        }
    }

    /// What is to be done at `now`, one order at a time until there is none. A holder that was not running for a while learns here, before anything else,
    /// that its time is over.
    pub(super) fn next(&mut self, now: Instant) -> Option<Order> {
        if self.stage == Stage::Holding && now >= self.lapse() {
            let silent = now.since(self.asked).as_secs();
            self.end(Cause::Lost(format!("the session was not renewed for {silent} s")), Signal::TERM);
        }
        if let Stage::Ending { signal, kill_at, .. } = &mut self.stage {
            if let Some(signal) = signal.take() {
                kill_at.get_or_insert(now + self.terms.grace());
                return Some(Order::End(signal));
            }
            if kill_at.is_some_and(|at| now >= at) {
                // Again and again until it has gone: a process that the group starts meanwhile is hit too.
                *kill_at = Some(now + RETRY);
                return Some(Order::Kill);
            }
        }
        if self.renew_at.is_some_and(|at| now >= at) {
            self.renew_at = None;
            return Some(Order::Renew);
        }
        if self.look_at.is_some_and(|at| now >= at) {
            self.look_at = None;
            return Some(Order::Look);
        }
        None
    }

    /// When [`Hold::next`] has something to say, if nothing is heard before.
    pub(super) fn deadline(&self) -> Instant {
        let of_stage = match &self.stage {
            Stage::Holding => Some(self.lapse()),
            Stage::Ending { signal: Some(_), .. } => Some(Instant::ZERO),
            Stage::Ending { signal: None, kill_at, .. } => *kill_at,
        };
        let all = [of_stage, self.renew_at, self.look_at];
        all.into_iter().flatten().min().expect("a command that is held can lapse, one that is ended can be killed")
    }
}

#[cfg(test)]
mod tests;
