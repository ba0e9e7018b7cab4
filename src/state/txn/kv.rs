//! Operations on keys.

use super::TxnRow;
use crate::model::{Key, Touched, quote};
use crate::state::kv::{Bonds, Entry, Kv, LockRefused};
use crate::state::{KvCommand, Moment, Reply, State};
use std::sync::Arc;

/// A key as texts name it.
fn named(key: &[u8]) -> String {
    quote(&String::from_utf8_lossy(key))
}

pub(super) fn entry(kv: &Kv, key: &Key) -> Result<Arc<Entry>, String> {
    kv.get(key).cloned().ok_or_else(|| format!("key {} doesn't exist", named(key)))
}

/// What is answered for a key that is not there.
pub(super) fn nothing(key: &Key) -> Arc<Entry> {
    Arc::new(Entry { key: key.clone(), value: Box::default(), flags: 0, hold: None, create_index: 0, modify_index: 0 })
}

pub(super) fn check_absent(kv: &Kv, key: &Key) -> Result<(), String> {
    kv.get(key).map_or(Ok(()), |_| Err(format!("key {} exists", named(key))))
}

pub(super) fn check_index(kv: &Kv, key: &Key, index: u64) -> Result<(), String> {
    match kv.get(key).map(|entry| entry.modify_index) {
        None => Err(format!("failed to check index, key {} doesn't exist", named(key))),
        Some(current) if current != index => {
            Err(format!("failed index check for key {}, current modify index {current} != {index}", named(key)))
        }
        Some(_) => Ok(()),
    }
}

pub(super) fn check_session(kv: &Kv, key: &Key, wanted: &str) -> Result<(), String> {
    let entry = kv.get(key).ok_or_else(|| format!("failed to check session, key {} doesn't exist", named(key)))?;
    let current = entry.session().map_or_else(String::new, |session| session.to_string());
    if current.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    Err(format!("failed session check for key {}, current session {} != {}", named(key), quote(&current), quote(wanted)))
}

/// What was to be done to a key, and why it was not.
fn refused(command: &KvCommand) -> String {
    match command {
        KvCommand::Put { key, .. } | KvCommand::PutFor { key, .. } => format!("failed to set key {}, index is stale", named(key)),
        KvCommand::Delete { key, .. } => format!("failed to delete key {}, index is stale", named(key)),
        KvCommand::Unlock { key, .. } => {
            format!("failed to unlock key {}, lock isn't held, or is held by another session", named(key))
        }
        KvCommand::Lock { .. } | KvCommand::DeleteTree { .. } | KvCommand::ReapTombstones => "not an operation of a transaction".to_owned(),
    }
}

fn lock_refused(key: &[u8], refused: LockRefused) -> String {
    match refused {
        LockRefused::NoSession(_) => refused.to_string(),
        LockRefused::Held => format!("failed to lock key {}, {refused}", named(key)),
        LockRefused::Delayed => format!("failed to lock key {} {refused}", named(key)),
    }
}

pub(super) fn change(
    state: &mut State,
    at: Moment,
    command: &KvCommand,
    touched: &mut Touched,
    rows: &mut Vec<TxnRow>,
) -> Result<(), String> {
    let mut bonds = Bonds { sessions: &mut state.sessions, timers: &mut state.timers };
    if let KvCommand::Lock { key, session, .. } = command {
        state.kv.may_lock(key, *session, bonds.sessions).map_err(|why| lock_refused(key, why))?;
    }
    match state.kv.apply(at, command, &mut bonds, touched) {
        Reply::Took(true) | Reply::Locked(_) => {}
        Reply::Took(false) | Reply::Done | Reply::LockLost(_) | Reply::Txn(_) => return Err(refused(command)),
        Reply::Refused(why) => return Err(why),
    }
    match command {
        KvCommand::Put { key, .. } | KvCommand::PutFor { key, .. } | KvCommand::Lock { key, .. } | KvCommand::Unlock { key, .. } => {
            rows.extend(state.kv.get(key).map(|entry| TxnRow::Entry(without_value(entry))));
        }
        KvCommand::Delete { .. } | KvCommand::DeleteTree { .. } | KvCommand::ReapTombstones => {}
    }
    Ok(())
}

/// Whoever wrote a value has it already.
fn without_value(entry: &Entry) -> Arc<Entry> {
    let Entry { key, value: _, flags, hold, create_index, modify_index } = entry;
    Arc::new(Entry {
        key: key.clone(),
        value: Box::default(),
        flags: *flags,
        hold: hold.clone(),
        create_index: *create_index,
        modify_index: *modify_index,
    })
}
