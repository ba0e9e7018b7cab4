//! What one datagram says: at most one probe message, then rumors that ride along.

use super::envelope::{self, EnvelopeError};
use super::member::{Profile, Versions};
use super::position::Position;
use super::question::{Question, Saying};
use super::user_event::UserEvent;
use crate::model::{NodeName, codec};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::sync::Arc;

/// Longest content of a datagram, unpacked.
pub const MAX_CONTENT: usize = 64 * 1024;

/// Highest incarnation believed. Members count up from zero one refutation at a time, so a larger one is a lie.
pub const MAX_INCARNATION: u64 = 1 << 48;

/// Most rumors in one packet: their count is one byte on the wire.
pub const MAX_RUMORS: usize = 250;

/// One datagram's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet {
    /// The probe message, if it is one.
    pub head: Option<Head>,
    /// Broadcasts riding along.
    pub rumors: Vec<Rumor>,
}

/// Probing (SWIM section 4.1, nacks from Lifeguard section IV-A). Answers go to the datagram's source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Head {
    /// Are you `to`, and there? Answered by an ack.
    Ping {
        /// Repeated in the ack.
        seq: u32,
        /// Who is meant; anyone else stays silent.
        to: NodeName,
        /// Who asks; it is told what we hold against it.
        from: NodeName,
    },
    /// I am, or the one you asked me to ping is.
    Ack {
        /// The ping's.
        seq: u32,
    },
    /// The one you asked me to ping stays silent.
    Nack {
        /// The request's.
        seq: u32,
    },
    /// Ping `to` for me.
    AskPing {
        /// Repeated in the ack or nack.
        seq: u32,
        /// Whom.
        to: NodeName,
        /// Where.
        addr: SocketAddr,
    },
    /// I am, and there I lie. Only the one that was pinged says so, so that the time it took is that of one way and back.
    AckAt {
        /// The ping's.
        seq: u32,
        /// Where it lies.
        position: Position,
    },
    /// A word to a question of yours.
    Say(Saying),
    /// Pass this word on.
    Pass {
        /// To whom.
        to: NodeName,
        /// What.
        saying: Saying,
    },
}

/// One piece of news, mostly about one member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rumor {
    /// The member's own word.
    Alive(Alive),
    /// Somebody's claim about it.
    Claim(Claim),
    /// Something for everybody.
    Event(Arc<UserEvent>),
    /// A question to everybody.
    Question(Arc<Question>),
}

impl Rumor {
    /// Which member it is about, if one.
    pub fn about(&self) -> Option<&NodeName> {
        match self {
            Rumor::Alive(alive) => Some(&alive.profile.name),
            Rumor::Claim(claim) => Some(&claim.about),
            Rumor::Event(_) | Rumor::Question(_) => None,
        }
    }

    /// Logical time. News of members has none and comes before all that has one.
    pub(super) fn lamport(&self) -> u64 {
        match self {
            Rumor::Alive(_) | Rumor::Claim(_) => 0,
            Rumor::Event(event) => event.at,
            Rumor::Question(question) => question.at,
        }
    }
}

/// A member says that it is there, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alive {
    /// What it says of itself.
    pub profile: Arc<Profile>,
    /// Higher is newer.
    pub incarnation: u64,
}

/// A claim about a member at an incarnation. The member refutes it with a higher one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// What is claimed.
    pub kind: ClaimKind,
    /// The member.
    pub about: NodeName,
    /// The incarnation it speaks of.
    pub incarnation: u64,
    /// Who says so.
    pub by: NodeName,
}

/// What can be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ClaimKind {
    /// It did not answer a probe.
    Suspect,
    /// Its suspicion ran out.
    Failed,
    /// It goes. If it is found dead after that, it has left.
    Leaving,
    /// It has gone.
    Left,
    /// An operator had it forgotten.
    Pruned,
}

/// Why a datagram or frame was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The outermost layer.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The content.
    #[error(transparent)]
    Content(#[from] codec::CodecError),
    /// Of a version that is understood no more: its bytes may read as something else.
    #[error("gossip version {found} is no longer understood: the oldest is {}", Versions::OURS.min)]
    Retired {
        /// The version.
        found: u8,
    },
    /// A number no member reaches.
    #[error("incarnation {0} is beyond {MAX_INCARNATION}")]
    Incarnation(u64),
}

/// Reads one datagram. Never panics and never allocates more than [`MAX_CONTENT`] and a multiple of what is really there.
pub fn decode(datagram: &[u8]) -> Result<Packet, DecodeError> {
    let packet = envelope::unwrap(datagram, MAX_CONTENT, |content| read::<Packet>("gossip packet", content))??;
    for rumor in &packet.rumors {
        check_incarnation(match rumor {
            Rumor::Alive(alive) => alive.incarnation,
            Rumor::Claim(claim) => claim.incarnation,
            Rumor::Event(_) | Rumor::Question(_) => 0,
        })?;
    }
    Ok(packet)
}

/// Reads a packet or frame of a version that is understood.
pub(super) fn read<T: DeserializeOwned>(what: &'static str, content: &[u8]) -> Result<T, DecodeError> {
    match content.first() {
        Some(&found) if found < Versions::OURS.min => Err(DecodeError::Retired { found }),
        Some(_) | None => Ok(codec::decode_compact(what, Versions::OURS.max, content)?),
    }
}

pub(super) fn check_incarnation(incarnation: u64) -> Result<(), DecodeError> {
    if incarnation > MAX_INCARNATION { Err(DecodeError::Incarnation(incarnation)) } else { Ok(()) }
}

/// One rumor as it stands in a packet, so that it is encoded once however often it is sent.
pub(super) fn encode_rumor(rumor: &Rumor) -> Arc<[u8]> {
    let mut bytes = Vec::new();
    codec::encode_compact_into(&mut bytes, 0, rumor);
    Arc::from(&bytes[1..])
}

/// A packet in the making: head, then encoded rumors.
#[derive(Debug)]
pub(super) struct PacketBuilder {
    content: Vec<u8>,
    count_at: usize,
    headless: Headless,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Headless {
    Yes,
    No,
}

impl PacketBuilder {
    pub fn new(version: u8, head: Option<&Head>) -> PacketBuilder {
        let mut content = Vec::with_capacity(256);
        codec::encode_compact_into(&mut content, version, &head);
        let count_at = content.len();
        content.push(0);
        let headless = if head.is_none() { Headless::Yes } else { Headless::No };
        PacketBuilder { content, count_at, headless }
    }

    /// Bytes so far, envelope included.
    pub fn len(&self) -> usize {
        self.content.len() + 1
    }

    pub fn rumors(&self) -> usize {
        usize::from(self.content[self.count_at])
    }

    /// Whether nothing is in it yet.
    pub fn is_bare(&self) -> bool {
        self.headless == Headless::Yes && self.rumors() == 0
    }

    /// Appends a rumor made by [`encode_rumor`].
    pub fn push(&mut self, rumor: &[u8]) {
        assert!(self.rumors() < MAX_RUMORS, "the count is one byte");
        self.content[self.count_at] += 1;
        self.content.extend_from_slice(rumor);
    }

    pub fn finish(self) -> Vec<u8> {
        envelope::wrap(&self.content)
    }
}

/// `packet` as a datagram.
///
/// # Panics
/// If it holds more than [`MAX_RUMORS`].
pub fn encode(packet: &Packet) -> Vec<u8> {
    let mut builder = PacketBuilder::new(Versions::OURS.max, packet.head.as_ref());
    for rumor in &packet.rumors {
        builder.push(&encode_rumor(rumor));
    }
    builder.finish()
}
