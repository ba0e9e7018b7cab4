//! The last bytes of an archive, by which every bit before them is checked, those that mean nothing to gzip included.
//!
//! They are a gzip member of their own that is empty, so that any tool reads the file. Its extra field (RFC 1952, section 2.3.1.1) says how many
//! bytes come before it and what their CRC-32 is: the whole file but its beginning has to be summed before that is known.

use crc32fast::Hasher;
use std::io::{self, Read, Write};

/// Bytes of a seal.
pub(super) const LENGTH: usize = 38;
/// Up to and including the length of the extra field: deflate, an extra field and nothing else, no time, no system; 16 bytes.
const HEAD: [u8; 12] = [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 16, 0];
/// The one subfield: its name and its 12 bytes.
const SUBFIELD: [u8; 4] = [b'M', b'S', 12, 0];
/// One last block with nothing in it, the CRC-32 of nothing, its length.
const NOTHING: [u8; 10] = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// Bytes that are asked for at once.
const READ: usize = 64 * 1024;

/// The seal of a file whose `length` bytes so far have this sum.
pub(super) fn seal(length: u64, sum: Hasher) -> [u8; LENGTH] {
    let mut seal = Vec::with_capacity(LENGTH);
    seal.extend(HEAD.into_iter().chain(SUBFIELD));
    seal.extend(length.to_le_bytes());
    seal.extend(sum.finalize().to_le_bytes());
    seal.extend(NOTHING);
    seal.try_into().expect("its parts are that long")
}

/// Sums what is written through it.
pub(super) struct Summing<W> {
    out: W,
    sum: Hasher,
}

impl<W: Write> Summing<W> {
    pub(super) fn new(out: W) -> Summing<W> {
        Summing { out, sum: Hasher::new() }
    }

    /// The sum of what was written so far.
    pub(super) fn sum(self) -> Hasher {
        self.sum
    }
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Gives what comes before the seal, and keeps the seal. Of a file without one it gives all, so that what else is wrong with it is told.
pub(super) struct Sealed<R> {
    input: R,
    /// What was read and not given yet, from `given` on.
    held: Vec<u8>,
    given: usize,
    sum: Hasher,
    length: u64,
}

impl<R: Read> Sealed<R> {
    pub(super) fn new(input: R) -> Sealed<R> {
        Sealed { input, held: Vec::new(), given: 0, sum: Hasher::new(), length: 0 }
    }

    /// Whether what was given is what was sealed. To be asked when all has been given.
    pub(super) fn holds(&self) -> bool {
        self.held[self.given..] == seal(self.length, self.sum.clone())
    }

    /// How many bytes may be given: what is held, but for what may be the seal. Zero at the end.
    fn ready(&mut self) -> io::Result<usize> {
        while self.held.len() - self.given <= LENGTH {
            self.held.drain(..self.given);
            self.given = 0;
            if (&mut self.input).take(READ as u64).read_to_end(&mut self.held)? == 0 {
                let is_seal = self.held.len() == LENGTH && self.held.starts_with(&HEAD);
                return Ok(if is_seal { 0 } else { self.held.len() });
            }
        }
        Ok(self.held.len() - self.given - LENGTH)
    }
}

impl<R: Read> Read for Sealed<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.ready()?.min(bytes.len());
        let next = &self.held[self.given..self.given + count];
        bytes[..count].copy_from_slice(next);
        self.sum.update(next);
        self.length += count as u64;
        self.given += count;
        Ok(count)
    }
}
