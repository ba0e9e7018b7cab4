//! The numbers of the procedures that servers call on one another for Raft. Those of other rooms begin at 100.

use crate::rpc::Method;

/// Append entries, or none: a heartbeat (Raft, section 5.3).
pub const APPEND: Method = Method(1);
/// Ask for a vote (Raft, section 5.2).
pub const VOTE: Method = Method(2);
/// Ask whether a vote would be given (Ongaro's dissertation, section 9.6).
pub const PRE_VOTE: Method = Method(3);
/// A part of a snapshot (Raft, section 7).
pub const SNAPSHOT: Method = Method(4);
/// The leader asks for its succession (Ongaro's dissertation, section 3.10).
pub const TRANSFER: Method = Method(5);
