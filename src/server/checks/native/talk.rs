//! Reading what a server says, as much as it takes and no more.

use super::NativeError;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Most that is read of one server in one check, in bytes.
pub const MOST: usize = 1 << 20;

/// Longest line, in bytes.
const LONGEST_LINE: usize = 8192;

/// A connection to a server that is talked to.
pub struct Talk<S> {
    stream: S,
    unread: Vec<u8>,
    begin: usize,
    total: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    /// Talks over `stream`.
    pub fn new(stream: S) -> Talk<S> {
        Talk { stream, unread: Vec::new(), begin: 0, total: 0 }
    }

    /// The stream, of which nothing may have been read that was not taken: what lay unread would be believed to have come in TLS.
    pub fn into_stream(self) -> Result<S, NativeError> {
        if self.begin < self.unread.len() {
            return Err(NativeError::Unexpected("nothing before TLS", quoted(&self.unread[self.begin..])));
        }
        Ok(self.stream)
    }

    /// Says something.
    pub async fn say(&mut self, bytes: &[u8]) -> Result<(), NativeError> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    /// The next `n` bytes.
    pub async fn bytes(&mut self, n: usize) -> Result<Vec<u8>, NativeError> {
        if n > MOST {
            return Err(NativeError::TooLong(MOST));
        }
        while self.unread.len() - self.begin < n {
            self.hear().await?;
        }
        let taken = self.unread[self.begin..self.begin + n].to_vec();
        self.begin += n;
        Ok(taken)
    }

    /// The next line, without its end.
    pub async fn line(&mut self) -> Result<String, NativeError> {
        let mut searched = 0;
        loop {
            let unread = &self.unread[self.begin..];
            if let Some(end) = unread[searched..].iter().position(|byte| *byte == b'\n').map(|at| searched + at) {
                let line = String::from_utf8_lossy(&unread[..end]).trim_end_matches('\r').to_owned();
                self.begin += end + 1;
                return Ok(line);
            }
            searched = unread.len();
            if searched > LONGEST_LINE {
                return Err(NativeError::TooLong(LONGEST_LINE));
            }
            self.hear().await?;
        }
    }

    async fn hear(&mut self) -> Result<(), NativeError> {
        if self.begin == self.unread.len() {
            self.unread.clear();
            self.begin = 0;
        }
        self.unread.reserve(1024);
        let n = self.stream.read_buf(&mut self.unread).await?;
        if n == 0 {
            return Err(NativeError::Ended);
        }
        self.total += n;
        if self.total > MOST { Err(NativeError::TooLong(MOST)) } else { Ok(()) }
    }
}

/// The beginning of what a server said, for an error.
pub fn quoted(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(64)]).into_owned()
}
