//! Floor 3: the agent as pure composition: what a question reads from a view, and what a leader owes.

pub mod antientropy;
pub mod autopilot;
pub mod events;
pub mod expiry;
pub mod local;
pub mod query;
pub mod reconcile;
pub mod views;
pub mod watches;
