//! Transactions: all of it, or nothing.

use super::{Board, Expected, Row};
use muster::model::{Index, Key};
use muster::state::txn::{TxnOp, TxnRead, TxnReply, TxnRow};
use muster::state::{KvCommand, Reply};

/// What an operation comes to; `None` if this judge does not know.
type Done = Option<Result<Vec<(Key, Row)>, ()>>;

impl Board {
    pub(super) fn txn(&mut self, index: Index, ops: &[TxnOp]) -> Option<Expected> {
        let before = self.clone();
        let (mut shown, mut known, mut failed) = (Vec::new(), true, false);
        for op in ops {
            match self.operation(index, op) {
                Some(Ok(rows)) => shown.extend(rows),
                Some(Err(())) => failed = true,
                None => known = false,
            }
        }
        if failed {
            *self = before;
            return Some(Expected::Txn(None));
        }
        known.then_some(Expected::Txn(Some(shown)))
    }

    fn operation(&mut self, index: Index, op: &TxnOp) -> Done {
        match op {
            TxnOp::Kv(command) => Some(match self.kv(index, command) {
                Some(Expected::Took(true)) => Ok(self.written(command)),
                Some(Expected::Took(false) | Expected::LockLost | Expected::Refused | Expected::Txn(_)) | None => Err(()),
            }),
            TxnOp::Read(read) => self.look(read),
            TxnOp::DestroySession { id } => {
                self.end(index, *id);
                Some(Ok(Vec::new()))
            }
            TxnOp::Catalog(_) => None,
            TxnOp::Refused { .. } => Some(Err(())),
        }
    }

    /// Whoever wrote a key is shown it, but for the value.
    fn written(&self, command: &KvCommand) -> Vec<(Key, Row)> {
        match command {
            KvCommand::Put { key, .. } | KvCommand::PutFor { key, .. } | KvCommand::Lock { key, .. } | KvCommand::Unlock { key, .. } => {
                let row = self.rows.get(key).cloned().unwrap_or_default();
                vec![(key.clone(), Row { value: Vec::new(), ..row })]
            }
            KvCommand::Delete { .. } | KvCommand::DeleteTree { .. } | KvCommand::ReapTombstones => Vec::new(),
        }
    }

    fn look(&self, read: &TxnRead) -> Done {
        let demand = |holds: bool| Some(if holds { Ok(Vec::new()) } else { Err(()) });
        match read {
            TxnRead::Get { key } => Some(self.rows.get(key).map(|row| vec![(key.clone(), row.clone())]).ok_or(())),
            TxnRead::GetOrEmpty { key } => Some(Ok(vec![(key.clone(), self.rows.get(key).cloned().unwrap_or_default())])),
            TxnRead::GetTree { prefix } => {
                let below = self.rows.iter().filter(|(key, _)| key.starts_with(prefix));
                Some(Ok(below.map(|(key, row)| (key.clone(), row.clone())).collect()))
            }
            TxnRead::CheckIndex { key, index } => demand(self.rows.get(key).is_some_and(|row| row.modified == *index)),
            TxnRead::CheckNotExists { key } => demand(!self.rows.contains_key(key)),
            TxnRead::CheckToken { token } => demand(self.tokens().contains(token)),
            TxnRead::CheckSession { key, session } => {
                let holder = |row: &Row| row.holder.map_or_else(String::new, |holder| holder.to_string());
                demand(self.rows.get(key).is_some_and(|row| holder(row).eq_ignore_ascii_case(session)))
            }
            TxnRead::Node { .. } | TxnRead::Service { .. } | TxnRead::Check { .. } => None,
            TxnRead::Refused { .. } => Some(Err(())),
        }
    }
}

/// Whether a server's answer is what it has to be.
pub(super) fn is(expected: Option<&[(Key, Row)]>, reply: &Reply) -> bool {
    match (expected, reply) {
        (None, Reply::Txn(TxnReply::Failed(errors))) => !errors.is_empty(),
        (Some(expected), Reply::Txn(TxnReply::Done(rows))) => {
            rows.len() == expected.len() && rows.iter().zip(expected).all(|(row, (key, expected))| shows(row, key, expected))
        }
        (None | Some(_), _) => false,
    }
}

fn shows(row: &TxnRow, key: &Key, expected: &Row) -> bool {
    match row {
        TxnRow::Entry(entry) => entry.key == *key && super::restore::row_of(entry) == *expected,
        TxnRow::Node(_) | TxnRow::Service(_) | TxnRow::Check(_) => false,
    }
}
