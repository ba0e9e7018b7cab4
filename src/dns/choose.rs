//! Which instances are answered, and where they are.

use super::grammar::Subject;
use super::inquiry::{Found, Inquiry, Order};
use super::plan::Plan;
use crate::agent::query::{Instance, Rows};
use crate::model::{CatalogStatus, CheckStatus};
use rand::{Rng, RngExt};
use std::cmp::Ordering;
use std::net::IpAddr;

/// An instance that is answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pick {
    /// Which of the rows.
    pub(super) row: usize,
    /// Where it is.
    pub(super) place: Place,
    /// Its place among the picks.
    pub(super) order: usize,
    /// Whether it is the first that lies behind its target.
    pub(super) leads_target: bool,
    /// Whether it is the first of its node.
    pub(super) leads_node: bool,
}

/// Where an instance or a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At an address.
    At(IpAddr),
    /// Under a name that is not ours to resolve.
    Named,
}

impl Place {
    /// The place that a registered address means.
    pub(super) fn of(address: &str) -> Place {
        address.parse().map_or(Place::Named, Place::At)
    }
}

/// The address of an instance: its own, or its node's.
pub(super) fn address_of(instance: &Instance) -> &str {
    match instance.service.address() {
        "" => &instance.node.spec.address,
        own => own,
    }
}

/// The worst that the checks of an instance say of it. A word that only the catalog knows is not passing, and not critical, as in Consul.
pub(super) fn worst(instance: &Instance) -> CheckStatus {
    let statuses = instance.checks.iter().map(|check| match check.status() {
        CatalogStatus::Known(status) => *status,
        CatalogStatus::Word(_) => CheckStatus::Warning,
    });
    statuses.max().unwrap_or(CheckStatus::Passing)
}

impl<'a> Inquiry<'a> {
    /// The instances that were found, healthy or not.
    pub(super) fn instances(&self) -> &'a [Instance] {
        match self.found {
            Found::Rows { rows: Rows::Instances(instances), .. } => instances,
            Found::Executed { instances, .. } => instances,
            Found::Rows { .. } | Found::Nothing | Found::NoQuery | Found::Unknown => &[],
        }
    }

    /// Fills `picks` with the instances that may be answered, in the order in which they are.
    pub(super) fn pick<R: Rng>(&self, picks: &mut Vec<Pick>, rng: &mut R) {
        picks.clear();
        let label = self.label();
        let chosen = self.instances().iter().enumerate().filter(|(_, instance)| self.takes(instance));
        let chosen = chosen.filter(|(_, instance)| label.is_none_or(|label| super::service::is_called(instance, label)));
        picks.extend(chosen.map(|(row, instance)| Pick {
            row,
            place: Place::of(address_of(instance)),
            order: 0,
            leads_target: true,
            leads_node: true,
        }));
        match self.found {
            Found::Rows { order: Order::Shuffled, .. } | Found::Executed { order: Order::Shuffled, .. } => shuffle(picks, rng),
            Found::Rows { order: Order::AsFound, .. }
            | Found::Executed { order: Order::AsFound, .. }
            | Found::Nothing
            | Found::NoQuery
            | Found::Unknown => {}
        }
        picks.iter_mut().enumerate().for_each(|(at, pick)| pick.order = at);
    }

    /// What the one instance that is asked for is called.
    fn label(&self) -> Option<&'a str> {
        match self.plan {
            Plan::Ask(ask) => match &ask.subject {
                Subject::Instance { label, .. } => Some(label.as_str()),
                Subject::Apex
                | Subject::Service { .. }
                | Subject::Node(_)
                | Subject::PreparedQuery(_)
                | Subject::Address(_)
                | Subject::ServiceList
                | Subject::Domains
                | Subject::Reverse(_)
                | Subject::NoName(_)
                | Subject::Foreign => None,
            },
            Plan::Settled(_) | Plan::PreparedQuery { .. } | Plan::Recurse => None,
        }
    }

    /// Whether one instance is asked for, not all of a service.
    pub(super) fn is_of_instance(&self) -> bool {
        self.label().is_some()
    }

    fn takes(&self, instance: &Instance) -> bool {
        match self.found {
            Found::Executed { .. } => true,
            Found::Rows { .. } | Found::Nothing | Found::NoQuery | Found::Unknown => match worst(instance) {
                CheckStatus::Passing => true,
                CheckStatus::Warning => !self.settings.only_passing,
                CheckStatus::Critical => false,
            },
        }
    }
}

/// Fisher and Yates: each order is as likely as any other.
fn shuffle<R: Rng>(picks: &mut [Pick], rng: &mut R) {
    for last in (1..picks.len()).rev() {
        picks.swap(last, rng.random_range(0..=last));
    }
}

/// Leaves the first of those that are equal, in the order they had.
pub(super) fn distinct(picks: &mut Vec<Pick>, compare: impl Fn(&Pick, &Pick) -> Ordering) {
    picks.sort_unstable_by(|one, other| compare(one, other).then(one.order.cmp(&other.order)));
    picks.dedup_by(|one, other| compare(one, other).is_eq());
    picks.sort_unstable_by_key(|pick| pick.order);
}

/// Marks the first of each group of those that are equal, in the order they have.
pub(super) fn lead(picks: &mut [Pick], compare: impl Fn(&Pick, &Pick) -> Ordering, set: impl Fn(&mut Pick, bool)) {
    picks.sort_unstable_by(|one, other| compare(one, other).then(one.order.cmp(&other.order)));
    for at in 0..picks.len() {
        let leads = at == 0 || compare(&picks[at - 1], &picks[at]).is_ne();
        set(&mut picks[at], leads);
    }
    picks.sort_unstable_by_key(|pick| pick.order);
}
