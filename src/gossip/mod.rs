//! Floor 1: who is in the pool and who answers. SWIM (Das et al. 2002) with Lifeguard (Dadgar et al. 2017), as a machine without IO.
//!
//! [`Gossip`] takes datagrams, stream frames and requests, and says what to send, dial and tell. The driver is `server/gossip/`.

mod awareness;
mod broadcasts;
mod depart;
mod envelope;
pub mod frame;
mod hash;
mod intents;
mod lamport;
mod machine;
mod member;
mod merge;
mod order;
mod own;
pub mod packet;
mod position;
mod probe;
mod question;
mod recent;
mod rejoin;
mod relay;
mod row;
mod spread;
mod stats;
mod suspicion;
mod sync;
mod table;
#[cfg(test)]
mod tests;
mod user_event;
mod vivaldi;
mod words;

pub use envelope::EnvelopeError;
pub use machine::{Clocks, Gossip, Homecoming, Input, Output, Prune, Setup, StreamEvent, StreamId};
pub use member::{Conflict, Doubt, Event, EventKind, MAX_TAG_BYTES, Member, MemberStatus, Profile, Refusal, Tags, TagsError, Versions};
pub use order::{Brief, MAX_AFTER};
pub use position::Position;
pub use question::{Ask, Question, Saying, Tally, Word};
pub use stats::Stats;
pub use sync::MAX_FRAMES_AT_ONCE;
pub use table::MAX_MEMBERS;
pub use user_event::{MAX_SAID, Scope, UserEvent};
