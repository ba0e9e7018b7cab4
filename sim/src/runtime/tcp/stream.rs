//! A process's hold on one side of a connection.

use super::connection::{ConnectionId, Segment, Side, SideOf, WINDOW};
use super::flow;
use crate::trace::{Entry, digest};
use crate::world::{self, Who, World};
use bytes::{Buf, Bytes};
use muster::runtime::TcpStream;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Longest content of one segment event.
const LONGEST_SEGMENT: usize = 64 * 1024;

/// A connected stream. Dropping it closes the side.
#[derive(Debug)]
pub struct Stream {
    id: ConnectionId,
    side: SideOf,
    who: Who,
    local: SocketAddr,
    peer: SocketAddr,
}

impl Stream {
    /// The hold on `side` of connection `id`.
    pub(super) fn new(w: &mut World, id: ConnectionId, side: SideOf) -> Option<Stream> {
        let connection = w.connections.find(id)?;
        let (who, local) = (connection.side(side).who, connection.side(side).addr);
        let peer = connection.side(side.other()).addr;
        Some(Stream { id, side, who, local, peer })
    }

    fn with_side<T>(&self, w: &mut World, f: impl FnOnce(&mut Side) -> T) -> io::Result<T> {
        let connection = w.connections.find(self.id).ok_or(io::ErrorKind::NotConnected)?;
        Ok(f(connection.side(self.side)))
    }

    fn read(&self, w: &mut World, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let most = w.weather.short_transfer().unwrap_or(usize::MAX).min(buf.remaining());
        let taken = self.with_side(w, |side| {
            let mut taken = 0;
            while let Some(first) = side.inbox.front_mut().filter(|_| taken < most) {
                let n = first.len().min(most - taken);
                buf.put_slice(&first[..n]);
                first.advance(n);
                taken += n;
                if first.is_empty() {
                    side.inbox.pop_front();
                }
            }
            if taken > 0 || most == 0 || side.ended {
                return Poll::Ready(Ok(taken));
            }
            if let Some(kind) = side.broken {
                return Poll::Ready(Err(kind.into()));
            }
            side.reader = Some(cx.waker().clone());
            Poll::Pending
        })?;
        taken.map_ok(|taken| {
            w.record(self.who, Entry::plain("tcp.read", self.id, taken as u64));
            if taken > 0 {
                flow::acknowledge(w, self.id, self.side, taken);
            }
        })
    }

    fn write(&self, w: &mut World, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let most = w.weather.short_transfer().unwrap_or(LONGEST_SEGMENT).min(LONGEST_SEGMENT).min(bytes.len());
        let room = self.with_side(w, |side| {
            if let Some(kind) = side.broken {
                return Poll::Ready(Err(kind.into()));
            }
            if side.finished {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            let room = WINDOW.saturating_sub(side.outstanding).min(most);
            if room == 0 && most > 0 {
                side.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
            side.outstanding += room;
            Poll::Ready(Ok(room))
        })?;
        room.map_ok(|room| {
            let content = Bytes::copy_from_slice(&bytes[..room]);
            let digest = digest(&content);
            w.record(self.who, Entry { kind: "tcp.write", numbers: [self.id, 0], len: room, digest });
            if room > 0 {
                flow::send(w, self.id, self.side, Segment::Content(content, digest));
            }
            room
        })
    }

    fn finish(&self, w: &mut World) -> io::Result<()> {
        let first = self.with_side(w, |side| !std::mem::replace(&mut side.finished, true) && side.broken.is_none())?;
        if first {
            w.record(self.who, Entry::plain("tcp.finish", self.id, 0));
            flow::send(w, self.id, self.side, Segment::End);
        }
        Ok(())
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        world::with(|w| self.read(w, cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        world::with(|w| self.write(w, cx, bytes))
    }

    /// A write is on its way at once, as with a socket.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(world::with(|w| self.finish(w)))
    }
}

impl TcpStream for Stream {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        world::try_with(|w| flow::close(w, self.id, self.side));
    }
}
