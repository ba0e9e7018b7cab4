//! Transactions: operations done in order, all or none, in one entry of the log.

mod catalog;
mod kv;
#[cfg(test)]
mod tests;

use super::checks::{Check, CheckSpec};
use super::kv::Entry;
use super::nodes::{Node, NodeSpec};
use super::services::Service;
use super::{Condition, KvCommand, Moment, Reply, State};
use crate::model::{Index, Key, LockToken, NodeId, NodeName, ServiceSpec, SessionId, Touched};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum TxnOp {
    /// Looks, or asks that something be so.
    Read(TxnRead),
    /// Changes a key; a condition that does not hold fails the transaction. Not [`KvCommand::ReapTombstones`], which is refused.
    Kv(KvCommand),
    /// Changes the catalog.
    Catalog(CatalogOp),
    /// Ends a session.
    DestroySession {
        /// Which.
        id: SessionId,
    },
    /// A change that cannot be made, whatever the state: the transaction fails, and the client hears what else is wrong with it.
    Refused {
        /// Why.
        what: String,
    },
}

/// An operation on the catalog; a condition that does not hold fails the transaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum CatalogOp {
    /// Creates or updates a node.
    PutNode {
        /// What it is to be.
        node: NodeSpec,
        /// Only then.
        condition: Condition,
    },
    /// Removes a node with all that belongs to it.
    DeleteNode {
        /// Which.
        node: NodeRef,
        /// Only then.
        condition: Condition,
    },
    /// Creates or updates an instance.
    PutService {
        /// On which node, which must be there.
        node: NodeName,
        /// What it is to be.
        service: ServiceSpec,
        /// Only then.
        condition: Condition,
    },
    /// Removes an instance with its checks.
    DeleteService {
        /// On which node.
        node: NodeName,
        /// Its id.
        service: String,
        /// Only then.
        condition: Condition,
    },
    /// Creates or updates a check.
    PutCheck {
        /// On which node, which must be there.
        node: NodeName,
        /// What it is to be; its instance must be there.
        check: CheckSpec,
        /// Only then.
        condition: Condition,
    },
    /// Removes a check.
    DeleteCheck {
        /// On which node.
        node: NodeName,
        /// Its id.
        check: String,
        /// Only then.
        condition: Condition,
    },
}

/// An operation that changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TxnRead {
    /// A key, which must be there.
    Get {
        /// Which.
        key: Key,
    },
    /// A key; one that is not there is answered without a value.
    GetOrEmpty {
        /// Which.
        key: Key,
    },
    /// Every key with this prefix.
    GetTree {
        /// Text that the keys begin with.
        prefix: Key,
    },
    /// That a key was last changed at this index.
    CheckIndex {
        /// Which.
        key: Key,
        /// The index.
        index: Index,
    },
    /// That a key is locked by this session.
    CheckSession {
        /// Which.
        key: Key,
        /// The session, as it was sent; empty asks that nobody hold it.
        session: String,
    },
    /// That a key is not there.
    CheckNotExists {
        /// Which.
        key: Key,
    },
    /// That a lock is held still.
    CheckToken {
        /// The lock's token.
        token: LockToken,
    },
    /// A node, which must be there.
    Node {
        /// Which.
        node: NodeRef,
    },
    /// An instance, which must be there.
    Service {
        /// On which node.
        node: NodeName,
        /// Its id.
        service: String,
    },
    /// A check, which must be there.
    Check {
        /// On which node.
        node: NodeName,
        /// Its id.
        check: String,
    },
    /// What cannot be done, whatever the state, as [`TxnOp::Refused`].
    Refused {
        /// Why.
        what: String,
    },
}

/// A node by its id, or else by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeRef {
    /// Its id, if it was given.
    pub id: Option<NodeId>,
    /// Its name, compared without case; may be empty if there is an id.
    pub name: String,
}

