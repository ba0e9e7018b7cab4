//! What makes one answer of a view into a later one.

use super::edit::{self, Edit, Script, ServiceName};
use super::{Malformed, VERSION};
use crate::agent::query::{Answer, Instance, Rows};
use crate::model::codec::{self, CodecError};
use crate::state::Marks;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};

/// What makes one answer of a view into a later one, or out of nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// How current the later answer is.
    marks: Marks,
    /// What the edits are about.
    base: Base,
    edits: Edits,
}

/// What a delta is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Base {
    /// No rows at all: it is a snapshot.
    Nothing,
    /// The rows the subscriber holds.
    Held,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Edits {
    Instances(Vec<Edit<Instance>>),
    Names(Vec<Edit<ServiceName>>),
}

/// The rows a subscriber holds of a view, told by digests: what it needs to go on elsewhere with what it has.
///
/// The server it comes to need not know its past. A row with the same digest is the same row in every field, however old and whatever became of
/// the cluster meanwhile, so whatever the server does not find among the digests is sent, and whatever it does not have is dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Drawn anew each time: nobody can make two rows of one digest beforehand.
    salt: u64,
    /// One for each row, in order.
    rows: Vec<u64>,
}

/// The rows of an answer of a kind that views have.
enum Listed<'a> {
    Instances(&'a [Instance]),
    Names(&'a [ServiceName]),
}

impl Listed<'_> {
    fn of(rows: &Rows) -> Option<Listed<'_>> {
        match rows {
            Rows::Instances(rows) => Some(Listed::Instances(rows)),
            Rows::ServiceNames(rows) => Some(Listed::Names(rows)),
            Rows::Entry(_)
            | Rows::Entries(_)
            | Rows::Keys(_)
            | Rows::Nodes(_)
            | Rows::Checks(_)
            | Rows::NodeServices(_)
            | Rows::WholeNode(_)
            | Rows::WholeNodes(_)
            | Rows::Absent
            | Rows::Sessions(_)
            | Rows::Txn(_)
            | Rows::Changes { .. }
            | Rows::OutsideWindow(_)
            | Rows::PreparedQueries(_)
            | Rows::Executed(_)
            | Rows::Explained(_)
            | Rows::Autopilot(_) => None,
        }
    }

    fn len(&self) -> usize {
        match self {
            Listed::Instances(rows) => rows.len(),
            Listed::Names(rows) => rows.len(),
        }
    }
}

impl Holding {
    /// The digests of an answer's rows.
    pub(super) fn of(salt: u64, answer: &Answer) -> Holding {
        let rows = match Listed::of(&answer.rows) {
            Some(Listed::Instances(rows)) => digests(salt, rows),
            Some(Listed::Names(rows)) => digests(salt, rows),
            None => Vec::new(),
        };
        Holding { salt, rows }
    }

    /// How many rows an answer has that a holding would tell of.
    pub(super) fn size(answer: &Answer) -> usize {
        Listed::of(&answer.rows).map_or(0, |rows| rows.len())
    }
}

impl Delta {
    /// Everything, for who has nothing; `None` if no view has rows of this kind, here and below.
    pub(super) fn whole(answer: &Answer) -> Option<Delta> {
        let edits = match Listed::of(&answer.rows)? {
            Listed::Instances(rows) => Edits::Instances(edit::between(&[], rows)),
            Listed::Names(rows) => Edits::Names(edit::between(&[], rows)),
        };
        Some(Delta { marks: answer.marks, base: Base::Nothing, edits })
    }

    /// What makes `old` into `new`.
    pub(super) fn between(old: &Answer, new: &Answer) -> Option<Delta> {
        let edits = match (Listed::of(&old.rows)?, Listed::of(&new.rows)?) {
            (Listed::Instances(old), Listed::Instances(new)) => Edits::Instances(edit::between(old, new)),
            (Listed::Names(old), Listed::Names(new)) => Edits::Names(edit::between(old, new)),
            (Listed::Instances(_), Listed::Names(_)) | (Listed::Names(_), Listed::Instances(_)) => return None,
        };
        Some(Delta { marks: new.marks, base: Base::Held, edits })
    }

