//! Whole machines, stepped.

mod leaving;
mod net;
mod probing;
mod random;
mod refuting;
mod story;
mod syncing;
mod wire;
