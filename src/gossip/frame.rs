//! What streams carry: the fallback ping, and the sync that exchanges digests first and then only what differs.

use super::envelope;
use super::member::{Profile, Versions};
use super::order::Brief;
use super::packet::{DecodeError, check_incarnation, read};
use super::user_event::UserEvent;
use crate::model::{NodeName, codec};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Longest frame, unpacked. Longer contents are split ([`Frame::Rows`]) or cannot occur: the digests of a full table fit.
pub const MAX_FRAME: usize = 1024 * 1024;

/// One message on a stream.
///
/// A sync goes `Open`, then perhaps `Told`, then `Same` or `Refused`, or `Buckets`, `Digests`, `Rows`, `Rows`; the dialer speaks first and last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frame {
    /// Are you `to`? The way for UDP may be broken.
    Ping {
        /// Who is meant.
        to: NodeName,
    },
    /// I am.
    Ack,
    /// Let us compare.
    Open(Open),
    /// Nothing differs.
    Same,
    /// You are not let in.
    Refused {
        /// Why, for the operator.
        reason: String,
    },
    /// The fingerprints of my buckets.
    Buckets {
        /// Who answers.
        from: NodeName,
        /// One a bucket.
        sums: Vec<u64>,
    },
    /// My members of the buckets that differ.
    Digests {
        /// The differing buckets, ascending.
        buckets: Vec<BucketDigests>,
    },
    /// What you lack, and what I lack.
    Rows {
        /// Members newer here.
        rows: Vec<Row>,
        /// Name fingerprints of members newer there.
        wanted: Vec<u64>,
        /// How many more frames of rows follow.
        more: u32,
    },
    /// Before the answer to an [`Open`]: what of events the dialer does not know.
    Told(Told),
}

/// What a member knows of events, in short.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lore {
    /// Its logical time of events.
    pub events: u64,
    /// Its logical time of questions.
    pub questions: u64,
    /// Events of this time or before are nothing to it.
    pub floor: u64,
    /// Recent events it has: time, and the top of the id.
    pub held: Vec<Brief>,
}

/// What of events a peer did not know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Logical time of events here.
    pub clock: u64,
    /// Logical time of questions here.
    pub questions: u64,
    /// Recent events that it lacks, in order of time.
    pub events: Vec<Arc<UserEvent>>,
}

/// The first frame of a sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// Who dials.
    pub from: NodeName,
    /// What it speaks.
    pub versions: Versions,
    /// Itself, when it is to be let in (again).
    pub own: Option<Row>,
    /// Fingerprint of its whole table.
    pub root: u64,
    /// What it knows of events.
    pub lore: Lore,
}

/// One bucket's members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketDigests {
    /// Its number.
    pub bucket: u8,
    /// Its members, by name fingerprint.
    pub digests: Vec<Digest>,
}

/// One member in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Fingerprint of its name.
    pub name: u64,
    /// Its incarnation.
    pub incarnation: u64,
    /// Its condition without ages.
    pub mark: Mark,
    /// Fingerprint of its profile.
    pub profile: u32,
}

/// What lasts of a member's condition: suspicion does not, it ends by itself.
///
/// Conditions of one incarnation form a lattice (leaving or not, dead or not) that every member climbs the same way, whatever the
/// order in which claims arrive: left is leaving and dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Mark {
    /// Alive or suspected.
    Here,
    /// Announced that it goes.
    Leaving,
    /// Found dead.
    Failed,
    /// Both.
    Left,
}

/// One member in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// What it says of itself.
    pub profile: Arc<Profile>,
    /// At this incarnation.
    pub incarnation: u64,
    /// Its condition.
    pub mark: Mark,
    /// For how long it has been failed or left, in seconds, so that everyone forgets it at about the same time.
    pub age: u32,
}

/// Reads one frame. Never panics; bounded by [`MAX_FRAME`].
pub fn decode(bytes: &[u8]) -> Result<Frame, DecodeError> {
    let frame = envelope::unwrap(bytes, MAX_FRAME, |content| read::<Frame>("gossip frame", content))??;
    let rows = match &frame {
        Frame::Open(open) => open.own.as_slice(),
        Frame::Rows { rows, .. } => rows,
        Frame::Digests { buckets } => {
            let all = buckets.iter().flat_map(|bucket| &bucket.digests);
            all.map(|digest| digest.incarnation).try_for_each(check_incarnation)?;
            &[]
        }
        Frame::Ping { .. } | Frame::Ack | Frame::Same | Frame::Refused { .. } | Frame::Buckets { .. } | Frame::Told(_) => &[],
    };
    rows.iter().map(|row| row.incarnation).try_for_each(check_incarnation)?;
    Ok(frame)
}

/// `frame` as bytes.
pub fn encode(frame: &Frame) -> Vec<u8> {
    let mut content = Vec::new();
    codec::encode_compact_into(&mut content, Versions::OURS.max, frame);
    assert!(content.len() <= MAX_FRAME, "frames are split before they grow this long");
    envelope::wrap(&content)
}
