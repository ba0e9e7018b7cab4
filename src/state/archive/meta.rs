//! What an archive says of itself.

use crate::model::Index;
use serde::{Deserialize, Serialize};

/// The version of the archive as a whole, as Consul counts them.
const VERSION: u32 = 1;
/// Tells our states from Consul's, which cannot be read.
const FORMAT: &str = "muster-state-1";
/// Room for the document: its length must not depend on what is in it.
const ROOM: usize = 1024;

/// What an archive says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Meta {
    /// The archive's version.
    pub version: u32,
    /// Tells snapshots apart: term, index and time.
    #[serde(rename = "ID")]
    pub id: String,
    /// The index of the last change in it.
    pub index: Index,
    /// The Raft term it was made in.
    pub term: u64,
    /// Bytes of the state, as stored in a log.
    pub size: u64,
    /// The encoding of the state.
    #[serde(default)]
    pub format: String,
    /// The release that wrote it.
    #[serde(default)]
    pub product: String,
}

impl Meta {
    /// Of a state whose size is not known yet, made at `millis` since 1970.
    pub fn new(index: Index, term: u64, millis: u64) -> Meta {
        let id = format!("{term}-{index}-{millis}");
        Meta { version: VERSION, id, index, term, size: 0, format: FORMAT.to_owned(), product: format!("muster {}", crate::VERSION) }
    }

    /// The document, always of the same length.
    pub(super) fn document(&self) -> Vec<u8> {
        let mut document = serde_json::to_vec(self).expect("numbers and texts are JSON");
        assert!(document.len() < ROOM, "{} bytes of an archive's account of itself", document.len());
        document.resize(ROOM - 1, b' ');
        document.push(b'\n');
        document
    }

    /// Reads a document, ours or Consul's.
    pub(super) fn parse(document: &[u8]) -> Result<Meta, String> {
        let meta: Meta = serde_json::from_slice(document).map_err(|e| e.to_string())?;
        if meta.format.is_empty() {
            return Err("its state is in the encoding of another product, most likely Consul, which cannot be restored here".to_owned());
        }
        if meta.format != FORMAT || meta.version != VERSION {
            return Err(format!("it was written by {} in the format {:?}, this release reads {FORMAT:?}", meta.product, meta.format));
        }
        Ok(meta)
    }
}
