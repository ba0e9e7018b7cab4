//! What catalog commands do: nodes, the instances on them and the checks of both change together.

use super::checks::{Check, CheckSpec};
use super::home::{Home, fold};
use super::nodes::{self, NameTaken, Plan, Slot};
use super::services::{Service, Whose};
use super::sessions;
use super::{CatalogCommand, Moment, NodeUpdate, Reply, State, WriteOrder};
use crate::model::{CheckStatus, Index, NodeId, NodeName, ServiceSpec, Table, Topic, Touched};
use crate::state::nodes::NodeSpec;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Why a registration was refused; nothing of it was done.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    NameTaken(#[from] NameTaken),
    #[error("failed inserting check: Missing service registration on node {:?}", node.as_str())]
    NoService { node: NodeName },
}

pub(super) fn apply(state: &mut State, at: Moment, command: &CatalogCommand, touched: &mut Touched) -> Reply {
    let mut change = Change::new(state, at, touched);
    match command {
        CatalogCommand::Register { node, update, service, checks } => {
            return match change.register(node, *update, service.as_ref(), checks) {
                Ok(()) => Reply::Done,
                Err(refusal) => Reply::Refused(refusal.to_string()),
            };
        }
        CatalogCommand::DeregisterNode { node, only_id } => change.deregister_node(node, *only_id),
        CatalogCommand::DeregisterService { node, service } => change.deregister_service(node, service),
        CatalogCommand::DeregisterCheck { node, check } => change.deregister_check(node, check),
    }
    Reply::Done
}

/// Applies what an agent wrote, if it is not superseded. Once it was looked at, what its agent had given up before is refused, whatever came of it.
pub(super) fn apply_ordered(state: &mut State, at: Moment, order: &WriteOrder, command: &CatalogCommand, touched: &mut Touched) -> Reply {
    if let Err(reply) = state.fences.pass(order) {
        return reply;
    }
    let reply = apply(state, at, command, touched);
    if state.nodes.with_id(order.node).is_none() {
        state.fences.left(order.node, at.index);
    }
    reply
}

/// One command at work.
pub(super) struct Change<'a> {
    state: &'a mut State,
    at: Moment,
    index: Index,
    touched: &'a mut Touched,
}

impl<'a> Change<'a> {
    pub(super) fn new(state: &'a mut State, at: Moment, touched: &'a mut Touched) -> Change<'a> {
        Change { state, at, index: at.index, touched }
    }
}

