//! What every deterministic machine looks like.

use super::Instant;

/// When a machine wants to be called, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// Call [`Machine::handle_timeout`] at this time or soon after.
    pub at: Instant,
    /// What falls due then, for traces.
    pub reason: &'static str,
}

/// A deterministic machine without IO: inputs and times go in, outputs come out.
///
/// A driver feeds one input, drains [`poll_output`](Machine::poll_output) until `None`, then sleeps until
/// [`poll_timeout`](Machine::poll_timeout) or the next input. The same inputs at the same times give the same outputs. The laws in
/// `tests/machine_laws.rs` hold for every machine.
pub trait Machine {
    /// What can happen to it.
    type Input;
    /// What it decides.
    type Output;

    /// Takes one input. Panics if the outputs of the last call were not drained: that is a driver's bug.
    fn handle(&mut self, now: Instant, input: Self::Input);

    /// Does what has fallen due by `now`. A call that comes early has no effect.
    fn handle_timeout(&mut self, now: Instant);

    /// The next decision, in the order they were made.
    fn poll_output(&mut self) -> Option<Self::Output>;

    /// When [`handle_timeout`](Machine::handle_timeout) is next due, if ever. Changes nothing.
    fn poll_timeout(&self) -> Option<Deadline>;

    /// Panics if the machine's own laws are broken.
    fn check_invariants(&self);
}
