//! One check of the machine.

use super::leaf::{Leaf, Plan};
use super::machine::SHORTEST_GIVE_UP;
use super::output::expired;
use super::timers::Part;
use super::tree::{Shape, spoken};
use super::words::{CheckId, Run, Setup, Verdict};
use crate::model::{CheckDefinition, CheckStatus, Instant, VerdictSource};
use std::sync::Arc;
use std::time::Duration;

/// A check.
#[derive(Debug)]
pub(super) struct Entry {
    pub id: CheckId,
    pub definition: Arc<CheckDefinition>,
    pub verdict: Verdict,
    pub kind: Kind,
    pub critical: Option<Critical>,
}

/// What makes a check stand as it does.
#[derive(Debug)]
pub(super) enum Kind {
    /// Heartbeats.
    Ttl(Ttl),
    /// Whoever tells it: an alias, or the agent itself.
    Told,
    /// Runs.
    Runs(Runs),
}

/// A TTL check's deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ttl {
    pub ttl: Duration,
    /// When it turns critical; `None` once it has.
    pub expires: Option<Instant>,
    /// When that is looked at. A heartbeat moves `expires` alone: the look finds out and is put off, so a thousand heartbeats cost one.
    pub look: Option<Instant>,
}

/// What is run for a check.
#[derive(Debug)]
pub(super) struct Runs {
    pub shape: Shape,
    pub leaves: Vec<Leaf>,
}

/// A check that is critical and whose service may not be so for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Critical {
    pub since: Instant,
    /// When that is looked at again; `None` if the service may stay critical.
    pub look: Option<Instant>,
}

impl Entry {
    /// All that it has in the timers.
    pub fn timers(&self) -> impl Iterator<Item = (Instant, Part)> {
        let leaves = match &self.kind {
            Kind::Runs(runs) => runs.leaves.as_slice(),
            Kind::Ttl(_) | Kind::Told => &[],
        };
        let runs = leaves.iter().enumerate().filter_map(|(number, leaf)| Some((leaf.due()?, Part::Run(number))));
        let look = match &self.kind {
            Kind::Ttl(ttl) => ttl.look,
            Kind::Runs(_) | Kind::Told => None,
        };
        let give_up = self.critical.and_then(|critical| critical.look);
        runs.chain(look.map(|at| (at, Part::Expiry))).chain(give_up.map(|at| (at, Part::GiveUp)))
    }

    /// The runs under way.
    pub fn runs(&self) -> impl Iterator<Item = Run> {
        let leaves = match &self.kind {
            Kind::Runs(runs) => runs.leaves.as_slice(),
            Kind::Ttl(_) | Kind::Told => &[],
        };
        leaves.iter().filter_map(Leaf::run)
    }

    /// How long the service may be critical, if there is an end to it.
    pub fn patience(&self) -> Option<Duration> {
        let after = self.definition.deregister_after.filter(|after| !after.is_zero() && !self.definition.service_id.is_empty())?;
        Some(after.max(SHORTEST_GIVE_UP))
    }

    /// What the check says once its TTL is over.
    pub fn silence(&self) -> Verdict {
        Verdict { status: CheckStatus::Critical, output: expired(&self.verdict.output) }
    }
}

impl Runs {
    /// What is run for a check; `due` says when first, for each.
    pub fn new(check: &CheckDefinition, setup: &Setup, verdict: &Verdict, mut due: impl FnMut(&Plan) -> Instant) -> Runs {
        let mut checks = Vec::new();
        let (shape, tree) = match check.probe.source() {
            VerdictSource::Parts(tree) => (Shape::of(tree, &mut checks), Some(check)),
            VerdictSource::News { .. } | VerdictSource::Others | VerdictSource::Program | VerdictSource::Network => {
                checks.push(check);
                (Shape::Leaf(0), None)
            }
        };
        let leaf = |leaf: &CheckDefinition| {
            let plan = Plan::of(leaf, tree, setup);
            let due = due(&plan);
            let first = match tree {
                Some(_) => Verdict { status: verdict.status, output: "not run yet".to_owned() },
                None => verdict.clone(),
            };
            Leaf::new(plan, first, due)
        };
        Runs { shape, leaves: checks.into_iter().map(leaf).collect() }
    }

    /// Whether the same is run in the same way.
    pub fn is_like(&self, other: &Runs) -> bool {
        self.shape == other.shape
            && self.leaves.len() == other.leaves.len()
            && self.leaves.iter().zip(&other.leaves).all(|(a, b)| a.plan == b.plan)
    }

    /// The leaf whose run this is.
    pub fn leaf_of(&self, run: Run) -> Option<usize> {
        self.leaves.iter().position(|leaf| leaf.run() == Some(run))
    }

    /// What the leaves make of the check; `None` if there is none.
    pub fn verdict(&self) -> Option<Verdict> {
        let decider = self.shape.decider(&|leaf| self.leaves[leaf].verdict.status)?;
        let leaf = &self.leaves[decider];
        Some(match self.shape {
            Shape::Leaf(_) => leaf.verdict.clone(),
            Shape::All(_) | Shape::Any(_) => spoken(&leaf.plan.name, &leaf.verdict),
        })
    }
}
