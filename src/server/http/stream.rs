//! A connection's bytes, and the note taken of their coming and going.

use crate::runtime::Runtime;
use crate::server::connections::{Activity, Phase};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that tells its [`Activity`] what it carries.
pub(super) struct Watched<R: Runtime> {
    stream: R::TcpStream,
    activity: Arc<Activity>,
}

impl<R: Runtime> Watched<R> {
    pub(super) fn new(stream: R::TcpStream, activity: Arc<Activity>) -> Watched<R> {
        Watched { stream, activity }
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
        let count = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        self.sent(count);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs))?;
        self.sent(count);
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
