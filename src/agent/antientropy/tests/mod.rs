//! The machine, stepped.

mod failing;
mod following;
mod random;
mod story;
mod syncing;
mod world;
