//! The chunked transfer coding (RFC 9112, section 7.1).

use super::response::ResponseError;

/// Longest line that gives a chunk's size, and longest trailer section, in bytes.
const LONGEST_LINES: usize = 4096;

/// Reads a chunked body.
#[derive(Debug, Default)]
pub struct Chunks {
    state: State,
    /// Bytes of the present size line or trailer section.
    line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the digits of a size, with what they make so far.
    Size { size: u64, digits: u8 },
    /// Behind the digits: extensions mean nothing to us.
    Extension { size: u64 },
    /// In a chunk.
    Content { left: u64 },
    /// Behind a chunk.
    ContentEnd,
    /// In the trailers, at the beginning of a line or not.
    Trailer { is_fresh: bool },
}

impl Default for State {
    fn default() -> State {
        State::Size { size: 0, digits: 0 }
    }
}

impl Chunks {
    /// Takes the next bytes, gives the content among them to `sink`, and says whether the body has ended.
    pub fn take(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(&[u8])) -> Result<bool, ResponseError> {
        while let Some((&byte, rest)) = bytes.split_first() {
            if let State::Content { left } = self.state {
                let n = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                sink(&bytes[..n]);
                bytes = &bytes[n..];
                let left = left - n as u64;
                self.state = if left == 0 { State::ContentEnd } else { State::Content { left } };
                continue;
            }
            bytes = rest;
            self.line += 1;
            if self.line > LONGEST_LINES {
                return Err(ResponseError::Chunk);
            }
            if self.step(byte)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// One byte between contents.
    fn step(&mut self, byte: u8) -> Result<bool, ResponseError> {
        self.state = match (self.state, byte) {
            (State::Size { digits: 0, .. }, b'\n' | b'\r' | b';' | b' ' | b'\t') => return Err(ResponseError::Chunk),
            (State::Size { size, .. } | State::Extension { size }, b'\n') => self.begin_chunk(size),
            (State::Size { size, .. }, b'\r' | b';' | b' ' | b'\t') => State::Extension { size },
            (State::Size { digits: 16.., .. }, _) => return Err(ResponseError::Chunk),
            (State::Size { size, digits }, byte) => {
                let digit = char::from(byte).to_digit(16).ok_or(ResponseError::Chunk)?;
                State::Size { size: size << 4 | u64::from(digit), digits: digits + 1 }
            }
            (State::Extension { size }, _) => State::Extension { size },
            (State::ContentEnd, b'\r') => State::ContentEnd,
            (State::ContentEnd, b'\n') => {
                self.line = 0;
                State::default()
            }
            (State::ContentEnd, _) => return Err(ResponseError::Chunk),
            (State::Trailer { is_fresh: true }, b'\n') => return Ok(true),
            (State::Trailer { is_fresh }, b'\r') => State::Trailer { is_fresh },
            (State::Trailer { .. }, byte) => State::Trailer { is_fresh: byte == b'\n' },
            (State::Content { .. }, _) => unreachable!("content is taken in pieces"),
        };
        Ok(false)
    }

    fn begin_chunk(&mut self, size: u64) -> State {
        self.line = 0;
        if size == 0 { State::Trailer { is_fresh: true } } else { State::Content { left: size } }
    }
}