    /// What makes the rows of `holding` into `new`.
    pub(super) fn resumed(holding: &Holding, new: &Answer) -> Option<Delta> {
        let edits = match Listed::of(&new.rows)? {
            Listed::Instances(rows) => Edits::Instances(found(holding, rows)),
            Listed::Names(rows) => Edits::Names(found(holding, rows)),
        };
        Some(Delta { marks: new.marks, base: Base::Held, edits })
    }

    /// Whether it makes nothing else of `old` than it is.
    pub(super) fn is_idle(&self, old: &Answer) -> bool {
        let rows = match (&self.edits, Listed::of(&old.rows)) {
            (Edits::Instances(edits), Some(Listed::Instances(rows))) => edit::is_idle(edits, rows.len()),
            (Edits::Names(edits), Some(Listed::Names(rows))) => edit::is_idle(edits, rows.len()),
            (Edits::Instances(_), Some(Listed::Names(_)) | None) | (Edits::Names(_), Some(Listed::Instances(_)) | None) => false,
        };
        rows && self.base == Base::Held && self.marks == old.marks
    }

    /// The later answer.
    ///
    /// # Errors
    /// It was not made for `old`.
    pub(super) fn apply(self, old: Option<&Answer>) -> Result<Answer, Malformed> {
        let old = match (self.base, old) {
            (Base::Nothing, _) => None,
            (Base::Held, Some(old)) => Listed::of(&old.rows),
            (Base::Held, None) => return Err(Malformed("it changes an answer that was never sent")),
        };
        let rows = match (self.edits, old) {
            (Edits::Instances(edits), None) => Rows::Instances(edit::apply(&[], edits)?),
            (Edits::Names(edits), None) => Rows::ServiceNames(edit::apply(&[], edits)?),
            (Edits::Instances(edits), Some(Listed::Instances(rows))) => Rows::Instances(edit::apply(rows, edits)?),
            (Edits::Names(edits), Some(Listed::Names(rows))) => Rows::ServiceNames(edit::apply(rows, edits)?),
            (Edits::Instances(_), Some(Listed::Names(_))) | (Edits::Names(_), Some(Listed::Instances(_))) => {
                return Err(Malformed("it is about rows of another kind"));
            }
        };
        Ok(Answer { marks: self.marks, rows })
    }

    pub(super) fn encode(&self) -> Bytes {
        let mut out = Vec::new();
        codec::encode_compact_into(&mut out, VERSION, self);
        out.into()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Delta, CodecError> {
        codec::decode_compact("delta of a view", VERSION, bytes)
    }
}

fn digests<T: Serialize>(salt: u64, rows: &[T]) -> Vec<u64> {
    let mut scratch = Vec::new();
    rows.iter().map(|row| digest(salt, row, &mut scratch)).collect()
}

/// Two releases may differ in how they digest: then nothing matches, and everything is sent.
fn digest<T: Serialize>(salt: u64, row: &T, scratch: &mut Vec<u8>) -> u64 {
    scratch.clear();
    codec::encode_compact_into(scratch, VERSION, row);
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(salt);
    hasher.write(scratch);
    hasher.finish()
}

/// A script that keeps every row of `holding` that `rows` still has.
fn found<T: edit::Row>(holding: &Holding, rows: &[T]) -> Vec<Edit<T>> {
    let mut places: BTreeMap<u64, usize> = BTreeMap::new();
    // Of rows that repeat, the first: any will do.
    for (place, digest) in holding.rows.iter().enumerate().rev() {
        places.insert(*digest, place);
    }
    let (mut script, mut at, mut scratch) = (Script::new(), 0, Vec::new());
    for row in rows {
        match places.get(&digest(holding.salt, row, &mut scratch)) {
            Some(&place) if place >= at => {
                script.skip(place - at);
                script.keep();
                at = place + 1;
            }
            Some(_) | None => script.put(row),
        }
    }
    script.skip(holding.rows.len() - at);
    script.finish()
}
