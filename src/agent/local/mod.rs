//! What is registered on this agent, and what is done to it. The truth about the agent's own node: the catalog follows.

mod change;
mod rows;
mod standing;
mod view;

pub use change::{LocalChange, LocalError, Maintenance, OtherChecks};
pub use rows::{check_row, check_spec, content_hash, kind, service_row};
pub use standing::{NODE_MAINTENANCE, SERVICE_MAINTENANCE, Standing};
pub use view::{LocalCheck, LocalService, LocalView, Origin};
