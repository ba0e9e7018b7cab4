//! Floor 5: the running agent and its sockets.

mod advice;
mod agent;
mod archives;
mod backend;
mod bootstrap;
pub mod checks;
mod claim;
mod data_dir;
mod directory;
mod dispatch;
mod duties;
pub mod gossip;
mod hold;
pub mod http;
mod journal;
mod local;
mod logging;
mod machine;
mod membership;
mod operate;
mod production;
mod reload;
mod requests;
mod start;
mod surroundings;
mod views;
mod wire;

pub use advice::advice;
pub use agent::{Agent, Farewell};
pub use data_dir::DataDirError;
pub use journal::{Journal, Lines, TooManyReaders};
pub use production::run_production;
pub use reload::{ReloadError, ScriptsRefused};
pub use start::start;
pub use surroundings::{StartError, Surroundings};
pub use wire::{Answered, Refusal};
