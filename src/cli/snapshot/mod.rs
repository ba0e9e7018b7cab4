//! `snapshot`: the whole state in a file.

pub(super) mod inspect;
pub(super) mod restore;
pub(super) mod save;

use crate::state::archive::{ArchiveReader, Meta, TableSize, Tally};
use crate::state::kv::Entry;
use std::fs::File;
use std::io::BufReader;

/// Bytes of a state that are looked at together.
const PIECE: usize = 1 << 20;

fn open(file: &str) -> Result<File, String> {
    File::open(file).map_err(|e| format!("Error opening snapshot file: {file}: {e}"))
}

/// Reads and checks all of an archive, in pieces; `each` is shown every key.
fn check(file: &str, opened: &File, each: &mut dyn FnMut(&Entry)) -> Result<(Meta, Vec<TableSize>), String> {
    let wrong = |e: &dyn std::fmt::Display| format!("Error reading snapshot: {file}: {e}");
    let mut reader = ArchiveReader::open(BufReader::with_capacity(PIECE, opened)).map_err(|e| wrong(&e))?;
    let mut tally = Tally::default();
    let mut strange = None;
    while let Some(piece) = reader.piece(PIECE).map_err(|e| wrong(&e))? {
        if strange.is_none() {
            strange = tally.take(&piece, each).err();
        }
    }
    // What is damaged reads as nonsense before its checksum is reached, which says so plainly.
    if let Some(e) = strange {
        return Err(wrong(&e));
    }
    let tables = tally.finish().map_err(|e| wrong(&e))?;
    Ok((reader.meta().clone(), tables))
}
