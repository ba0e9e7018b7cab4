//! The machine, stepped.

mod failing;
mod following;
mod late;
mod random;
mod story;
mod syncing;
mod world;
