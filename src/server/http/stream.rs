//! A connection's bytes, and the note taken of their coming and going.

use crate::runtime::Runtime;
use crate::server::connections::{Activity, Phase, Sending};
use bytes::{Buf, Bytes};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is read at once from a connection nobody reads but to see whether it ends, in bytes.
const GLANCE: usize = 256;

/// A stream that tells its [`Activity`] what it carries. What was read too early can be put back.
pub(super) struct Watched<R: Runtime> {
    stream: R::TcpStream,
    activity: Arc<Activity>,
    ahead: Bytes,
}

impl<R: Runtime> Watched<R> {
    pub(super) fn new(stream: R::TcpStream, activity: Arc<Activity>) -> Watched<R> {
        Watched { stream, activity, ahead: Bytes::new() }
    }

    /// Has `bytes` read again before anything else. They are copied, so that nothing keeps the buffer they came in.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.ahead = [bytes, &self.ahead].concat().into();
        }
    }

    /// Completes when the client closed its side or the connection broke. Once a client has sent something ahead nothing more is read, so that
    /// it cannot fill our memory, and its end is found later: so does hyper while a request is being answered.
    pub(super) async fn gone(&mut self) {
        poll_fn(|cx| self.poll_gone(cx)).await;
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.ahead.is_empty() {
            return Poll::Pending;
        }
        let mut space = [0; GLANCE];
        let mut buf = ReadBuf::new(&mut space);
        let read = ready!(Pin::new(&mut *self).poll_read(cx, &mut buf));
        if read.is_err() || buf.filled().is_empty() {
            return Poll::Ready(());
        }
        self.put_back(buf.filled());
        Poll::Pending
    }

    /// Bytes were sent: an answer that is being taken is not idle.
    fn sent(&self, count: usize) {
        if count > 0 && self.activity.phase() == Phase::Idle {
            self.activity.enter(Phase::Idle, R::now());
        }
    }
}

impl<R: Runtime> AsyncRead for Watched<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let count = self.ahead.len().min(buf.remaining());
            buf.put_slice(&self.ahead[..count]);
            self.ahead.advance(count);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if buf.filled().len() > before && self.activity.phase() == Phase::Idle {
            self.activity.enter(Phase::Arriving, R::now());
        }
        Poll::Ready(Ok(()))
    }
}

impl<R: Runtime> AsyncWrite for Watched<R> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.activity.sends(Sending::Begun);
        let count = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        self.sent(count);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.activity.sends(Sending::Begun);
        let count = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs))?;
        self.sent(count);
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.activity.sends(Sending::Done);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
