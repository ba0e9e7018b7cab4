//! The vote fence.
//!
//! A server that answered a leader has promised not to vote for another for a lease, and the leader answers reads on the strength of it. openraft
//! keeps that promise in memory, so a restart would break it. A server therefore keeps out of elections for a whole lease after it started:
//! it answers no request for a vote and does not campaign. A leader that hands over releases its voters itself.

use crate::model::Instant;
use crate::runtime::Runtime;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};

/// Keeps a server out of elections for a while after its start.
pub(super) struct Fence<R> {
    until: Instant,
    lifted: AtomicBool,
    runtime: PhantomData<R>,
}

impl<R: Runtime> Fence<R> {
    /// Stands until the clock shows `until`.
    pub(super) fn until(until: Instant) -> Fence<R> {
        Fence { until, lifted: AtomicBool::new(false), runtime: PhantomData }
    }

    /// None at all.
    pub(super) fn none() -> Fence<R> {
        Fence { until: Instant::ZERO, lifted: AtomicBool::new(true), runtime: PhantomData }
    }

    /// Whether the server keeps out of elections now.
    pub(super) fn stands(&self) -> bool {
        !self.lifted.load(Ordering::Acquire) && R::now() < self.until
    }

    /// When it ends by itself.
    pub(super) fn end(&self) -> Instant {
        self.until
    }

    /// Ends it: this server is the only voter, so there is nobody whom its promise could concern.
    pub(super) fn lift(&self) {
        self.lifted.store(true, Ordering::Release);
    }
}
