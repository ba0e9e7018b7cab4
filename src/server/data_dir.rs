//! The data directory: whose it is, which release wrote it, and the identity that lives in it.

use crate::config::Config;
use crate::model::NodeId;
use crate::runtime::{Disk, Runtime, replace_file};
use std::io;
use std::path::PathBuf;

/// Newest layout of the data directory that this release reads and writes.
const LAYOUT: u32 = 1;
/// Holds the layout's number.
const LAYOUT_FILE: &str = "layout";
/// Holds the node's UUID, as in Consul.
const NODE_ID_FILE: &str = "node-id";

/// Why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process has it.
    #[error("data_dir {0} is in use by another agent: stop that agent, or give this one a -data-dir of its own")]
    InUse(PathBuf),
    /// A newer release wrote it.
    #[error(
        "data_dir {path} has layout {found}, newer than {LAYOUT}, the newest this release reads: start it with the release that wrote it, or a newer one"
    )]
    Newer {
        /// The directory.
        path: PathBuf,
        /// Its layout.
        found: u32,
    },
    /// A file in it says something impossible.
    #[error(
        "data_dir: {file} holds {found:?}, {rule}: restore it from a backup; if the node never held data, move the directory away and start again"
    )]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// What it holds.
        found: String,
        /// What it should hold.
        rule: &'static str,
    },
    /// The node's identity is gone, but not what it promised the others under it.
    #[error(
        "data_dir: {file} is missing, but this directory holds a server's log: restore the file, or set node_id to the id that `operator raft \
         list-peers` shows for this node; under another id it would belong to no cluster"
    )]
    IdentityGone {
        /// The file that is missing.
        file: PathBuf,
    },
    /// The configured id contradicts the kept one.
    #[error(
        "node_id {configured} differs from {kept} in {file}: a node keeps its id for life; drop node_id from the configuration or use another data_dir"
    )]
    IdChanged {
        /// What the configuration says.
        configured: NodeId,
        /// What the directory says.
        kept: NodeId,
        /// Where.
        file: PathBuf,
    },
    /// The operating system refused.
    #[error("data_dir {path}: {source}: check that the directory exists, is writable for this user, and that its disk has room")]
    Io {
        /// The directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// A locked data directory and the identity in it.
#[derive(Debug)]
pub struct DataDir<D> {
    /// The directory.
    pub disk: D,
    /// This node, for as long as the directory lives.
    pub node_id: NodeId,
}

/// Takes `path` for this agent, checks who wrote it, and reads the node's identity or draws one.
pub async fn open<R: Runtime>(path: PathBuf, config: &Config) -> Result<DataDir<R::Disk>, DataDirError> {
    let io_error = |source| DataDirError::Io { path: path.clone(), source };
    let disk = R::disk(&path).map_err(io_error)?;
    disk.lock().map_err(|e| match e.kind() {
        io::ErrorKind::AddrInUse => DataDirError::InUse(path.clone()),
        _ => io_error(e),
    })?;
    check_layout(&disk, &path).await?;
    let file = path.join(NODE_ID_FILE);
    let kept = match read_line(&disk, NODE_ID_FILE).map_err(io_error)? {
        Some(found) => Some(NodeId::parse(&found).map_err(|e| DataDirError::Corrupt { file: file.clone(), found, rule: e.rule })?),
        None => None,
    };
    let node_id = match (kept, config.node_id) {
        (Some(kept), Some(configured)) if kept != configured => return Err(DataDirError::IdChanged { configured, kept, file }),
        (Some(kept), _) => kept,
        (None, None) if !disk.list("raft/wal").map_err(io_error)?.is_empty() => return Err(DataDirError::IdentityGone { file }),
        (None, configured) => {
            let id = configured.unwrap_or_else(draw_id::<R>);
            replace_file(&disk, NODE_ID_FILE, id.to_string().as_bytes()).await.map_err(io_error)?;
            id
        }
    };
    Ok(DataDir { disk, node_id })
}

async fn check_layout<D: Disk>(disk: &D, path: &std::path::Path) -> Result<(), DataDirError> {
    let io_error = |source| DataDirError::Io { path: path.to_owned(), source };
    let Some(found) = read_line(disk, LAYOUT_FILE).map_err(io_error)? else {
        return replace_file(disk, LAYOUT_FILE, LAYOUT.to_string().as_bytes()).await.map_err(io_error);
    };
    match found.parse::<u32>() {
        Ok(version) if version > LAYOUT => Err(DataDirError::Newer { path: path.to_owned(), found: version }),
        Ok(_) => Ok(()),
        Err(_) => Err(DataDirError::Corrupt { file: path.join(LAYOUT_FILE), found, rule: "must be a number" }),
    }
}

/// The trimmed content of a small text file; `None` if it is missing.
fn read_line<D: Disk>(disk: &D, name: &str) -> io::Result<Option<String>> {
    match disk.read(name) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn draw_id<R: Runtime>() -> NodeId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&R::random().to_le_bytes());
    bytes[8..].copy_from_slice(&R::random().to_le_bytes());
    NodeId::from_random(bytes)
}

#[cfg(test)]
mod tests;
