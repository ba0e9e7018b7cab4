//! The calling side's task of one connection: dial, say hello, then carry calls out and replies in until there is a reason to stop.

use super::counters::{Counters, count};
use super::frame::{Frame, Kind};
use super::hello::{self, Hello};
use super::queue::{Queue, Taken};
use super::wire::Wire;
use super::{CallError, Cause, Limits};
use crate::model::Instant;
use crate::runtime::{Runtime, timeout};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite};

/// Bytes handed to the stream's buffer ahead of what it has taken. What waits longer stays in the queue, where it can still be given up.
const AHEAD: usize = 256 << 10;

/// What every connection of a pool shares.
pub(super) struct Side {
    pub(super) hello: Hello,
    pub(super) limits: Limits,
    pub(super) counters: Counters,
}

/// Runs the connection to `peer` from its dial to its end.
pub(super) async fn run<R: Runtime>(queue: Arc<Queue>, side: Arc<Side>, peer: SocketAddr) {
    let opened = match timeout::<R, _>(side.limits.dial, open::<R>(&side, peer)).await {
        Ok(opened) => opened,
        Err(elapsed) => Err(Cause::Dial(elapsed.to_string())),
    };
    match opened {
        Ok(wire) => {
            count(&side.counters.connected);
            let now = R::now();
            let clock = Box::pin(R::sleep_until(now + side.limits.silence));
            let armed = now + side.limits.silence;
            let mut carrier = Carrier::<R, _> { queue: &queue, side: &side, wire, owed_since: None, used: now, clock, armed };
            let cause = std::future::poll_fn(|cx| carrier.poll(cx)).await;
            if queue.end(&cause) > 0 {
                count(&side.counters.lost);
            }
        }
        Err(cause) => {
            count(&side.counters.refused);
            queue.end(&cause);
        }
    }
}

/// Connects and meets the peer. This is the place where a stream is wrapped before anything is said on it.
async fn open<R: Runtime>(side: &Side, peer: SocketAddr) -> Result<Wire<R::TcpStream>, Cause> {
    let stream = R::tcp_connect(peer).await.map_err(|e| Cause::Dial(e.to_string()))?;
    let mut wire = Wire::new(stream, hello::LONGEST);
    let lost = |e: std::io::Error| Cause::Dial(e.to_string());
    wire.send(&Frame::plain(Kind::Hello, 0, side.hello.encode())).await.map_err(lost)?;
    let answer = wire.receive().await.map_err(lost)?;
    wire.set_limit(side.limits.reply);
    match answer.kind {
        Kind::Hello => side.hello.meet(&answer.body).map(|_| wire).map_err(Cause::Hello),
        Kind::Refusal => Err(Cause::Hello(text(&answer.body))),
        Kind::Request | Kind::Reply | Kind::Cancel | Kind::Alive | Kind::Busy => {
            Err(Cause::Dial(format!("the peer began with a frame of kind {:?}", answer.kind)))
        }
    }
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

struct Carrier<'a, R: Runtime, S> {
    queue: &'a Queue,
    side: &'a Side,
    wire: Wire<S>,
    /// Since when the peer has owed us any sign of life. Giving a call up does not end it: the peer answers a cancel, too.
    owed_since: Option<Instant>,
    /// Last time anything was sent or heard.
    used: Instant,
    clock: Pin<Box<R::Sleep>>,
    armed: Instant,
}

impl<R: Runtime, S: AsyncRead + AsyncWrite + Unpin> Carrier<'_, R, S> {
    /// Ready with the reason to end the connection.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Cause> {
        loop {
            if let Poll::Ready(Err(e)) = self.wire.poll_write(cx) {
                return Poll::Ready(Cause::Lost(e.to_string()));
            }
            match self.take_calls(cx) {
                Ok(true) => continue,
                Ok(false) => {}
                Err(cause) => return Poll::Ready(cause),
            }
            // Whatever has arrived is heard before silence is judged: this process may have stood still.
            match self.wire.poll_read(cx) {
                Poll::Ready(Ok(())) => {
                    if let Err(cause) = self.hear() {
                        return Poll::Ready(cause);
                    }
                }
                Poll::Ready(Err(e)) => return Poll::Ready(Cause::Lost(e.to_string())),
                Poll::Pending => return self.poll_clock(cx),
            }
        }
    }

    /// Moves calls to the wire while it has room; whether there were any.
    fn take_calls(&mut self, cx: &mut Context<'_>) -> Result<bool, Cause> {
        if self.wire.unwritten() >= AHEAD {
            return Ok(false);
        }
        let (wire, now) = (&mut self.wire, R::now());
        let taken = self.queue.take(cx, now, |frame| {
            wire.push(frame);
            wire.unwritten() < AHEAD
        });
        match taken {
            Taken::Frames { requests } => {
                self.side.counters.requests.fetch_add(requests as u64, std::sync::atomic::Ordering::Relaxed);
                self.used = now;
                self.owed_since.get_or_insert(now);
                Ok(true)
            }
            Taken::Nothing => Ok(false),
            Taken::End(cause) => Err(cause),
        }
    }

    /// Hands out the replies among the bytes read.
    fn hear(&mut self) -> Result<(), Cause> {
        self.used = R::now();
        loop {
            match self.wire.next() {
                Ok(Some(frame)) => self.hear_frame(frame)?,
                Ok(None) => break,
                Err(e) => return Err(self.malformed(e.to_string())),
            }
        }
        self.owed_since = self.queue.is_owed().then_some(self.used);
        Ok(())
    }

    fn hear_frame(&mut self, frame: Frame) -> Result<(), Cause> {
        match frame.kind {
            Kind::Reply => self.queue.answer(frame.id, Ok(frame.body)),
            Kind::Refusal => self.queue.answer(frame.id, Err(CallError::Refused(text(&frame.body)))),
            Kind::Busy => self.queue.answer(frame.id, Err(CallError::NotSent(Cause::Busy))),
            Kind::Alive => {}
            Kind::Hello | Kind::Request | Kind::Cancel => {
                return Err(self.malformed(format!("a peer that answers sent a frame of kind {:?}", frame.kind)));
            }
        }
        Ok(())
    }

    fn malformed(&self, why: String) -> Cause {
        count(&self.side.counters.malformed);
        Cause::Lost(why)
    }

    /// Sleeps towards whichever end is nearer. The timer is moved forward only when it fires, not by every call.
    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Poll<Cause> {
        let limits = &self.side.limits;
        loop {
            let end = self.owed_since.map_or(self.used + limits.idle, |since| since + limits.silence);
            if self.armed > end {
                self.arm(end);
            }
            if self.clock.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if R::now() < end {
                self.arm(end);
            } else if self.owed_since.is_some() {
                return Poll::Ready(Cause::Silent);
            } else if self.queue.end_if_unused(Cause::Closed) {
                return Poll::Ready(Cause::Closed);
            } else {
                self.used = R::now();
            }
        }
    }

    fn arm(&mut self, at: Instant) {
        self.clock.set(R::sleep_until(at));
        self.armed = at;
    }
}
