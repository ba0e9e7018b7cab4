//! The body of an answer: known whole, as nearly all are, or lines that come while it is sent.

use super::connections::{Activity, Order, Phase};
use crate::model::Instant;
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

/// What comes while it is sent, until the client goes or the server is told to finish. The connection counts as answering for as long.
pub(super) struct Stream {
    parts: Pin<Box<dyn futures_util::Stream<Item = Bytes> + Send>>,
    finish: Pin<Box<dyn Future<Output = ()> + Send>>,
    activity: Arc<Activity>,
    now: fn() -> Instant,
}

impl Stream {
    pub(super) fn new(
        parts: impl futures_util::Stream<Item = Bytes> + Send + 'static,
        activity: &Arc<Activity>,
        now: fn() -> Instant,
    ) -> Stream {
        let told = activity.clone();
        Stream {
            parts: Box::pin(parts),
            finish: Box::pin(async move { told.ordered(Order::Finish).await }),
            activity: activity.clone(),
            now,
        }
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
                Poll::Pending => stream.parts.as_mut().poll_next(cx).map(|part| part.map(|part| Ok(Frame::data(part)))),
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
