//! The next write.

use super::belief::Belief;
use super::machine::AntiEntropy;
use super::words::Subject;
use crate::agent::local::{LocalCheck, LocalService};
use crate::model::{ServiceSpec, TagAuthority};
use crate::state::checks::CheckSpec;
use crate::state::nodes::NodeSpec;
use crate::state::{CatalogCommand, NodeUpdate};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The most writes under way at once.
pub const MAX_UNDER_WAY: usize = 8;

/// The most checks of one write. More of a service follow in writes of their own.
pub const MAX_CHECKS_OF_A_WRITE: usize = 64;

/// One thing that a write makes so.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sent {
    Node(NodeSpec),
    /// `None` removes it.
    Service(Arc<str>, Option<ServiceSpec>),
    /// `None` removes it.
    Check(Arc<str>, Option<CheckSpec>),
}

impl Sent {
    pub fn subject(&self) -> Subject {
        match self {
            Sent::Node(_) => Subject::Node,
            Sent::Service(id, _) => Subject::Service(id.clone()),
            Sent::Check(id, _) => Subject::Check(id.clone()),
        }
    }
}

/// A write that is ready to go.
#[derive(Debug)]
pub(super) struct Plan {
    pub command: CatalogCommand,
    pub token: String,
    pub sent: Vec<Sent>,
}

impl AntiEntropy {
    /// The next write of what is due and differs, if any; what does not differ is due no longer.
    pub(super) fn plan(&mut self) -> Option<Plan> {
        self.plan_service().or_else(|| self.plan_check()).or_else(|| self.plan_node())
    }

    fn plan_service(&mut self) -> Option<Plan> {
        let mut next = self.due.services.keys().next().cloned();
        while let Some(id) = next {
            let service = self.view.services.get(&id).cloned();
            // What is removed with a service must not arrive after it.
            let waits = self.is_busy(&Subject::Service(id.clone())) || service.is_none() && !self.is_quiet(&id);
            if !waits {
                let checks = self.due.services.remove(&id).unwrap_or_default();
                let plan = match service {
                    Some(service) => self.plan_registration(&id, &service, checks),
                    None => self.plan_removal(&id),
                };
                if plan.is_some() {
                    return plan;
                }
            }
            let after = (std::ops::Bound::Excluded(id), std::ops::Bound::Unbounded);
            next = self.due.services.range::<Arc<str>, _>(after).next().map(|(id, _)| id.clone());
        }
        None
    }

    fn plan_registration(&mut self, id: &Arc<str>, service: &LocalService, due: BTreeSet<Arc<str>>) -> Option<Plan> {
        if service.spec.tag_authority == TagAuthority::Catalog && *self.beliefs.service(id) == Belief::Unknown {
            // Its tags are there and must not be overwritten: the next full sync sees them.
            return None;
        }
        let wanted = self.wanted_service(service);
        let differs = !self.beliefs.service(id).is(&wanted);
        // Whoever lost the service may have lost its checks with it.
        let candidates = if differs { self.owned.get(id).cloned().unwrap_or_default() } else { due };
        let mut checks = Vec::new();
        let mut rest = BTreeSet::new();
        for check in candidates {
            let Some(local) = self.view.checks.get(&check).filter(|local| local.definition.service_id == **id).cloned() else { continue };
            let spec = local.catalog_spec();
            if self.is_busy(&Subject::Check(check.clone())) || checks.len() >= MAX_CHECKS_OF_A_WRITE {
                rest.insert(check);
            } else if differs || !self.beliefs.check(&check).is(&spec) {
                checks.push(Sent::Check(check, Some(spec)));
            }
        }
        if !rest.is_empty() {
            self.due.services.entry(id.clone()).or_default().extend(rest);
        }
        if !differs && checks.is_empty() {
            return None;
        }
        let token = service.token.clone();
        let service = differs.then(|| Sent::Service(id.clone(), Some(wanted)));
        Some(self.registration(token, service, checks))
    }

    fn plan_removal(&mut self, id: &Arc<str>) -> Option<Plan> {
        if *self.beliefs.service(id) == Belief::Absent {
            return None;
        }
        let command = CatalogCommand::DeregisterService { node: self.node.name.clone(), service: id.as_ref().to_owned() };
        Some(Plan { command, token: String::new(), sent: vec![Sent::Service(id.clone(), None)] })
    }

