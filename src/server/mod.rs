//! Floor 5: the running agent and its sockets.

mod data_dir;
pub mod gossip;
pub mod http;
mod logging;

pub use data_dir::DataDirError;
