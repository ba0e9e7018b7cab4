//! Locks on keys, which sessions hold, and the tokens that prove it.
//!
//! A lock is advice to those who ask for it: any client may write or delete a locked key. A plain write keeps the session and the count of locks
//! (Consul sets the count back to zero, which would let an old token count again).

use super::{Bonds, Entry, Hold, Kv, Write};
use crate::model::{Index, Key, LockToken, SessionId, Topic, Touched, quote};
use crate::state::sessions::Sessions;
use std::sync::Arc;

/// Why a lock was not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LockRefused {
    /// No such session.
    #[error("invalid session \"{0}\"")]
    NoSession(SessionId),
    /// Another session holds it.
    #[error("lock is already held")]
    Held,
    /// The session that held it was invalidated, and its lock-delay is not over.
    #[error("due to lock delay")]
    Delayed,
}

/// A token whose lock is no longer held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the lock on key {} is no longer held as the token says: {why}", quote(&String::from_utf8_lossy(key)))]
pub struct LockLost {
    key: Key,
    why: &'static str,
}

impl Kv {
    /// Whether the lock that `token` was given for is held still.
    ///
    /// # Errors
    /// It is not; the text says what became of it.
    pub fn check_token(&self, token: &LockToken) -> Result<(), LockLost> {
        token_holds(self.get(&token.key).map(|entry| &**entry), token)
    }

    /// Whether `session` would be given the lock on `key`.
    ///
    /// # Errors
    /// It would not.
    pub(in crate::state) fn may_lock(&self, key: &Key, session: SessionId, sessions: &Sessions) -> Result<(), LockRefused> {
        if sessions.get(session).is_none() {
            return Err(LockRefused::NoSession(session));
        }
        if sessions.delayed(key).is_some() {
            return Err(LockRefused::Delayed);
        }
        match self.get(key).and_then(|entry| entry.session()) {
            Some(holder) if holder != session => Err(LockRefused::Held),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn lock(
        &mut self,
        index: Index,
        write: Write<'_>,
        session: SessionId,
        bonds: &mut Bonds<'_>,
        touched: &mut Touched,
    ) -> Result<(), LockRefused> {
        self.may_lock(write.key, session, bonds.sessions)?;
        let existing = self.entries.get(write.key);
        let hold = existing.and_then(|entry| entry.hold.as_deref()).cloned().unwrap_or_default();
        let lock_index = match hold.session {
            Some(_) if existing.is_some_and(|entry| write.is_in(entry)) => return Ok(()),
            Some(_) => hold.lock_index,
            None => hold.lock_index + 1,
        };
        bonds.sessions.hold(session, write.key);
        self.put(index, write, Hold { lock_index, session: Some(session), ..hold }, bonds, touched);
        Ok(())
    }

    /// Gives a lock back and writes; whether the session held it.
    pub(super) fn unlock(
        &mut self,
        index: Index,
        write: Write<'_>,
        session: SessionId,
        bonds: &mut Bonds<'_>,
        touched: &mut Touched,
    ) -> bool {
        let hold = self.entries.get(write.key).and_then(|entry| entry.hold.as_deref()).filter(|hold| hold.session == Some(session));
        let Some(hold) = hold.cloned() else { return false };
        bonds.sessions.let_go(session, write.key);
        self.put(index, write, Hold { session: None, ..hold }, bonds, touched);
        true
    }

    /// Takes these keys from the session that held them.
    pub(in crate::state) fn release_all<'a>(&mut self, index: Index, keys: impl Iterator<Item = &'a Key>, touched: &mut Touched) {
        for key in keys {
            let Some(slot) = self.entries.get_mut(key) else { continue };
            let before = slot.clone();
            let entry = Entry::clone(slot);
            let hold = entry.hold.and_then(|hold| Hold { session: None, ..*hold }.kept());
            *slot = Arc::new(Entry { hold, modify_index: index, ..entry });
            self.history.note(index, key, Some(before), Some(slot.clone()));
            self.index = index;
            touched.add(Topic::Key(key.clone()));
        }
    }
}

/// Whether `token` is the one of the lock on `entry`, which is what its key holds.
///
/// # Errors
/// It is not; the text says what became of its lock.
pub fn token_holds(entry: Option<&Entry>, token: &LockToken) -> Result<(), LockLost> {
    let why = match entry {
        None => "the key was deleted",
        Some(entry) if entry.create_index != token.create_index => "the key was deleted and made anew",
        Some(entry) => match entry.session() {
            None => "nobody holds it",
            Some(holder) if holder != token.session => "another session holds it",
            Some(_) if entry.lock_index() != token.lock_index => "it was lost and taken again since",
            Some(_) => return Ok(()),
        },
    };
    Err(LockLost { key: token.key.clone(), why })
}
