//! Appends to one server, as a stream.
//!
//! One request with entries is under way at a time: what is proposed meanwhile goes together in the next, and no request can overtake one it
//! builds on. A request without entries, by which a follower learns what is committed, does not hold the next one up: it builds only on what the
//! follower has confirmed, so the two may arrive in any order.
//!
//! openraft takes a reply that confirms an entry as the reply to every request sent so far that ends there, and counts the newest of them as
//! heard: its sending time extends the leader's lease. So a reply is passed on only once no request behind it could be mistaken for answered.

use super::{Peer, Peers};
use crate::raft::method;
use crate::raft::types::{LogId, Types};
use crate::raft::wire;
use crate::runtime::Runtime;
use futures_util::stream::{FuturesOrdered, StreamExt, unfold};
use futures_util::{FutureExt, Stream};
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::RPCError;
use openraft::network::RPCOption;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, StreamAppendResult};
use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

/// How long an append with entries may take: the follower's disk is in it, and a dead peer is noticed sooner by its silence.
const PATIENCE: Duration = Duration::from_secs(5);
/// Requests under way to one server, those without entries included.
const UNDER_WAY: usize = 4;

/// What came of one request.
pub(super) type Appended<R> = Result<StreamAppendResult<Types<R>>, RPCError<Types<R>>>;
/// The replies, in the order of the requests; not every one of them.
pub(super) type Replies<'s, R> = BoxStream<'s, Appended<R>>;
/// A stream being opened.
pub(super) type Appending<'s, R> = BoxFuture<'s, Result<Replies<'s, R>, RPCError<Types<R>>>>;

impl<R: Runtime, P: Peers> Peer<R, P> {
    /// Sends one request, cut to what fits, and waits for the reply.
    pub(super) fn append(
        &self,
        mut append: AppendEntriesRequest<Types<R>>,
        option: &RPCOption,
    ) -> impl Future<Output = Result<AppendEntriesResponse<Types<R>>, RPCError<Types<R>>>> + Send + use<R, P> {
        let asked = append.entries.len();
        let patience = if asked == 0 { option.hard_ttl() } else { PATIENCE };
        let body = wire::append(self.id, &mut append);
        let cut: Option<Option<LogId<R>>> = (append.entries.len() < asked).then(|| wire::last_of::<R>(&append));
        let reply = self.call(method::APPEND, body, patience);
        async move {
            Ok(match (reply.await?, cut) {
                (AppendEntriesResponse::Success, Some(last)) => AppendEntriesResponse::PartialSuccess(last),
                (reply, _) => reply,
            })
        }
    }
}

/// What a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Load {
    Entries,
    CommitOnly,
}

/// What follows a reply.
enum Next {
    GoOn,
    Stop,
}

type UnderWay<R> = futures_util::future::BoxFuture<'static, (Load, Appended<R>, Next)>;

struct Sending<'s, R: Runtime, P, S> {
    peer: &'s Peer<R, P>,
    /// `None` once it has ended, or must not go on.
    input: Option<S>,
    option: RPCOption,
    under_way: FuturesOrdered<UnderWay<R>>,
    /// Where each of those ends.
    ends: VecDeque<Option<LogId<R>>>,
    carrying: bool,
}

/// Sends what `input` gives and yields replies in order: success that a later request will confirm as well is left to that one. Ends after the first that is no success, or of which only a part fitted.
pub(super) fn stream<'s, R, P, S>(peer: &'s Peer<R, P>, input: S, option: RPCOption) -> impl Stream<Item = Appended<R>> + Send + 's
where
    R: Runtime,
    P: Peers,
    S: Stream<Item = AppendEntriesRequest<Types<R>>> + Send + Unpin + 'static,
{
    let (under_way, ends) = (FuturesOrdered::new(), VecDeque::new());
    let sending = Sending { peer, input: Some(input), option, under_way, ends, carrying: false };
    unfold(sending, |mut sending| async move { sending.next().await.map(|reply| (reply, sending)) })
}

impl<R, P, S> Sending<'_, R, P, S>
where
    R: Runtime,
    P: Peers,
    S: Stream<Item = AppendEntriesRequest<Types<R>>> + Send + Unpin + 'static,
{
    async fn next(&mut self) -> Option<Appended<R>> {
        loop {
            let room = !self.carrying && self.under_way.len() < UNDER_WAY;
            let input = self.input.as_mut().filter(|_| room);
            tokio::select! {
                biased;
                Some((load, reply, next)) = self.under_way.next(), if !self.under_way.is_empty() => {
                    let reply = self.replied(load, reply, next);
                    if !self.is_confirmed_later(&reply) {
                        return Some(reply);
                    }
                }
                Some(request) = pull(input), if room => match request {
                    Some(request) => self.send(request),
                    None => self.input = None,
                },
                else => return None,
            }
        }
    }

    fn send(&mut self, request: AppendEntriesRequest<Types<R>>) {
        let load = if request.entries.is_empty() { Load::CommitOnly } else { Load::Entries };
        self.carrying = load == Load::Entries;
        let (prev, last) = (request.prev_log_id, wire::last_of::<R>(&request));
        let reply = self.peer.append(request, &self.option);
        let settled = reply.map(move |reply| match reply {
            Err(error) => (load, Err(error), Next::Stop),
            Ok(reply) => {
                let whole = !matches!(&reply, AppendEntriesResponse::PartialSuccess(part) if *part != last);
                let result = reply.into_stream_result(prev, last);
                let next = if whole && result.is_ok() { Next::GoOn } else { Next::Stop };
                (load, Ok(result), next)
            }
        });
        self.under_way.push_back(settled.boxed());
        self.ends.push_back(last);
    }

    /// Whether a request behind this reply ends where it confirms.
    fn is_confirmed_later(&self, reply: &Appended<R>) -> bool {
        matches!(reply, Ok(Ok(matching)) if self.ends.iter().any(|end| end <= matching))
    }

    fn replied(&mut self, load: Load, reply: Appended<R>, next: Next) -> Appended<R> {
        self.ends.pop_front();
        if load == Load::Entries {
            self.carrying = false;
        }
        match next {
            Next::GoOn => {}
            Next::Stop => {
                self.input = None;
                self.under_way.clear();
                self.ends.clear();
            }
        }
        reply
    }
}

/// The next request; `None` if there is nowhere to take one from, `Some(None)` at the end.
async fn pull<S: Stream + Unpin>(input: Option<&mut S>) -> Option<Option<S::Item>> {
    match input {
        Some(input) => Some(input.next().await),
        None => None,
    }
}

#[cfg(test)]
mod tests;
