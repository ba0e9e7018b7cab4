//! The catalog follows the agent: what is registered here is written there, and what is not is removed, as a machine without IO.
//!
//! A change of a registration or of a check's status is written at once; everything is compared now and then, so that whatever was lost or done
//! by hand is put right (a full sync).

mod words;

pub use words::{Fetch, Input, Outcome, Output, Setup, Subject, Write};

/// The most writes under way at once.
pub const MAX_UNDER_WAY: usize = 8;
