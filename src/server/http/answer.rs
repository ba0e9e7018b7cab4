//! The body of an answer: known whole, as nearly all are, or lines that come while it is sent.

use crate::model::Instant;
use crate::server::connections::{Activity, Order, Phase};
use crate::server::journal::Lines;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A body.
pub(super) enum AnswerBody {
    /// Sent with its length, together with its head.
    Whole(Full<Bytes>),
    /// Sent in chunks.
    Stream(Box<Stream>),
}

/// Lines of the log until the client goes or the server is told to finish. The connection counts as answering for as long.
pub(super) struct Stream {
    lines: Lines,
    finish: Pin<Box<dyn Future<Output = ()> + Send>>,
    activity: Arc<Activity>,
    now: fn() -> Instant,
}

impl Stream {
    pub(super) fn new(lines: Lines, activity: &Arc<Activity>, now: fn() -> Instant) -> Stream {
        let told = activity.clone();
        Stream { lines, finish: Box::pin(async move { told.ordered(Order::Finish).await }), activity: activity.clone(), now }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.activity.enter(Phase::Idle, (self.now)());
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            AnswerBody::Whole(whole) => Pin::new(whole).poll_frame(cx),
            AnswerBody::Stream(stream) => match stream.finish.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => stream.lines.poll_next(cx).map(|line| line.map(|line| Ok(Frame::data(line)))),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            AnswerBody::Whole(whole) => whole.is_end_stream(),
            AnswerBody::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            AnswerBody::Whole(whole) => whole.size_hint(),
            AnswerBody::Stream(_) => SizeHint::default(),
        }
    }
}
