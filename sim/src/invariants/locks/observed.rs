//! What can be seen of locks and sessions from outside, and what the servers' logs say of them.

use crate::checker::Nanos;
use crate::fault::Struck;
use crate::invariants::End;
use crate::invariants::observation::{Applied, Malformed, RoleChange};
use muster::model::{Index, Key, LockToken, SessionId};
use std::time::Duration;

/// Everything that was seen of coordination in a run.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Sessions that were created and acknowledged.
    pub sessions: Vec<Created>,
    /// Signs of life, each as its session's program sent it.
    pub renewals: Vec<Renewal>,
    /// Locks that were taken and seen held.
    pub taken: Vec<Taken>,
    /// Writes that carried a token.
    pub fenced: Vec<Fenced>,
    /// Questions whether a token still holds that were answered.
    pub verified: Vec<Verified>,
    /// Reads of keys that are only ever written together.
    pub tuples: Vec<Tuple>,
    /// Signs of life of keys with a TTL.
    pub signs: Vec<Sign>,
    /// What the servers applied.
    pub applied: Vec<Applied>,
    /// What each server had at the end.
    pub ends: Vec<End>,
    /// Who led when.
    pub roles: Vec<RoleChange>,
    /// What went wrong on purpose.
    pub struck: Vec<Struck>,
    /// Answers that make no sense.
    pub malformed: Vec<Malformed>,
    /// When the run ended.
    pub end: Nanos,
}

/// A session that was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Created {
    /// Which.
    pub session: SessionId,
    /// Its TTL.
    pub ttl: Duration,
    /// When it was asked for.
    pub invoked: Nanos,
}

/// A sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// Whose.
    pub session: SessionId,
    /// When it was sent.
    pub invoked: Nanos,
    /// When it was answered, or given up.
    pub over: Nanos,
    /// What the answer was.
    pub told: Told,
}

/// What a program was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It is done.
    Done,
    /// It was refused, since the session or the lock is gone.
    Lost,
    /// Nothing: it may have been done, or may be done later.
    Unknown,
}

/// A lock that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The lock's token.
    pub token: LockToken,
    /// When its holder had the answer that says so.
    pub returned: Nanos,
}

/// A write that carried a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fenced {
    /// The token.
    pub token: LockToken,
    /// What was written; never written otherwise.
    pub value: String,
    /// When it was sent.
    pub invoked: Nanos,
    /// What the answer was.
    pub told: Told,
}

/// An answered question whether a token holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The token.
    pub token: LockToken,
    /// When it was asked.
    pub invoked: Nanos,
    /// When it was answered.
    pub returned: Nanos,
    /// Whether it holds.
    pub holds: bool,
}

/// Keys that are only ever written together, as one transaction read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tuple {
    /// When it was answered.
    pub at: Nanos,
    /// How many keys were asked for.
    pub asked: usize,
    /// The value and version of each; `None`: no such key. Without keys that are not there if all below a prefix were asked for.
    pub rows: Vec<Option<(String, Index)>>,
}

/// A sign that a key with a TTL is to live on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// Which key. It has but one program that writes it.
    pub key: Key,
    /// Its TTL.
    pub ttl: Duration,
    /// What was written, which is never written again; `None`: its time was to begin anew, no more.
    pub value: Option<String>,
    /// When it was sent.
    pub invoked: Nanos,
    /// When it was answered, or given up.
    pub over: Nanos,
    /// What the answer was; [`Told::Lost`]: there is no such key, or it has no TTL.
    pub told: Told,
}
