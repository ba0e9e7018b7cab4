//! Who is in the pool, as the rest of the agent sees it.

use crate::model::{Datacenter, NodeId, NodeName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// Most bytes of tags a member may have, keys and values together: with its name they must fit in one datagram.
pub const MAX_TAG_BYTES: usize = 640;

/// Key/value pairs of a member (`role`, `dc`, `id`, `port`, ...), gossiped with it. At most [`MAX_TAG_BYTES`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
pub struct Tags(BTreeMap<String, String>);

/// Too many bytes of tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("tags take {bytes} bytes, keys and values together; the limit is {MAX_TAG_BYTES}")]
pub struct TagsError {
    /// Bytes of keys and values.
    pub bytes: usize,
}

impl Tags {
    /// Takes the pairs if they are short enough.
    pub fn parse(pairs: BTreeMap<String, String>) -> Result<Tags, TagsError> {
        let bytes = pairs.iter().map(|(key, value)| key.len() + value.len()).sum();
        if bytes > MAX_TAG_BYTES { Err(TagsError { bytes }) } else { Ok(Tags(pairs)) }
    }

    /// One tag, or nothing.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// All pairs, by key.
    pub fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

impl TryFrom<BTreeMap<String, String>> for Tags {
    type Error = TagsError;
    fn try_from(pairs: BTreeMap<String, String>) -> Result<Tags, TagsError> {
        Tags::parse(pairs)
    }
}

impl From<Tags> for BTreeMap<String, String> {
    fn from(tags: Tags) -> BTreeMap<String, String> {
        tags.0
    }
}

/// Versions of the gossip protocol a member speaks. Two members understand one another when their ranges meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// Oldest understood.
    pub min: u8,
    /// Newest understood.
    pub max: u8,
}

impl Versions {
    /// What this release speaks. Version 2 brought events, questions and coordinates, version 3 the order of events; versions 1 and 2 were in no
    /// release.
    pub const OURS: Versions = Versions { min: 3, max: 3 };

    /// The newest version both sides speak, if there is one.
    pub fn newest_shared(self, other: Versions) -> Option<u8> {
        let version = self.max.min(other.max);
        (version >= self.min && version >= other.min).then_some(version)
    }
}

/// What a member says of itself: only it may change this, under a higher incarnation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Unique in the pool.
    pub name: NodeName,
    /// Where its gossip is reached, UDP and TCP.
    pub addr: SocketAddr,
    /// See [`Tags`].
    pub tags: Tags,
    /// See [`Versions`].
    pub versions: Versions,
}

impl Profile {
    /// The node's id, from tag `id`.
    pub fn id(&self) -> Option<NodeId> {
        NodeId::parse(self.tags.get("id")?).ok()
    }

    /// The member's datacenter, from tag `dc`.
    pub fn datacenter(&self) -> Option<Datacenter> {
        Datacenter::parse(self.tags.get("dc")?).ok()
    }

    /// Whether both speak from one place: two living processes cannot share an address, so the later one has followed the earlier.
    pub fn same_place(&self, other: &Profile) -> bool {
        self.name == other.name && self.addr == other.addr
    }
}

/// What a member is to its pool. The numbers are Consul's (`Status` in `/v1/agent/members`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum MemberStatus {
    /// Nothing known.
    None = 0,
    /// It answers, or is only suspected not to.
    Alive = 1,
    /// It announced that it goes.
    Leaving = 2,
    /// It went in order, or an operator declared it gone.
    Left = 3,
    /// It was found dead.
    Failed = 4,
}

impl MemberStatus {
    /// Consul's number.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// Consul's word, as `members` prints it.
impl fmt::Display for MemberStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MemberStatus::None => "none",
            MemberStatus::Alive => "alive",
            MemberStatus::Leaving => "leaving",
            MemberStatus::Left => "left",
            MemberStatus::Failed => "failed",
        })
    }
}

