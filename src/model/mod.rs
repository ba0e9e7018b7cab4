//! Floor 0: what every other floor speaks of. No IO, no clock, no chance.

pub mod codec;
mod coordinate;
mod definition;
pub mod duration;
mod ids;
mod key;
mod machine;
mod pairs;
mod quote;
mod service;
mod status;
mod time;
mod token;
mod topic;

pub use coordinate::{Coordinate, CoordinateError, DIMENSIONS};
pub use definition::{
    CheckDefinition, HttpExpectation, HttpProbe, NativeProbe, Probe, Protocol, Redirects, ServiceDefinition, Thresholds, TlsProbe, Tree,
    Trust, VerdictSource,
};
pub use ids::{Datacenter, IdError, Index, NodeId, NodeName, SessionId};
pub use key::{Key, octets};
pub use machine::{Deadline, Machine};
pub use pairs::Pairs;
pub use quote::quote;
pub use service::{Mesh, ServiceAddress, ServiceSpec, TagAuthority, Weights};
pub use status::{CatalogStatus, CheckStatus};
pub use time::{Instant, Timestamp};
pub use token::LockToken;
pub use topic::{Table, Topic, Touched};
