//! The machine, stepped.

mod failing;
mod following;
mod random;
mod syncing;
mod world;
