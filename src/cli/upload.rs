//! A file as the body of a request: read while it is sent, so that only a part of it is in memory.

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Bytes that are read at once.
const PART: usize = 256 * 1024;

/// What is left of a file.
#[derive(Debug)]
pub(super) struct FileBody {
    file: File,
    left: u64,
}

impl FileBody {
    /// All of a file from where it is read next. Errors are the operating system's.
    pub(super) fn of_rest(mut file: File) -> io::Result<FileBody> {
        let at = io::Seek::stream_position(&mut file)?;
        let left = file.metadata()?.len().saturating_sub(at);
        Ok(FileBody { file, left })
    }

    /// Bytes still to be sent.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// The next part; `None` at the end. A file that has become shorter is an error: what was promised cannot be sent.
    fn part(&mut self) -> io::Result<Option<Bytes>> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut part = vec![0; usize::try_from(self.left).unwrap_or(PART).min(PART)];
        self.file.read_exact(&mut part)?;
        self.left -= part.len() as u64;
        Ok(Some(part.into()))
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    // It blocks: who sends a file waits for nothing else.
    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.part().transpose().map(|part| part.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::{FileBody, PART};
    use std::fs::File;
    use std::io::{Read, Seek, SeekFrom, Write};

    #[test]
    fn a_file_is_given_in_parts_and_one_that_shrinks_is_an_error() {
        let path = std::env::temp_dir().join(format!("muster-upload-{}", std::process::id()));
        let content: Vec<u8> = (0..PART + 9).map(|n| (n % 251) as u8).collect();
        File::create(&path).unwrap().write_all(&content).unwrap();
        let mut file = File::open(&path).unwrap();
        file.read_exact(&mut [0; 4]).unwrap();
        let mut body = FileBody::of_rest(file.try_clone().unwrap()).unwrap();
        assert_eq!(body.left(), content.len() as u64 - 4);
        let parts: Vec<_> = std::iter::from_fn(|| body.part().unwrap()).collect();
        assert_eq!((parts.len(), parts.concat()), (2, content[4..].to_vec()));
        file.seek(SeekFrom::Start(0)).unwrap();
        let mut shrinks = FileBody::of_rest(file).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(7).unwrap();
        assert!(shrinks.part().is_err());
        std::fs::remove_file(path).unwrap();
    }
}
