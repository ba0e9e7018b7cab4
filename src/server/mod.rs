//! Floor 5: the running agent and its sockets.

mod data_dir;
pub mod http;
mod logging;

pub use data_dir::DataDirError;
//! Floor 5: sockets.
pub mod gossip;
