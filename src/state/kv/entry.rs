//! One key with its value, and what few keys have: a lock, or a TTL.

use crate::model::{Index, Key, LockToken, SessionId};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One key with its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// Its value, exactly as long as its allocation.
    #[serde(with = "serde_bytes")]
    pub value: Box<[u8]>,
    /// The client's own 64 bits.
    pub flags: u64,
    /// Its lock and its TTL; `None` if it never had either.
    pub hold: Option<Box<Hold>>,
    /// When it came to be.
    pub create_index: Index,
    /// When it last changed.
    pub modify_index: Index,
}

/// A key's lock and TTL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// How often the key was locked since it came to be.
    pub lock_index: u64,
    /// Who holds it.
    pub session: Option<SessionId>,
    /// How long it lives after it was last written or refreshed.
    pub ttl: Option<Duration>,
}

impl Hold {
    /// As it is kept: nothing if it says nothing.
    pub(super) fn kept(self) -> Option<Box<Hold>> {
        (self != Hold::default()).then(|| Box::new(self))
    }
}

impl Entry {
    /// How often the key was locked since it came to be.
    pub fn lock_index(&self) -> u64 {
        self.hold.as_ref().map_or(0, |hold| hold.lock_index)
    }

    /// The session that holds it.
    pub fn session(&self) -> Option<SessionId> {
        self.hold.as_ref().and_then(|hold| hold.session)
    }

    /// How long it lives after it was last written or refreshed; `None` is for ever.
    pub fn ttl(&self) -> Option<Duration> {
        self.hold.as_ref().and_then(|hold| hold.ttl)
    }

    /// The fencing token of whoever holds it.
    pub fn token(&self) -> Option<LockToken> {
        let session = self.session()?;
        Some(LockToken { session, key: self.key.clone(), create_index: self.create_index, lock_index: self.lock_index() })
    }
}
