//! Views ([`crate::agent::views`]) at work: a client agent's one subscription, the subscriptions a server keeps, and the reads they answer.

mod at_hand;
mod copies;
mod driver;
mod publish;
mod read;
mod sessions;

pub(super) use at_hand::AtHand;
pub(super) use copies::Copies;
pub(super) use sessions::Sessions;
