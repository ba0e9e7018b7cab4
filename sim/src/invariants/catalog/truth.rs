//! How an instance really was: what its endpoint answered, what it said of itself, and what was ordered.

use super::observed::{Deed, Heartbeat, Instance, Manner, Order, Probe, Seen, Told};
use crate::checker::Nanos;
use muster::model::CheckStatus;

/// Clocks of hosts may be a tenth fast or slow at most; checks run by them.
pub const DRIFT: Nanos = 10;

/// A span on a slow clock.
pub fn at_most(span: Nanos) -> Nanos {
    span + span / DRIFT
}

/// A span on a fast clock.
pub fn at_least(span: Nanos) -> Nanos {
    span - span / DRIFT
}

/// One instance, with what concerns it.
pub struct Truth<'a> {
    /// Its place in [`Seen::instances`].
    pub number: usize,
    /// The instance.
    pub instance: &'a Instance,
    seen: &'a Seen,
}

/// A time in which an instance was not to be used, whatever anybody saw of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// When it began.
    pub from: Nanos,
    /// When at the latest it is known to everyone.
    pub seen_by: Nanos,
    /// When it may have ended.
    pub to: Nanos,
    /// What it was.
    pub why: String,
    /// The least that its check may say then.
    pub least: CheckStatus,
}

/// What a verdict may take from the agent to every server that is well.
pub const SPREAD: Nanos = 1_000_000_000;

impl<'a> Truth<'a> {
    /// All of them.
    pub fn all(seen: &'a Seen) -> impl Iterator<Item = Truth<'a>> {
        seen.instances.iter().enumerate().map(move |(number, instance)| Truth { number, instance, seen })
    }

    fn turns(&self) -> Vec<(Nanos, Manner)> {
        self.seen.turns.iter().filter(|turn| turn.instance == self.number).map(|turn| (turn.at, turn.manner)).collect()
    }

    /// News it sent of itself.
    pub fn heartbeats(&self) -> impl Iterator<Item = &'a Heartbeat> {
        let number = self.number;
        self.seen.heartbeats.iter().filter(move |heartbeat| heartbeat.instance == number)
    }

