//! The registry, asked and told.

mod aliases;
mod lints;
mod random;
mod registering;
mod reloading;
mod resuming;
pub(in crate::agent::local) mod world;
