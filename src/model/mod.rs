//! Floor 0: what every other floor speaks of. No IO, no clock, no chance.

pub mod codec;
mod ids;
mod key;
mod machine;
mod time;
mod topic;

pub use ids::{Datacenter, IdError, Index, NodeId, NodeName};
pub use key::{Key, octets};
pub use machine::{Deadline, Machine};
pub use time::{Instant, Timestamp};
pub use topic::{Table, Topic, Touched};