impl Change<'_> {
    fn register(
        &mut self,
        node: &NodeSpec,
        update: NodeUpdate,
        service: Option<&ServiceSpec>,
        checks: &[CheckSpec],
    ) -> Result<(), Refusal> {
        let there = self.state.nodes.rows.get(&fold(node.name.as_str())).cloned();
        let plan = match (update, there) {
            (NodeUpdate::Skip, Some(slot)) => Plan::of(slot),
            (NodeUpdate::Skip, None) | (NodeUpdate::Apply, _) => nodes::plan(self.state, node)?,
        };
        self.owners_are_there(&plan, node, service, checks)?;
        let home = self.seat(plan);
        if let Some(service) = service {
            self.put_service(&home, service);
        }
        for check in checks {
            self.put_check(&home, check);
        }
        Ok(())
    }

    /// Creates or updates a node alone.
    pub(super) fn put_node(&mut self, node: &NodeSpec) -> Result<(), String> {
        self.register(node, NodeUpdate::Apply, None, &[]).map_err(|refusal| refusal.to_string())
    }

    /// Creates or updates an instance on a node that is there.
    pub(super) fn put_service_on(&mut self, node: &NodeName, spec: &ServiceSpec) -> Result<(), String> {
        let home = self.home_of(node)?;
        self.put_service(&home, spec);
        Ok(())
    }

    /// Creates or updates a check on a node, or of an instance on it, that is there.
    pub(super) fn put_check_on(&mut self, node: &NodeName, spec: &CheckSpec) -> Result<(), String> {
        let home = self.home_of(node)?;
        if !spec.service_id.is_empty() && self.state.services.at(&home.folded, &spec.service_id).is_none() {
            return Err("Missing service registration".to_owned());
        }
        self.put_check(&home, spec);
        Ok(())
    }

    fn home_of(&self, node: &NodeName) -> Result<Arc<Home>, String> {
        let slot = self.state.nodes.rows.get(&fold(node.as_str()));
        slot.map(|slot| slot.home.clone()).ok_or_else(|| "Missing node registration".to_owned())
    }

    /// Every instance that a check names is on the node, or comes with it.
    fn owners_are_there(&self, plan: &Plan, node: &NodeSpec, service: Option<&ServiceSpec>, checks: &[CheckSpec]) -> Result<(), Refusal> {
        let there = |id: &str| {
            let kept = plan.existing.as_ref().is_some_and(|slot| self.state.services.at(&slot.home.folded, id).is_some());
            kept || service.is_some_and(|service| service.id == id)
        };
        match checks.iter().all(|check| check.service_id.is_empty() || there(&check.service_id)) {
            true => Ok(()),
            false => Err(Refusal::NoService { node: node.name.clone() }),
        }
    }

    /// Carries out a plan; gives the node's home.
    fn seat(&mut self, plan: Plan) -> Arc<Home> {
        if let Some(replaced) = &plan.replaced {
            self.remove_node(replaced);
        }
        let existing = plan.existing;
        let Some(spec) = plan.spec else {
            return existing.expect("only a node that is there stays as it is").home;
        };
        if let Some(id) = spec.id {
            self.state.fences.returned(id);
        }
        let home = nodes::write(self.state, self.index, existing.as_ref(), spec, self.touched);
        match existing {
            Some(old) if old.home != home => {
                self.move_rows(&old.home, &home);
                self.state.sessions.move_rows(&old.home.folded, &home.name, self.index, self.touched);
            }
            Some(_) => self.note_node_of_services(&home),
            None => {}
        }
        home
    }

    /// The row of a node changed: so did what is told of its instances.
    fn note_node_of_services(&mut self, home: &Home) {
        for name in self.state.services.names_on(&home.folded) {
            self.state.services.note_rows(&name, self.index, self.touched);
        }
    }

    /// A node was renamed: its instances and checks go with it.
    fn move_rows(&mut self, old: &Home, home: &Arc<Home>) {
        let services: Vec<Arc<Service>> = self.state.services.on(&old.folded).cloned().collect();
        let checks: Vec<Arc<Check>> = self.state.checks.on(&old.folded).cloned().collect();
        // In with the new before out with the old: a name with its only instance here is not gone in between.
        for row in &services {
            self.state.services.put(Arc::new(row.moved(home.clone(), self.index)));
        }
        if old.folded != home.folded {
            services.iter().for_each(|row| self.state.services.take(row, self.index));
        }
        for row in &checks {
            self.state.checks.take(row);
            self.state.checks.put(Arc::new(row.moved(home.clone(), self.index)));
        }
        let owners: BTreeSet<&str> = checks.iter().map(|row| row.service_id()).collect();
        owners.into_iter().for_each(|owner| self.state.seat_checks(&home.folded, owner));
        if !services.is_empty() {
            self.state.services.note_table(self.index, false, self.touched);
        }
        self.note_node_of_services(home);
        let owners: BTreeSet<Arc<str>> = checks.iter().filter(|row| !row.service_id().is_empty()).map(|row| row.folded_service()).collect();
        for name in owners {
            self.state.services.note_health(&name, self.index, Whose::Instance, self.touched);
        }
        if !checks.is_empty() {
            self.note_checks_table(&old.folded);
            self.note_checks_table(&home.folded);
        }
    }

    fn put_service(&mut self, home: &Arc<Home>, spec: &ServiceSpec) {
        let existing = self.state.services.at(&home.folded, &spec.id).cloned();
        if existing.as_ref().is_some_and(|row| row.is_as(spec)) {
            return;
        }
        let create_index = existing.as_ref().map_or(self.index, |row| row.create_index());
        let row = Arc::new(Service::pooled(&mut self.state.pools, home.clone(), spec, create_index, self.index));
        let label = row.shape.label.clone();
        let mut listed = self.state.pools.users_of(&label) == 1;
        if let Some(old) = &existing {
            listed |= self.release(old);
            if old.folded_name() != row.folded_name() {
                self.state.services.take(old, self.index);
                self.state.services.note_rows(old.folded_name(), self.index, self.touched);
            }
        }
        self.state.services.put(row.clone());
        self.state.services.note_rows(row.folded_name(), self.index, self.touched);
        self.state.services.note_table(self.index, listed, self.touched);
        self.state.nodes.note_service(self.index, &home.folded, self.touched);
        if existing.is_some_and(|old| old.shape.label != label) {
            self.relabel_checks(home, &row);
        }
    }

    /// Gives back what a row shared; whether its label goes with it.
    fn release(&mut self, row: &Service) -> bool {
        row.release(&mut self.state.pools);
        self.state.pools.users_of(&row.shape.label) == 0
    }

    /// The checks of an instance show its name and tags.
    fn relabel_checks(&mut self, home: &Arc<Home>, service: &Service) {
        let checks: Vec<Arc<Check>> = self.state.checks.of(&home.folded, service.id()).cloned().collect();
        for row in checks {
            self.state.checks.put(Arc::new(row.relabelled(service, self.index)));
            self.note_check(&row);
            self.state.services.note_health(service.folded_name(), self.index, Whose::Instance, self.touched);
        }
    }

    fn put_check(&mut self, home: &Arc<Home>, spec: &CheckSpec) {
        let existing = self.state.checks.at(&home.folded, &spec.id).cloned();
        if existing.as_ref().is_some_and(|row| row.is_as(spec)) {
            return;
        }
        let create_index = existing.as_ref().map_or(self.index, |row| row.create_index());
        let service = self.state.services.at(&home.folded, &spec.service_id).cloned().filter(|_| !spec.service_id.is_empty());
        let row = Check::pooled(&mut self.state.pools, home.clone(), spec, service.as_deref(), create_index, self.index);
        if let Some(old) = existing {
            old.release(&mut self.state.pools);
            self.state.checks.take(&old);
            if old.service_id() != row.service_id() {
                self.note_check(&old);
            }
        }
        let row = Arc::new(row);
        self.state.checks.put(row.clone());
        self.note_check(&row);
        if *row.status() == CheckStatus::Critical {
            self.end_sessions_on(&row);
        }
    }

    /// A check can no longer be stood on.
    fn end_sessions_on(&mut self, row: &Check) {
        let ids = self.state.sessions.on_check(&row.home.folded, &row.id);
        sessions::end_all(self.state, self.at, ids, self.touched);
    }

    /// A check came, changed or went: so did the health of what it counts for.
    fn note_check(&mut self, row: &Check) {
        self.state.seat_checks(&row.home.folded, row.service_id());
        match row.service_id() {
            "" => {
                for name in self.state.services.names_on(&row.home.folded) {
                    self.state.services.note_health(&name, self.index, Whose::Node, self.touched);
                }
            }
            _ => self.state.services.note_health(&row.folded_service(), self.index, Whose::Instance, self.touched),
        }
        self.note_checks_table(&row.home.folded);
    }

    fn note_checks_table(&mut self, folded: &Arc<str>) {
        self.state.checks.index = self.index;
        self.state.nodes.note_check(self.index, folded, self.touched);
        self.touched.add(Topic::Table(Table::Checks));
    }

    pub(super) fn deregister_node(&mut self, name: &NodeName, only_id: Option<NodeId>) {
        let Some(slot) = self.state.nodes.rows.get(&fold(name.as_str())).cloned() else { return };
        if only_id.is_none_or(|id| slot.row.spec.id == Some(id)) {
            self.remove_node(&slot);
        }
    }

    /// Removes a node with all that belongs to it.
    fn remove_node(&mut self, slot: &Slot) {
        let folded = &slot.home.folded;
        let services: Vec<Arc<Service>> = self.state.services.on(folded).cloned().collect();
        services.iter().for_each(|row| self.remove_service(row));
        let checks: Vec<Arc<Check>> = self.state.checks.of(folded, "").cloned().collect();
        checks.iter().for_each(|row| self.remove_check(row));
        let left = self.state.sessions.on(folded);
        sessions::end_all(self.state, self.at, left, self.touched);
        self.state.nodes.take(slot, self.index, self.touched);
        self.state.coordinates.forget(folded, self.index, self.touched);
        if let Some(id) = slot.row.spec.id {
            self.state.fences.shut(id, self.index);
        }
    }

    pub(super) fn deregister_service(&mut self, node: &NodeName, id: &str) {
        if let Some(row) = self.state.services.at(&fold(node.as_str()), id).cloned() {
            self.remove_service(&row);
        }
    }

    fn remove_service(&mut self, row: &Arc<Service>) {
        let checks: Vec<Arc<Check>> = self.state.checks.of(&row.home.folded, row.id()).cloned().collect();
        checks.iter().for_each(|check| self.remove_check(check));
        let listed = self.release(row);
        self.state.services.take(row, self.index);
        self.state.services.note_rows(row.folded_name(), self.index, self.touched);
        self.state.services.note_table(self.index, listed, self.touched);
        self.state.nodes.note_service(self.index, &row.home.folded, self.touched);
    }

    pub(super) fn deregister_check(&mut self, node: &NodeName, id: &str) {
        if let Some(row) = self.state.checks.at(&fold(node.as_str()), id).cloned() {
            self.remove_check(&row);
        }
    }

    fn remove_check(&mut self, row: &Arc<Check>) {
        row.release(&mut self.state.pools);
        self.state.checks.take(row);
        self.note_check(row);
        self.end_sessions_on(row);
    }
}

#[cfg(test)]
mod naive;
#[cfg(test)]
mod tests;
