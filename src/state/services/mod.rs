//! The catalog's service instances.

mod row;

pub(crate) use row::{Label, ServiceShape};
pub use row::{Service, TaggedAddress};
