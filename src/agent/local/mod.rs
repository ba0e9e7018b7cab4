//! What is registered on this agent, and what is done to it. The truth about the agent's own node: the catalog follows.

mod change;
mod view;

pub use change::{LocalChange, LocalError, Maintenance, OtherChecks};
pub use view::{LocalCheck, LocalService, LocalView, Origin};
