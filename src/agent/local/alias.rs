//! Checks that stand as another service or node does.

use super::effects::Effects;
use super::registry::Local;
use crate::health::{self, Verdict};
use crate::model::{CheckDefinition, CheckStatus, NodeName, Probe};
use crate::state::checks::Check;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What an alias check follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AliasTarget {
    /// A service of this agent, or its node if the id is empty. The registry tells the machine of checks by itself.
    Here {
        /// Its id.
        service: Arc<str>,
    },
    /// Of another node: somebody must ask the catalog.
    Elsewhere {
        /// The node's name.
        node: String,
        /// The service's id; empty for the node itself.
        service: String,
    },
}

/// What a check on `node` follows, if it is an alias.
pub fn alias_target(probe: &Probe, node: &NodeName) -> Option<AliasTarget> {
    let Probe::Alias { node: of, service } = probe else { return None };
    let here = of.is_empty() || of.to_lowercase() == node.as_str().to_lowercase();
    Some(match here {
        true => AliasTarget::Here { service: service.as_str().into() },
        false => AliasTarget::Elsewhere { node: of.clone(), service: service.clone() },
    })
}

/// How a service of another node stands, or that node if `service` is empty, by what the catalog has of the node. `instances` are the ids of its
/// services. The `serfHealth` check counts, so what is on a node that failed is critical.
pub fn verdict_of_rows<'a>(node: &str, service: &str, instances: impl IntoIterator<Item = &'a str>, checks: &[Arc<Check>]) -> Verdict {
    if !service.is_empty() && !instances.into_iter().any(|id| id == service) {
        return missing(node, service);
    }
    let concerns = |check: &&Arc<Check>| check.service_id().is_empty() || check.service_id() == service;
    let stands = |check: &Arc<Check>| CheckStatus::parse(check.status().as_str()).unwrap_or(CheckStatus::Critical);
    worst(checks.iter().filter(concerns).map(|check| (stands(check), check.name(), check.output())))
}

/// The verdict over what a target's checks say: the first of the worst.
fn worst<'a>(checks: impl Iterator<Item = (CheckStatus, &'a str, &'a str)>) -> Verdict {
    let worst = checks.reduce(|a, b| if b.0 > a.0 { b } else { a });
    let (status, output) = match worst {
        None => (CheckStatus::Passing, "No checks found.".to_owned()),
        Some((CheckStatus::Passing, ..)) => (CheckStatus::Passing, "All checks passing.".to_owned()),
        Some((status, name, output)) => (status, format!("Check {name:?} is {status}: {output}")),
    };
    Verdict { status, output }
}

fn missing(node: &str, service: &str) -> Verdict {
    Verdict { status: CheckStatus::Critical, output: format!("Service {service} is not registered on node {node}") }
}

impl Local {
    /// The service of this agent that a check follows; empty for the node.
    pub(super) fn followed(&self, definition: &CheckDefinition) -> Option<Arc<str>> {
        match alias_target(&definition.probe, &self.settings.node)? {
            AliasTarget::Here { service } => Some(service),
            AliasTarget::Elsewhere { .. } => None,
        }
    }

    /// Something about the checks of a service changed, or of the node if the id is empty: tells every alias check that may now stand otherwise.
    pub(super) fn retarget(&self, service: &str, effects: &mut Effects) {
        if self.aliases.is_empty() {
            return;
        }
        let mut seen: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut changed: Vec<Arc<str>> = vec![service.into()];
        while let Some(service) = changed.pop() {
            // What concerns the node concerns every service on it.
            let targets: Vec<&Arc<str>> = if service.is_empty() { self.aliases.keys().collect() } else { vec![&service] };
            for alias in targets.into_iter().filter_map(|target| self.aliases.get(target)).flatten() {
                if seen.insert(alias.clone()) {
                    self.target(alias, effects);
                    changed.extend(self.view.checks.get(alias).map(|check| check.definition.service_id.as_str().into()));
                }
            }
        }
    }

    /// Tells an alias check how its target stands; not one of another node.
    pub(super) fn target(&self, alias: &Arc<str>, effects: &mut Effects) {
        let Some(check) = self.view.checks.get(alias) else { return };
        if let Some(target) = self.followed(&check.definition) {
            let verdict = self.verdict_of(alias, &target);
            effects.health.push(health::Input::Target { check: alias.clone(), verdict });
        }
    }

    /// How a target stands: as the worst of the checks that are found through it. An alias among them stands for what it follows itself, so that
    /// two that follow each other do not keep each other critical.
    fn verdict_of(&self, alias: &str, target: &Arc<str>) -> Verdict {
        let mut seen: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut found = Vec::new();
        let mut targets: Vec<Arc<str>> = vec![target.clone(), "".into()];
        while let Some(service) = targets.pop() {
            if !seen.insert(service.clone()) {
                continue;
            }
            if !service.is_empty() && !self.view.services.contains_key(&service) {
                return missing(self.settings.node.as_str(), &service);
            }
            for id in self.owned.get(&service).into_iter().flatten().filter(|id| ***id != *alias) {
                let Some(check) = self.view.checks.get(id) else { continue };
                match self.followed(&check.definition) {
                    Some(further) => targets.push(further),
                    None => found.push(check),
                }
            }
        }
        worst(found.into_iter().map(|check| (check.status, check.definition.name.as_str(), check.output.as_str())))
    }
}
