//! What is registered on this agent, and what is done to it. The truth about the agent's own node: the catalog follows.
//!
//! [`Local`] is pure: each call says in its [`Effects`] what is to be written, what the machine of checks is told and what the catalog may have wrong. Cloning it is cheap, so
//! a driver changes a copy, writes the files, and takes the copy for the truth only once they are written.

mod alias;
mod catalog;
mod change;
mod effects;
mod fingerprint;
mod lint;
mod maintenance;
mod record;
mod registry;
mod reload;
mod resume;
mod rows;
mod standing;
mod state;
#[cfg(test)]
mod tests;
mod view;

pub use alias::{AliasTarget, alias_target, verdict_of_rows};
pub use catalog::kind;
pub use change::{LocalChange, LocalError, Maintenance, OtherChecks};
pub use effects::{Effects, FileChange, Folder, RecordFile, Touched};
pub use fingerprint::content_hash;
pub use lint::{Lint, lint, lint_kinds};
pub use maintenance::{NODE_MAINTENANCE, SERVICE_MAINTENANCE, is_maintenance, maintenance_of};
pub use record::{CheckState, Life, LifeSign, Record, RecordError};
pub use registry::{Local, LocalSettings, MAX_CHECKS, MAX_SERVICES};
pub use rows::{check_row, service_row};
pub use standing::Standing;
pub use state::FRESH;
pub use view::{Embedding, LocalCheck, LocalService, LocalView, Origin};
