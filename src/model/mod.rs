//! Floor 0: what every other floor speaks of. No IO, no clock, no chance.

pub mod codec;
pub mod duration;
mod ids;
mod key;
mod machine;
mod quote;
mod time;
mod topic;

pub use ids::{Datacenter, IdError, Index, NodeId, NodeName};
pub use key::{Key, octets};
pub use machine::{Deadline, Machine};
pub use quote::quote;
pub use time::{Instant, Timestamp};
pub use topic::{Table, Topic, Touched};
