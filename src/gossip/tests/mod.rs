//! Whole machines, stepped.

mod events;
mod leaving;
mod net;
mod order;
mod probing;
mod questions;
mod random;
mod refuting;
mod story;
mod syncing;
mod wire;
