//! What an agent makes of the events and questions that gossip brings: whether they concern it, and which events it remembers.

mod concern;
mod ring;

pub use concern::{Concern, ScopeError};
pub use ring::{EventRing, index_of};
