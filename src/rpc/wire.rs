//! Frames on a stream: buffers on both ways, as few reads and writes as the frames allow.

use super::frame::{self, Frame, FrameError, HEADER};
use bytes::{Buf, Bytes, BytesMut};
use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Room made for a read when no longer frame is known to come.
const READ: usize = 16 << 10;

/// Bodies from this size on are written from where they lie; smaller ones are cheaper to copy next to their headers.
const COPY_BELOW: usize = 4 << 10;

/// A stream of frames. It is owned by one task, which polls both ways: any stream will do, TLS included.
pub(super) struct Wire<S> {
    stream: S,
    /// Longest body.
    limit: usize,
    input: BytesMut,
    output: Output,
    unflushed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S, limit: usize) -> Wire<S> {
        Wire { stream, limit, input: BytesMut::new(), output: Output::default(), unflushed: false }
    }

    /// Allows bodies up to `limit` bytes from here on.
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Queues a frame. Its body must fit the limit of the other side.
    pub(super) fn push(&mut self, frame: &Frame) {
        self.output.push(frame);
    }

    /// Bytes queued and not yet taken by the stream.
    pub(super) fn unwritten(&self) -> usize {
        self.output.remaining()
    }

    /// Writes until the queue is empty and flushed.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.output.has_remaining() {
            self.unflushed = true;
            let written = ready!(pin!(self.stream.write_buf(&mut self.output)).poll(cx))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        if self.unflushed {
            ready!(pin!(self.stream.flush()).poll(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once, so that [`next`](Wire::next) may find more. The stream's end is an error.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let missing = frame::missing(&self.input, self.limit);
        // A claimed length is believed only as fast as its bytes arrive.
        self.input.reserve(missing.clamp(READ, READ.max(self.input.len())));
        match ready!(pin!(self.stream.read_buf(&mut self.input)).poll(cx))? {
            0 => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// The next whole frame among the bytes read.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        frame::read_frame(&mut self.input, self.limit)
    }

    /// Writes one frame and waits until it is out.
    pub(super) async fn send(&mut self, frame: &Frame) -> io::Result<()> {
        self.push(frame);
        std::future::poll_fn(|cx| self.poll_write(cx)).await
    }

    /// Waits for one frame.
    pub(super) async fn receive(&mut self) -> io::Result<Frame> {
        loop {
            match self.next() {
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => std::future::poll_fn(|cx| self.poll_read(cx)).await?,
                Err(e) => return Err(io::Error::new(io::ErrorKind::InvalidData, e)),
            }
        }
    }

    /// Ends the writing side in order, as far as the peer lets us.
    pub(super) async fn shutdown(&mut self) {
        let _ = self.stream.shutdown().await;
    }
}

/// Bytes on their way out: small frames side by side in one buffer, large bodies by reference.
#[derive(Default)]
struct Output {
    whole: VecDeque<Bytes>,
    tail: BytesMut,
    remaining: usize,
}

impl Output {
    fn push(&mut self, frame: &Frame) {
        self.remaining += HEADER + frame.body.len();
        self.tail.extend_from_slice(&frame.header());
        if frame.body.len() < COPY_BELOW {
            self.tail.extend_from_slice(&frame.body);
        } else {
            self.whole.push_back(self.tail.split().freeze());
            self.whole.push_back(frame.body.clone());
        }
    }
}

impl Buf for Output {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.whole.front().map_or(&self.tail[..], |front| &front[..])
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let chunks = self.whole.iter().map(|chunk| &chunk[..]).chain([&self.tail[..]]);
        let filled = slices.iter_mut().zip(chunks.filter(|chunk| !chunk.is_empty()));
        filled.map(|(slice, chunk)| *slice = IoSlice::new(chunk)).count()
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining, "a stream wrote more than it was given");
        self.remaining -= count;
        let mut left = count;
        while let Some(front) = self.whole.front_mut() {
            let taken = left.min(front.len());
            front.advance(taken);
            left -= taken;
            if front.has_remaining() {
                return;
            }
            self.whole.pop_front();
        }
        self.tail.advance(left);
    }
}