    fn plan_check(&mut self) -> Option<Plan> {
        let (mut checks, mut token) = (Vec::new(), None);
        let mut next = self.due.checks.first().cloned();
        while let Some(id) = next {
            let after = (std::ops::Bound::Excluded(id.clone()), std::ops::Bound::Unbounded);
            next = self.due.checks.range::<Arc<str>, _>(after).next().cloned();
            if self.is_busy(&Subject::Check(id.clone())) {
                continue;
            }
            match self.view.checks.get(&id).cloned() {
                Some(check) if check.definition.service_id.is_empty() => {
                    let token: &String = token.get_or_insert_with(|| check.definition.token.clone());
                    if *token == check.definition.token && checks.len() < MAX_CHECKS_OF_A_WRITE {
                        self.due.checks.remove(&id);
                        self.add_if_other(&id, &check, &mut checks);
                    }
                }
                Some(check) => {
                    self.due.checks.remove(&id);
                    self.due.add_check(&id, Some(check.definition.service_id.as_str().into()));
                }
                None if checks.is_empty() => {
                    self.due.checks.remove(&id);
                    if *self.beliefs.check(&id) != Belief::Absent {
                        let command = CatalogCommand::DeregisterCheck { node: self.node.name.clone(), check: id.as_ref().to_owned() };
                        return Some(Plan { command, token: String::new(), sent: vec![Sent::Check(id, None)] });
                    }
                }
                None => {}
            }
        }
        (!checks.is_empty()).then(|| self.registration(token.unwrap_or_default(), None, checks))
    }

    fn add_if_other(&self, id: &Arc<str>, check: &LocalCheck, checks: &mut Vec<Sent>) {
        let spec = check.catalog_spec();
        if !self.beliefs.check(id).is(&spec) {
            checks.push(Sent::Check(id.clone(), Some(spec)));
        }
    }

    fn plan_node(&mut self) -> Option<Plan> {
        if !self.due.node || self.is_busy(&Subject::Node) {
            return None;
        }
        self.due.node = false;
        (!self.beliefs.node.is(&self.node)).then(|| self.registration(String::new(), None, Vec::new()))
    }

    /// A write that changes nothing, as far as the node is there.
    pub(super) fn barrier(&self) -> CatalogCommand {
        CatalogCommand::Register { node: self.node.clone(), update: NodeUpdate::Skip, service: None, checks: Vec::new() }
    }

    /// A registration of these, and of the node unless the catalog has it already.
    fn registration(&self, token: String, service: Option<Sent>, checks: Vec<Sent>) -> Plan {
        let known = self.beliefs.node.is(&self.node);
        let with_node = !known && !self.is_busy(&Subject::Node);
        let mut sent: Vec<Sent> = with_node.then(|| Sent::Node(self.node.clone())).into_iter().chain(service).collect();
        sent.extend(checks);
        let spec_of_check = |sent: &Sent| match sent {
            Sent::Check(_, spec) => spec.clone(),
            Sent::Node(_) | Sent::Service(..) => None,
        };
        let spec_of_service = |sent: &Sent| match sent {
            Sent::Service(_, spec) => spec.clone(),
            Sent::Node(_) | Sent::Check(..) => None,
        };
        let command = CatalogCommand::Register {
            node: self.node.clone(),
            update: if known { NodeUpdate::Skip } else { NodeUpdate::Apply },
            service: sent.iter().find_map(spec_of_service),
            checks: sent.iter().filter_map(spec_of_check).collect(),
        };
        Plan { command, token, sent }
    }

    /// A service as the catalog should have it: with the catalog's own tags where it decides about them.
    pub(super) fn wanted_service(&self, service: &LocalService) -> ServiceSpec {
        let mut wanted = service.spec.clone();
        match (service.spec.tag_authority, self.beliefs.service(&service.spec.id).row()) {
            (TagAuthority::Catalog, Some(row)) => wanted.tags.clone_from(&row.tags),
            (TagAuthority::Catalog, None) | (TagAuthority::Agent, _) => {}
        }
        wanted
    }
}
