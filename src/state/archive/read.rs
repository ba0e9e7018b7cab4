//! Reading an archive in pieces, checking all of it.

use super::seal::Sealed;
use super::write::hex;
use super::{META, MOST_STATE, Meta, STATE, SUMS, ustar};
use flate2::read::MultiGzDecoder;
use ring::digest::{Context, SHA256, digest};
use std::io::{self, Read};

/// Longest `meta.json` and `SHA256SUMS` that are read, in bytes.
const MOST_TEXT: u64 = 64 * 1024;
/// Most bytes that may follow the last file; tar fills up to 10 KiB, some more.
const MOST_TRAILER: u64 = 64 * 1024;

/// Why a file is no archive that can be restored.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is not compressed, or damaged, or cut off.
    #[error("failed to decompress snapshot: {0}")]
    Compression(io::Error),
    /// What was compressed is no archive of ours.
    #[error("failed to read snapshot file: {0}")]
    Shape(String),
    /// It says of itself that it is of another kind.
    #[error("failed to read snapshot metadata: {0}")]
    Meta(String),
    /// A file in it is not what its checksum was made of.
    #[error("failed checking integrity of snapshot: hash check failed for {0:?}")]
    Sum(&'static str),
    /// Some bit of it is not what it was, though it reads the same, or its end is missing.
    #[error("failed checking integrity of snapshot: it is not as it was saved, to the last bit: packed again, damaged or cut off")]
    Seal,
}

/// An archive that is being read. Nothing of it is to be believed before [`ArchiveReader::piece`] has given `None`.
pub struct ArchiveReader<R: Read> {
    plain: MultiGzDecoder<Sealed<R>>,
    meta: Meta,
    /// What the checksum of `meta.json` must be.
    meta_sum: String,
    sum: Context,
    left: u64,
}

impl<R: Read> ArchiveReader<R> {
    /// Reads up to where the state begins.
    ///
    /// # Errors
    /// It is no archive that can be restored.
    pub fn open(input: R) -> Result<ArchiveReader<R>, ArchiveError> {
        let mut plain = MultiGzDecoder::new(Sealed::new(input));
        let document = text(&mut plain, META)?;
        let meta = Meta::parse(&document).map_err(ArchiveError::Meta)?;
        let size = file(&mut plain, STATE)?;
        if size != meta.size || size > MOST_STATE {
            return Err(ArchiveError::Shape(format!("{STATE} has {size} bytes, {META} says {}", meta.size)));
        }
        let meta_sum = hex(digest(&SHA256, &document).as_ref());
        Ok(ArchiveReader { plain, left: meta.size, meta, meta_sum, sum: Context::new(&SHA256) })
    }

    /// What it says of itself.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The next bytes of the state, at most `most` of them. `None` when all have been given and everything was as it should be.
    ///
    /// # Errors
    /// It is damaged: what was given before is not to be used.
    pub fn piece(&mut self, most: usize) -> Result<Option<Vec<u8>>, ArchiveError> {
        if self.left == 0 {
            return self.check_end().map(|()| None);
        }
        let mut piece = vec![0; usize::try_from(self.left).unwrap_or(most).min(most)];
        fill(&mut self.plain, &mut piece)?;
        self.sum.update(&piece);
        self.left -= piece.len() as u64;
        Ok(Some(piece))
    }

    fn check_end(&mut self) -> Result<(), ArchiveError> {
        skip(&mut self.plain, ustar::padding(self.meta.size))?;
        let sums = text(&mut self.plain, SUMS)?;
        let sums = String::from_utf8_lossy(&sums);
        let is = |name: &str, sum: &str| sums.lines().any(|line| line.split_once("  ") == Some((sum, name)));
        if !is(META, &self.meta_sum) {
            return Err(ArchiveError::Sum(META));
        }
        if !is(STATE, &hex(self.sum.clone().finish().as_ref())) {
            return Err(ArchiveError::Sum(STATE));
        }
        let mut trailer = Vec::new();
        (&mut self.plain).take(MOST_TRAILER + 1).read_to_end(&mut trailer).map_err(ArchiveError::Compression)?;
        if trailer.len() < 2 * ustar::BLOCK || trailer.len() as u64 > MOST_TRAILER || trailer.iter().any(|byte| *byte != 0) {
            return Err(ArchiveError::Shape(format!("{SUMS} is not the last file, or its end is missing")));
        }
        if !self.plain.get_ref().holds() {
            return Err(ArchiveError::Seal);
        }
        Ok(())
    }
}

/// The length of the file that comes next, which must be `name`.
fn file(plain: &mut impl Read, name: &str) -> Result<u64, ArchiveError> {
    let mut block = [0; ustar::BLOCK];
    fill(plain, &mut block)?;
    let shape = |why: String| ArchiveError::Shape(why);
    let header = ustar::parse(&block).map_err(|why| shape(format!("{why} where {name} should be")))?;
    match header {
        Some(header) if header.name == name => Ok(header.size),
        Some(header) => Err(shape(format!("{:?} where {name} should be", header.name))),
        None => Err(shape(format!("it ends where {name} should be"))),
    }
}

fn text(plain: &mut impl Read, name: &str) -> Result<Vec<u8>, ArchiveError> {
    let size = file(plain, name)?;
    if size > MOST_TEXT {
        return Err(ArchiveError::Shape(format!("{name} has {size} bytes, at most {MOST_TEXT} are read")));
    }
    let mut text = vec![0; size as usize];
    fill(plain, &mut text)?;
    skip(plain, ustar::padding(size))?;
    Ok(text)
}

fn skip(plain: &mut impl Read, bytes: usize) -> Result<(), ArchiveError> {
    fill(plain, &mut [0; ustar::BLOCK][..bytes])
}

fn fill(plain: &mut impl Read, bytes: &mut [u8]) -> Result<(), ArchiveError> {
    plain.read_exact(bytes).map_err(ArchiveError::Compression)
}