/// What came of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TxnReply {
    /// All was done: what was looked at and written, in order. Deletions and demands leave no row.
    Done(Vec<TxnRow>),
    /// Nothing was done: which operations failed, and why.
    Failed(Vec<TxnError>),
}

/// One row of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TxnRow {
    /// A key; one that was written has no value here.
    Entry(Arc<Entry>),
    /// A node.
    Node(Arc<Node>),
    /// An instance.
    Service(Arc<Service>),
    /// A check.
    Check(Arc<Check>),
}

/// Why an operation failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxnError {
    /// Its place in the transaction, from 0.
    pub op: u32,
    /// For the client.
    pub what: String,
}

/// Does all of it or nothing. The tables are persistent, so what was is kept for the price of a few counts, and put back if an operation fails.
pub(super) fn apply(state: &mut State, at: Moment, ops: &[TxnOp], touched: &mut Touched) -> Reply {
    let before = state.clone();
    let reply = run(ops, |op, rows| step(state, at, op, touched, rows));
    if matches!(reply, TxnReply::Failed(_)) {
        *state = before;
        *touched = Touched::default();
    }
    Reply::Txn(reply)
}

/// Answers operations that change nothing from a view.
pub fn read(state: &State, ops: &[TxnRead]) -> TxnReply {
    run(ops, |op, rows| look(state, op, rows))
}

/// Runs every operation, also behind one that failed, so that the client hears of all that is wrong.
fn run<T>(ops: &[T], mut step: impl FnMut(&T, &mut Vec<TxnRow>) -> Result<(), String>) -> TxnReply {
    let (mut rows, mut errors) = (Vec::with_capacity(ops.len()), Vec::new());
    for (place, op) in (0..).zip(ops) {
        if let Err(what) = step(op, &mut rows) {
            errors.push(TxnError { op: place, what });
        }
    }
    if errors.is_empty() { TxnReply::Done(rows) } else { TxnReply::Failed(errors) }
}

fn step(state: &mut State, at: Moment, op: &TxnOp, touched: &mut Touched, rows: &mut Vec<TxnRow>) -> Result<(), String> {
    match op {
        TxnOp::Read(op) => look(state, op, rows),
        TxnOp::Kv(command) => kv::change(state, at, command, touched, rows),
        TxnOp::Catalog(op) => catalog::change(state, at, op, touched, rows),
        TxnOp::DestroySession { id } => {
            super::sessions::end(state, at, *id, touched);
            Ok(())
        }
        TxnOp::Refused { what } => Err(what.clone()),
    }
}

fn look(state: &State, op: &TxnRead, rows: &mut Vec<TxnRow>) -> Result<(), String> {
    match op {
        TxnRead::Get { key } => rows.push(TxnRow::Entry(kv::entry(state.kv(), key)?)),
        TxnRead::GetOrEmpty { key } => rows.push(TxnRow::Entry(kv::entry(state.kv(), key).unwrap_or_else(|_| kv::nothing(key)))),
        TxnRead::GetTree { prefix } => rows.extend(state.kv().below(prefix).cloned().map(TxnRow::Entry)),
        TxnRead::CheckIndex { key, index } => kv::check_index(state.kv(), key, *index)?,
        TxnRead::CheckSession { key, session } => kv::check_session(state.kv(), key, session)?,
        TxnRead::CheckNotExists { key } => kv::check_absent(state.kv(), key)?,
        TxnRead::CheckToken { token } => state.kv().check_token(token).map_err(|lost| lost.to_string())?,
        TxnRead::Node { node } => rows.push(TxnRow::Node(catalog::node(state, node)?)),
        TxnRead::Service { node, service } => rows.push(TxnRow::Service(catalog::service(state, node, service)?)),
        TxnRead::Check { node, check } => rows.push(TxnRow::Check(catalog::check(state, node, check)?)),
        TxnRead::Refused { what } => return Err(what.clone()),
    }
    Ok(())
}
