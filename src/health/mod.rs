//! Floor 1: the checks of an agent as a machine. It decides when each is run, how long it may take, what its results make of its status, when a
//! silent TTL check turns critical and when a service that stays critical is given up. It runs nothing: a driver does, and reports.
//!
//! **After an outage of our own** (the process was frozen, or the driver was busy for more than [`STALL`]) nothing is held against a service that
//! we could not hear: runs that fell due meanwhile are spread over as long as the outage lasted, at most over their interval, instead of all
//! starting at once; a TTL that ran out meanwhile gets [`GRACE`] for the heartbeats that waited in our sockets; the failure of a run that was
//! under way is believed only when the next run fails too; and the time a service may be critical begins anew.

mod entry;
mod leaf;
mod machine;
mod output;
mod streak;
#[cfg(test)]
mod tests;
mod timers;
mod tree;
mod words;

pub use machine::{Checks, FIRST_RUN, GIVE_UP_LOOK, GRACE, SHORTEST_GIVE_UP, STALL};
pub use output::capped;
pub use tree::{MAX_TREE_DEPTH, MAX_TREE_LEAVES, TreeFault, examine};
pub use words::{CheckId, Input, Output, Run, Setup, Verdict};