    /// What was ordered for it.
    pub fn orders(&self) -> impl Iterator<Item = &'a Order> {
        let number = self.number;
        self.seen.orders.iter().filter(move |order| order.instance == number)
    }

    /// The times in which it must not be shown as passing, each with the bound until which it still may be.
    pub fn bad_times(&self) -> Vec<Bad> {
        let mut bad = match self.instance.probe {
            Probe::Http { .. } => self.broken(),
            Probe::Ttl(_) => self.silent(),
        };
        bad.extend(self.ordered_out());
        bad
    }

    fn broken(&self) -> Vec<Bad> {
        let turns = self.turns();
        let mut bad: Vec<Bad> = Vec::new();
        for (n, (from, manner)) in turns.iter().enumerate() {
            let to = turns.get(n + 1).map_or(self.seen.end, |(at, _)| *at);
            if *manner == Manner::Well {
                continue;
            }
            // An endpoint that is busy (429) makes a warning, which some still want.
            let least = if *manner == Manner::Busy { CheckStatus::Warning } else { CheckStatus::Critical };
            match bad.last_mut().filter(|last| last.to == *from) {
                Some(last) => (last.to, last.least) = (to, last.least.min(least)),
                None => bad.push(Bad { least, ..self.bad(*from, to, format!("its endpoint was {manner:?}")) }),
            }
        }
        bad
    }

    fn bad(&self, from: Nanos, to: Nanos, why: String) -> Bad {
        Bad { from, seen_by: from + at_most(self.instance.probe.verdict_within()) + SPREAD, to, why, least: CheckStatus::Critical }
    }

    /// After each piece of news the time until the next that may have arrived. Registering it again is news: its TTL begins anew.
    fn silent(&self) -> Vec<Bad> {
        // One that nobody answered may still arrive until its sender gives up, and a moment later.
        let late = |beat: &Heartbeat| beat.over + if beat.told == Told::Unknown { SPREAD } else { 0 };
        let beats = self.heartbeats().filter(|beat| beat.told != Told::Refused).map(|beat| (beat.invoked, late(beat)));
        let registered = self.orders().filter(|order| matches!(order.deed, Deed::Register(_)));
        let registered = registered.map(|order| (order.invoked, order.done.unwrap_or(self.seen.end)));
        let mut news: Vec<(Nanos, Nanos)> = beats.chain(registered).collect();
        news.sort_unstable();
        let mut bad = Vec::new();
        let mut last = 0;
        for (n, (_, heard)) in news.iter().enumerate() {
            last = last.max(*heard);
            let to = news.get(n + 1).map_or(self.seen.end, |(invoked, _)| *invoked);
            bad.push(self.bad(last, to, "it was silent".to_owned()));
        }
        bad
    }

    /// From an acknowledged order that takes it out to the next order for it.
    fn ordered_out(&self) -> Vec<Bad> {
        let orders: Vec<&Order> = self.orders().collect();
        let out = |(n, order): (usize, &&Order)| {
            let from = order.done.filter(|_| matches!(order.deed, Deed::Deregister | Deed::MaintenanceOn))?;
            let to = orders.get(n + 1).map_or(self.seen.end, |next| next.invoked);
            let why = format!("{:?} was acknowledged", order.deed);
            Some(Bad { from, seen_by: from + SPREAD, to, why, least: CheckStatus::Critical })
        };
        orders.iter().enumerate().filter_map(out).collect()
    }

    /// Why it may have stopped passing at `at`; `None`: there is no reason.
    pub fn reason(&self, at: Nanos) -> Option<String> {
        self.endpoint_reason(at).or_else(|| self.heartbeat_reason(at)).or_else(|| self.order_reason(at))
    }

    /// A verdict may be late by its bound, so the endpoint counts as it was at any time since.
    fn endpoint_reason(&self, at: Nanos) -> Option<String> {
        let from = at.saturating_sub(at_most(self.instance.probe.verdict_within()) + SPREAD);
        let turns = self.turns();
        let within = |n: usize, begin: Nanos| begin <= at && turns.get(n + 1).is_none_or(|(end, _)| *end >= from);
        let bad = turns.iter().enumerate().find(|(n, (begin, manner))| *manner != Manner::Well && within(*n, *begin));
        bad.map(|(_, (_, manner))| format!("{manner:?}"))
    }

    fn heartbeat_reason(&self, at: Nanos) -> Option<String> {
        let Probe::Ttl(ttl) = self.instance.probe else { return None };
        let ttl = ttl.as_nanos() as Nanos;
        let said =
            self.heartbeats().find(|beat| beat.status != CheckStatus::Passing && beat.invoked <= at && beat.over + SPREAD + ttl >= at);
        if let Some(beat) = said {
            return Some(format!("it said {}", beat.status));
        }
        let heard = self.heartbeats().filter(|beat| beat.status == CheckStatus::Passing && beat.told == Told::Done);
        let mut heard: Vec<&Heartbeat> = heard.collect();
        heard.sort_by_key(|beat| beat.invoked);
        let gap = |n: usize, beat: &Heartbeat| {
            let ends = heard.get(n + 1).map_or(Nanos::MAX, |next| next.over);
            let expires = beat.invoked + at_least(ttl);
            expires <= ends && expires <= at && ends.saturating_add(SPREAD) >= at
        };
        let silent = heard.is_empty() || heard.iter().enumerate().any(|(n, beat)| gap(n, beat));
        silent.then(|| "it was silent".to_owned())
    }

    fn order_reason(&self, at: Nanos) -> Option<String> {
        let orders: Vec<&Order> = self.orders().collect();
        let in_force = |n: usize, order: &Order| {
            let over = orders.get(n + 1).map_or(Nanos::MAX, |next| next.done.unwrap_or(Nanos::MAX));
            matches!(order.deed, Deed::Deregister | Deed::MaintenanceOn) && order.invoked <= at && over.saturating_add(SPREAD) >= at
        };
        let order = orders.iter().enumerate().find(|(n, order)| in_force(*n, order)).map(|(_, order)| format!("{:?}", order.deed));
        let wiped = |wipe: &&super::observed::Wipe| wipe.instance == self.number && wipe.invoked <= at && wipe.invoked + WIPE_WITHIN >= at;
        order.or_else(|| self.seen.wipes.iter().find(wiped).map(|_| "it was wiped".to_owned()))
    }
}

/// How long a request to the catalog may be under way.
const WIPE_WITHIN: Nanos = 20_000_000_000;
