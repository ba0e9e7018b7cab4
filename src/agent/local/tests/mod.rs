//! The registry, asked and told.

pub(in crate::agent::local) mod world;
