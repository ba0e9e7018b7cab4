//! Floor 0: what every other floor speaks of. No IO, no clock, no chance.

pub mod codec;
mod ids;
mod machine;
mod time;

pub use ids::{Datacenter, IdError, Index, NodeId, NodeName};
pub use machine::{Deadline, Machine};
pub use time::{Instant, Timestamp};
