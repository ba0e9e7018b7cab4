//! A seat for whoever watches a server's log from inside: the simulator's invariants. Production has nobody in it.

use crate::model::{Index, NodeId};
use crate::state::{Reply, Stamped, State};

/// An entry that was applied.
#[derive(Debug, Clone, Copy)]
pub struct AppliedEntry<'a> {
    /// The term it was proposed in.
    pub term: u64,
    /// Its place in the log.
    pub index: Index,
    /// The command; `None` if it is a leader's first entry or a change of the configuration.
    pub command: Option<&'a Stamped>,
    /// What came of it.
    pub reply: &'a Reply,
    /// The state after it.
    pub state: &'a State,
}

/// Told what happens, as it happens; what it does must not take long.
pub trait Observer: Send + Sync {
    /// An entry was applied.
    fn applied(&self, entry: AppliedEntry<'_>);

    /// A snapshot took the place of all entries up to `index`.
    fn installed(&self, term: u64, index: Index, state: &State);

    /// This server is about to answer that it votes for `candidate` in `term`.
    fn voted(&self, term: u64, candidate: NodeId);
}
