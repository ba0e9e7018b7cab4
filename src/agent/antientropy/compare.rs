//! Everything the catalog has of the node, compared with what is registered here.

use super::CONSUL_SERVICE;
use super::belief::{Belief, Beliefs, Read};
use super::due::Due;
use super::machine::AntiEntropy;
use super::words::{Output, Subject};
use crate::agent::query::WholeNode;
use crate::model::{Instant, TagAuthority};
use crate::state::checks::{CheckSpec, SERF_HEALTH};
use crate::state::nodes::Node;
use std::sync::Arc;

impl AntiEntropy {
    /// From now on this is what the catalog is believed to hold, and what differs is due.
    pub(super) fn compare(&mut self, now: Instant, found: Option<WholeNode>) {
        self.due = Due::default();
        self.held = Due::default();
        if found.as_ref().is_some_and(|found| self.is_of_another(&found.node)) {
            // A node of that name with another identity: nothing there is ours to remove. Whether the name may be taken is for the catalog to say.
            self.beliefs = Beliefs::default();
            self.due.node = true;
            return;
        }
        self.believe(now, found);
        self.due.node = !self.beliefs.node.is(&self.node);
        self.compare_services();
        self.compare_checks();
    }

    fn is_of_another(&self, node: &Node) -> bool {
        node.spec.id.is_some() && self.node.id.is_some() && node.spec.id != self.node.id
    }

    /// Takes the rows for true, but for those that were written meanwhile: who knows whether they were read before or after.
    fn believe(&mut self, now: Instant, found: Option<WholeNode>) {
        let before = std::mem::take(&mut self.beliefs);
        let mut beliefs = Beliefs { read: Read::Once, node: Belief::Absent, ..Beliefs::default() };
        if let Some(found) = found {
            beliefs.node = Belief::Is { row: found.node.spec.clone(), since: now };
            let services = found.services.iter().map(|row| (row.id().into(), Belief::Is { row: row.spec(), since: now }));
            beliefs.services = services.collect();
            let checks = found.checks.iter().map(|row| (row.id().into(), Belief::Is { row: row.spec(), since: now }));
            beliefs.checks = checks.collect();
        }
        for subject in std::mem::take(&mut self.tainted) {
            match subject {
                Subject::Node => beliefs.node = before.node.clone(),
                Subject::Service(id) => {
                    let belief = before.service(&id).clone();
                    beliefs.services.insert(id, belief);
                }
                Subject::Check(id) => {
                    let belief = before.check(&id).clone();
                    beliefs.checks.insert(id, belief);
                }
            }
        }
        self.beliefs = beliefs;
    }

    fn compare_services(&mut self) {
        for (id, service) in self.view.services.clone() {
            let wanted = self.wanted_service(&service);
            if service.spec.tag_authority == TagAuthority::Catalog && wanted.tags != service.spec.tags {
                self.outputs.push_back(Output::TakeTags { service: id.clone(), tags: wanted.tags.clone() });
            }
            if !self.beliefs.service(&id).is(&wanted) {
                self.due.add_service(&id);
            }
        }
        let gone = |id: &&Arc<str>| !self.view.services.contains_key(*id) && ***id != *CONSUL_SERVICE;
        let gone: Vec<Arc<str>> = self.beliefs.services.keys().filter(gone).cloned().collect();
        gone.iter().for_each(|id| self.due.add_service(id));
    }

    fn compare_checks(&mut self) {
        for (id, check) in self.view.checks.clone() {
            let wanted = check.catalog_spec();
            let belief = self.beliefs.check(&id);
            let waits = self.deferred.contains(&id) && belief.row().is_some_and(|row| differ_in_output_alone(row, &wanted));
            if !waits && !belief.is(&wanted) {
                self.due.add_check(&id, service_of(&check.definition.service_id));
            }
        }
        let gone = |(id, belief): &(&Arc<str>, &Belief<CheckSpec>)| {
            let known = self.view.checks.contains_key(*id) || ***id == *SERF_HEALTH;
            // With its service it goes anyway.
            let goes =
                belief.row().is_some_and(|row| self.due.services.contains_key(row.service_id.as_str()) && self.is_gone(&row.service_id));
            !known && !goes
        };
        let gone: Vec<Arc<str>> = self.beliefs.checks.iter().filter(gone).map(|(id, _)| id.clone()).collect();
        self.due.checks.extend(gone);
    }

    fn is_gone(&self, service: &str) -> bool {
        !service.is_empty() && !self.view.services.contains_key(service)
    }
}

/// The service a check belongs to, if it is not one of the node.
pub(super) fn service_of(id: &str) -> Option<Arc<str>> {
    (!id.is_empty()).then(|| id.into())
}

fn differ_in_output_alone(a: &CheckSpec, b: &CheckSpec) -> bool {
    a.output != b.output && CheckSpec { output: String::new(), ..a.clone() } == CheckSpec { output: String::new(), ..b.clone() }
}
