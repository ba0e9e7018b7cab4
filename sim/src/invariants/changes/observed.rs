//! What can be seen of changes and snapshots from outside, and what the servers' logs say of them.

use crate::checker::Nanos;
use crate::invariants::End;
use crate::invariants::board::Board;
use crate::invariants::observation::{Applied, Malformed};
use crate::world::Who;
use muster::model::{Index, SessionId};
use std::collections::BTreeMap;

/// Everything that was seen of changes and snapshots in a run.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Streams that were followed, each follower's in their order.
    pub streams: Vec<Heard>,
    /// Indexes that followers named to go on behind.
    pub named: Vec<Named>,
    /// What was read anew after a gap.
    pub anew: Vec<Anew>,
    /// Transactions that read several keys.
    pub looks: Vec<Looked>,
    /// Archives that were fetched.
    pub saved: Vec<Saved>,
    /// Archives that were sent to be restored.
    pub restored: Vec<Restored>,
    /// What each server had at the end.
    pub ends: Vec<End>,
    /// What the servers applied.
    pub applied: Vec<Applied>,
    /// Answers that make no sense.
    pub malformed: Vec<Malformed>,
    /// From when on nothing is broken any more.
    pub calm_from: Nanos,
    /// When the run ended.
    pub end: Nanos,
}

/// What one follower heard over one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Its number.
    pub follower: u64,
    /// Whom it asked.
    pub asked: Who,
    /// Text that the keys begin with.
    pub prefix: String,
    /// Where it stood: the index it named, or the one it was told.
    pub from: Index,
    /// What it heard, and when.
    pub told: Vec<(Nanos, Told)>,
    /// Since when nothing was said any more, if it stopped listening because of that.
    pub silent: Option<Nanos>,
    /// When it stopped listening.
    pub until: Nanos,
}

/// An index that a follower named, and whether it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// The index.
    pub index: Index,
    /// Whether whoever answers has to be current.
    pub freshness: Freshness,
    /// When it was sent.
    pub invoked: Nanos,
    /// When it was answered.
    pub returned: Nanos,
    /// What the answer was.
    pub answer: Answer,
}

/// What became of an index that a follower named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It hears what comes behind it.
    Taken,
    /// Nobody has reached it.
    Refused,
}

/// A piece of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// What one command changed.
    Change {
        /// The event's id.
        id: Index,
        /// The index it says.
        index: Index,
        /// Keys, with what they hold since.
        rows: BTreeMap<String, Option<Shown>>,
    },
    /// A sign of life: everything up to there was told.
    Alive {
        /// Up to where.
        id: Index,
    },
    /// What comes next is not remembered any more.
    Gap {
        /// The event's id.
        id: Index,
        /// From where on everything is remembered.
        oldest: Index,
        /// Where to go on.
        resume: Index,
    },
}

/// A key as answers show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its value.
    pub value: String,
    /// The client's own bits.
    pub flags: u64,
    /// `CreateIndex`.
    pub create: Index,
    /// `ModifyIndex`.
    pub modify: Index,
    /// `LockIndex`.
    pub locks: u64,
    /// Who has locked it.
    pub session: Option<SessionId>,
}

/// All keys of a follower, read because it was told of a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anew {
    /// Text that the keys begin with.
    pub prefix: String,
    /// Where the follower goes on.
    pub resume: Index,
    /// What there was.
    pub rows: BTreeMap<String, Shown>,
    /// When it was answered.
    pub returned: Nanos,
}

/// Several keys as one transaction read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// When it was sent.
    pub invoked: Nanos,
    /// When it was answered.
    pub returned: Nanos,
    /// The keys, each with its value and version; `None`: no such key.
    pub rows: Vec<(String, Option<(String, Index)>)>,
}

/// Whether an archive had to be fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It holds everything acknowledged before.
    Current,
    /// It holds what a server happened to have.
    Stale,
}

/// An archive that was fetched whole.
#[derive(Debug, Clone)]
pub struct Saved {
    /// When it was asked for.
    pub invoked: Nanos,
    /// When it was there.
    pub returned: Nanos,
    /// What was asked for.
    pub freshness: Freshness,
    /// The index it says it is of.
    pub index: Index,
    /// Digest of the state in it.
    pub state: u128,
    /// What is in it of keys and sessions.
    pub board: Board,
}

/// What a program was told of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is in place.
    Done,
    /// It was refused.
    Refused,
    /// Nothing: it may be, or become so.
    Unknown,
}

/// An archive that was sent to be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Digest of the state in it; `None` if the archive was damaged on purpose.
    pub state: Option<u128>,
    /// When it was sent.
    pub invoked: Nanos,
    /// When it was answered, or given up.
    pub over: Nanos,
    /// What the answer was.
    pub fate: Fate,
}