/// Whether a member that counts as alive answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// Nobody doubts it (or it is known to be gone).
    Trusted,
    /// Somebody could not reach it; it may still refute.
    Suspected,
}

/// One member as this agent knows it. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What it says of itself.
    pub profile: Arc<Profile>,
    /// What it is to the pool.
    pub status: MemberStatus,
    /// Whether it is suspected.
    pub doubt: Doubt,
    /// Its own count of how often it had to speak up for itself.
    pub incarnation: u64,
}

impl Member {
    /// The member's name.
    pub fn name(&self) -> &NodeName {
        &self.profile.name
    }

    /// Where its gossip is reached.
    pub fn addr(&self) -> SocketAddr {
        self.profile.addr
    }

    /// Its tags.
    pub fn tags(&self) -> &Tags {
        &self.profile.tags
    }

    /// One tag, or nothing.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.profile.tags.get(key)
    }
}

/// Something changed in the pool, as seen by this agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The member after it happened.
    pub member: Member,
    /// Whose word it rests on: accusers of a failed member, who forced a leave; empty when the member spoke for itself.
    pub by: Vec<NodeName>,
}

/// What can happen to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// It is alive, and was unknown, failed or left before.
    Joined,
    /// Its tags or address changed, or it revoked a leave.
    Updated,
    /// It announced that it goes.
    Leaving,
    /// It went.
    Left,
    /// It was found dead.
    Failed,
    /// It was failed or left for so long, or pruned, that it is forgotten.
    Reaped,
}

/// Two processes claim what must be unique. The older one stays; the newcomer is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// One name, two processes.
    #[error("node name {name} is taken: {holder} holds it and {claimant} claims it; give one of them another name")]
    Name {
        /// The name.
        name: NodeName,
        /// The address known first.
        holder: SocketAddr,
        /// The address that is refused.
        claimant: SocketAddr,
    },
    /// One node id, two names.
    #[error(
        "Member '{claimant}' has conflicting node ID '{id}' with member '{holder}': remove node-id from one data directory and restart it"
    )]
    Id {
        /// The id.
        id: NodeId,
        /// The name known first.
        holder: NodeName,
        /// The name that is refused.
        claimant: NodeName,
    },
}

/// Why a member is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It belongs to another datacenter.
    #[error("Member '{name}' part of wrong datacenter '{datacenter}'")]
    Datacenter {
        /// Who.
        name: NodeName,
        /// Its datacenter, as it says.
        datacenter: String,
    },
    /// Its protocol versions and ours do not meet.
    #[error("Member '{name}' speaks gossip versions {min} to {max}, this agent {} to {}", Versions::OURS.min, Versions::OURS.max)]
    Versions {
        /// Who.
        name: NodeName,
        /// Oldest it speaks.
        min: u8,
        /// Newest it speaks.
        max: u8,
    },
    /// It claims an address nobody can be reached at.
    #[error("Member '{name}' gives {addr} as its address, where nobody can be reached")]
    Address {
        /// Who.
        name: NodeName,
        /// The address it gives.
        addr: SocketAddr,
    },
    /// See [`Conflict`].
    #[error(transparent)]
    Conflict(#[from] Conflict),
}

#[cfg(test)]
mod tests {
    use super::{MemberStatus, Versions};

    #[test]
    fn versions_meet_at_the_newest_both_speak() {
        let old = Versions { min: 1, max: 2 };
        assert_eq!(old.newest_shared(Versions { min: 2, max: 5 }), Some(2));
        assert_eq!(Versions { min: 3, max: 5 }.newest_shared(old), None);
        assert_eq!(old.newest_shared(Versions { min: 3, max: 5 }), None);
    }

    #[test]
    fn statuses_have_consuls_numbers() {
        let all = [MemberStatus::None, MemberStatus::Alive, MemberStatus::Leaving, MemberStatus::Left, MemberStatus::Failed];
        assert_eq!(all.map(MemberStatus::code), [0, 1, 2, 3, 4]);
    }
}
