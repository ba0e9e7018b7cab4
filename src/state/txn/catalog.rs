//! Operations on nodes, instances and checks.

use super::{CatalogOp, NodeRef, TxnRow};
use crate::model::{Index, NodeName, Touched, quote};
use crate::state::catalog::Change;
use crate::state::checks::Check;
use crate::state::nodes::{Node, fold};
use crate::state::services::Service;
use crate::state::{Condition, Moment, State};
use std::sync::Arc;

/// What texts call a row.
enum Named<'a> {
    Node(&'a str),
    Service(&'a str, &'a NodeName),
    Check(&'a str, &'a NodeName),
}

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Named::Node(name) => write!(f, "node {}", quote(name)),
            Named::Service(id, node) => write!(f, "service {} on node {}", quote(id), quote(node.as_str())),
            Named::Check(id, node) => write!(f, "check {} on node {}", quote(id), quote(node.as_str())),
        }
    }
}

impl Named<'_> {
    fn missing(&self) -> String {
        format!("{self} doesn't exist")
    }

    /// Refuses to `act` on a row that was last changed at `existing`.
    fn judge(&self, act: &str, condition: Condition, existing: Option<Index>) -> Result<(), String> {
        if condition.holds(existing) { Ok(()) } else { Err(format!("failed to {act} {self}, index is stale")) }
    }
}

fn find<'a>(state: &'a State, node: &NodeRef) -> Option<&'a Arc<Node>> {
    match node.id {
        Some(id) => state.nodes.with_id(id),
        None => state.nodes.get(&node.name),
    }
}

/// What a client called a node.
fn called(node: &NodeRef) -> String {
    node.id.filter(|_| node.name.is_empty()).map_or_else(|| node.name.clone(), |id| id.to_string())
}

pub(super) fn node(state: &State, node: &NodeRef) -> Result<Arc<Node>, String> {
    find(state, node).cloned().ok_or_else(|| Named::Node(&called(node)).missing())
}

pub(super) fn service(state: &State, node: &NodeName, id: &str) -> Result<Arc<Service>, String> {
    state.services.at(&fold(node.as_str()), id).cloned().ok_or_else(|| Named::Service(id, node).missing())
}

pub(super) fn check(state: &State, node: &NodeName, id: &str) -> Result<Arc<Check>, String> {
    state.checks.get(node.as_str(), id).cloned().ok_or_else(|| Named::Check(id, node).missing())
}

/// Deleting what is not there is done, whatever the condition.
fn judge_deletion(named: &Named<'_>, condition: Condition, existing: Option<Index>) -> Result<(), String> {
    existing.map_or(Ok(()), |index| named.judge("delete", condition, Some(index)))
}

pub(super) fn change(state: &mut State, at: Moment, op: &CatalogOp, touched: &mut Touched, rows: &mut Vec<TxnRow>) -> Result<(), String> {
    match op {
        CatalogOp::PutNode { node: spec, condition } => {
            let named = NodeRef { id: spec.id, name: spec.name.as_str().to_owned() };
            Named::Node(&named.name).judge("set", *condition, find(state, &named).map(|row| row.modify_index))?;
            Change::new(state, at, touched).put_node(spec)?;
            rows.push(TxnRow::Node(node(state, &NodeRef { id: None, ..named })?));
        }
        CatalogOp::DeleteNode { node, condition } => {
            let Some(row) = find(state, node).cloned() else { return Ok(()) };
            judge_deletion(&Named::Node(row.spec.name.as_str()), *condition, Some(row.modify_index))?;
            Change::new(state, at, touched).deregister_node(&row.spec.name, None);
        }
        CatalogOp::PutService { node, service: spec, condition } => {
            let existing = state.services.at(&fold(node.as_str()), &spec.id).map(|row| row.modify_index());
            Named::Service(&spec.id, node).judge("set", *condition, existing)?;
            Change::new(state, at, touched).put_service_on(node, spec)?;
            rows.push(TxnRow::Service(service(state, node, &spec.id)?));
        }
        CatalogOp::DeleteService { node, service, condition } => {
            let existing = state.services.at(&fold(node.as_str()), service).map(|row| row.modify_index());
            judge_deletion(&Named::Service(service, node), *condition, existing)?;
            Change::new(state, at, touched).deregister_service(node, service);
        }
        CatalogOp::PutCheck { node, check: spec, condition } => {
            let existing = state.checks.get(node.as_str(), &spec.id).map(|row| row.modify_index());
            Named::Check(&spec.id, node).judge("set", *condition, existing)?;
            Change::new(state, at, touched).put_check_on(node, spec)?;
            rows.push(TxnRow::Check(check(state, node, &spec.id)?));
        }
        CatalogOp::DeleteCheck { node, check, condition } => {
            let existing = state.checks.get(node.as_str(), check).map(|row| row.modify_index());
            judge_deletion(&Named::Check(check, node), *condition, existing)?;
            Change::new(state, at, touched).deregister_check(node, check);
        }
    }
    Ok(())
}
