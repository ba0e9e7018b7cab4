//! The catalog follows the agent: what is registered here is written there, and what is not is removed, as a machine without IO.
//!
//! A change of a registration or of a check's status is written at once; what a check says beside that waits a little. Everything is compared now
//! and then, so that whatever was lost, or done by hand, is put right (a full sync). What the catalog is known to hold is not written again.
//!
//! While writes fail, what failed waits for the next full sync, which is tried again every 15 to 30 seconds, and within three seconds of a server being found; only
//! what is new is tried at once, one at a time.

mod belief;
mod compare;
mod deferred;
mod due;
mod machine;
mod node;
mod order;
mod outcome;
mod pace;
mod plan;
#[cfg(test)]
mod tests;
mod words;

pub use machine::{AntiEntropy, Status};
pub use node::{node_meta, node_spec};
pub use pace::{FOUND_STAGGER, FULL_INTERVAL, RETRY_INTERVAL, full_interval};
pub use plan::{MAX_CHECKS_OF_A_WRITE, MAX_UNDER_WAY};
pub use words::{Fetch, Input, Outcome, Output, Setup, Subject, Write};

/// A registration that is made again without a change is written again if the catalog was last known to hold it this long ago: somebody may
/// have removed it there by hand.
pub const CONFIRMED: std::time::Duration = std::time::Duration::from_secs(30);

/// The service of servers. Their leader keeps it, no agent.
pub const CONSUL_SERVICE: &str = "consul";
