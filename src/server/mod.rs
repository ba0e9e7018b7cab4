//! Floor 5: the running agent and its sockets.

mod data_dir;
mod logging;

pub use data_dir::DataDirError;
