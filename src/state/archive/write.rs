//! Writing an archive in one pass.

use super::seal::{self, Summing, seal};
use super::{META, Meta, STATE, SUMS, ustar};
use crate::state::State;
use crc32fast::Hasher;
use flate2::Compression;
use flate2::write::GzEncoder;
use ring::digest::{Context, SHA256, digest};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};

/// Bytes that go to the file at once.
const BUFFER: usize = 1 << 20;

/// Writes the archive of `state` from the start of `out`, which is empty; `meta`'s size is filled in. Returns it, and the archive's length.
///
/// # Errors
/// `out`'s.
pub fn write<W: Write + Seek>(out: W, state: &State, mut meta: Meta) -> io::Result<(Meta, u64)> {
    let mut out = BufWriter::with_capacity(BUFFER, out);
    let place = front(&meta)?;
    out.write_all(&place)?;
    let mut packer = GzEncoder::new(Summing::new(&mut out), Compression::fast());
    let mut sum = Context::new(&SHA256);
    for section in state.archived() {
        meta.size += section.len() as u64;
        sum.update(&section);
        packer.write_all(&section)?;
    }
    let document = meta.document();
    let sums = format!("{}  {META}\n{}  {STATE}\n", hex(digest(&SHA256, &document).as_ref()), hex(sum.finish().as_ref()));
    packer.write_all(&vec![0; ustar::padding(meta.size)])?;
    packer.write_all(&ustar::header(SUMS, sums.len() as u64))?;
    packer.write_all(sums.as_bytes())?;
    packer.write_all(&vec![0; ustar::padding(sums.len() as u64) + 2 * ustar::BLOCK])?;
    let rest = packer.finish()?.sum();
    let length = out.stream_position()?;
    let front = front(&meta)?;
    assert_eq!(front.len(), place.len(), "what is not compressed is as long as it was");
    let mut all = Hasher::new();
    all.update(&front);
    all.combine(&rest);
    out.write_all(&seal(length, all))?;
    out.seek(SeekFrom::Start(0))?;
    out.write_all(&front)?;
    out.flush()?;
    Ok((meta, length + seal::LENGTH as u64))
}

/// What comes before the state, as a gzip member of its own.
fn front(meta: &Meta) -> io::Result<Vec<u8>> {
    let document = meta.document();
    let mut packer = GzEncoder::new(Vec::new(), Compression::none());
    packer.write_all(&ustar::header(META, document.len() as u64))?;
    packer.write_all(&document)?;
    packer.write_all(&vec![0; ustar::padding(document.len() as u64)])?;
    packer.write_all(&ustar::header(STATE, meta.size))?;
    packer.finish()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
