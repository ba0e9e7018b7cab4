//! Reads: from the leader's proven view, or from any server's with `stale`; now, or when the answer has changed.

use super::{Repeat, Step, Target, strange};
use crate::agent::query::{Answer, Query, Verdict, Wait, patience};
use crate::api::read::{ReadMode, ReadOptions};
use crate::model::Instant;
use crate::raft::{Consistency, Raft, ReadError, Retry, View};
use crate::runtime::{Elapsed, Runtime, timeout};
use crate::server::Agent;
use crate::server::hold::Hold;
use crate::server::wire::{Answered, Refusal, Relay, Request, Response};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What a peer is given on top of its own patience to bring its answer home: a server that holds a request may ask the leader once more at the
/// end, which takes as long again.
const SLACK: Duration = Duration::from_secs(1);

impl<R: Runtime> Agent<R> {
    /// Answers `query`. `relay` is how it came here, `None` if from a client of this agent.
    ///
    /// Whoever waits for long keeps the whole of this future in memory, thousands of times over: what is not on the way of a read that is answered
    /// here and now stands in a box.
    pub(in crate::server) async fn read(&self, query: &Query, options: &ReadOptions, relay: Option<Relay>) -> Result<Answered, Refusal> {
        self.check_datacenter(options.dc.as_deref())?;
        let mut hold = Hold::new::<R>(self.config().rpc_hold_timeout);
        loop {
            let target = match options.mode {
                ReadMode::Stale { .. } => self.route_to_any()?,
                ReadMode::Default | ReadMode::Consistent => self.route_to_leader(relay)?,
            };
            let step = match target {
                Target::Here(raft) => match options.mode {
                    ReadMode::Stale { max_age } => self.read_stale(raft, query, options, max_age, relay).await,
                    ReadMode::Default => self.read_proven(raft, Consistency::Default, query, options).await,
                    ReadMode::Consistent => self.read_proven(raft, Consistency::Consistent, query, options).await,
                },
                Target::There { addr, relay } => Box::pin(self.read_there(addr, relay, query, options, &hold)).await,
                Target::Nobody => Step::Again,
            };
            match step {
                Step::Done(done) => return done,
                Step::Again => self.hold(&mut hold).await?,
            }
        }
    }

    async fn read_there(&self, addr: SocketAddr, relay: Relay, query: &Query, options: &ReadOptions, hold: &Hold) -> Step<Answered> {
        let request = Request::Read { query: query.clone(), options: options.clone(), relay };
        let patience = self.patience(relay, hold) + self.longest_wait(options);
        let asked = match (relay, options.min_index) {
            (Relay::Server, 0) => self.ask_leader(addr, &request, Repeat::Always, patience).await,
            // A wait goes on at a server that no longer leads: it hears of changes as well.
            (Relay::Server | Relay::Client, _) => self.ask(addr, &request, Repeat::Always, patience).await,
        };
        answered(asked)
    }

    async fn read_proven(&self, raft: &Raft<R>, consistency: Consistency, query: &Query, options: &ReadOptions) -> Step<Answered> {
        let patience = self.config().rpc_hold_timeout;
        match timeout::<R, _>(patience, raft.read_view(consistency)).await {
            Ok(Ok(view)) => {
                let answer = self.answer_or_wait(raft, view, query, options).await;
                Step::Done(answer.map(|answer| Answered { answer, known_leader: true, last_contact: Duration::ZERO }))
            }
            Ok(Err(e)) => match e.retry() {
                Retry::At(_) | Retry::Soon => Step::Again,
                Retry::Never => Step::Done(Err(refusal_of(&e))),
            },
            Err(_) => Step::Again,
        }
    }

    /// Answers from this server's own view, unless it never heard of a leader, or `max_age` asks for something fresher than it can vouch for.
    async fn read_stale(
        &self,
        raft: &Raft<R>,
        query: &Query,
        options: &ReadOptions,
        max_age: Option<Duration>,
        relay: Option<Relay>,
    ) -> Step<Answered> {
        let Some(last_contact) = raft.last_contact() else { return Step::Again };
        if max_age.is_some_and(|max| last_contact > max) {
            let fresh = ReadOptions { mode: ReadMode::Default, ..options.clone() };
            return Step::Done(Box::pin(self.read(query, &fresh, relay)).await);
        }
        let answer = match self.answer_or_wait(raft, raft.view(), query, options).await {
            Ok(answer) => answer,
            Err(refusal) => return Step::refused(refusal),
        };
        // Its age when it leaves, not when it was asked for.
        let last_contact = raft.last_contact().unwrap_or(last_contact);
        let known_leader = self.known_leader(raft).is_some();
        Step::Done(Ok(Answered { answer, known_leader, last_contact }))
    }

    /// The blocking loop. A view that was proven when the wait began needs no further proof when it has changed: whatever this server applies later
    /// was committed after that.
    async fn answer_or_wait(&self, raft: &Raft<R>, view: Arc<View>, query: &Query, options: &ReadOptions) -> Result<Answer, Refusal> {
        let mut wait = Wait::new(options.min_index);
        let answer = query.answer(&view.state);
        match wait.look(view.index, &answer) {
            Verdict::Send => Ok(answer),
            Verdict::Wait => Box::pin(self.wait_for_news(raft, view, query, options, wait)).await,
        }
    }

    async fn wait_for_news(
        &self,
        raft: &Raft<R>,
        mut view: Arc<View>,
        query: &Query,
        options: &ReadOptions,
        mut wait: Wait,
    ) -> Result<Answer, Refusal> {
        let until: Instant = R::now() + self.wait_of(options);
        let restored_before = view.state.restored_at();
        loop {
            let changed = raft.changed(query.topics(&view.state), view.index);
            let woken = tokio::select! {
                biased;
                woken = timeout::<R, _>(until.since(R::now()), changed) => match woken {
                    Ok(Ok(())) => true,
                    Ok(Err(full)) => return Err(Refusal::Full(full.to_string())),
                    Err(Elapsed) => false,
                },
                () = self.stopping() => false,
            };
            view = raft.view();
            let answer = query.answer(&view.state);
            // Rows of another past are not told by their indexes.
            let restored = view.state.restored_at() != restored_before;
            if !woken || restored || wait.look(view.index, &answer) == Verdict::Send {
                return Ok(answer);
            }
        }
    }

    pub(in crate::server) fn wait_of(&self, options: &ReadOptions) -> Duration {
        patience(options.wait, self.config().default_query_time, self.config().max_query_time, R::random())
    }

    /// The most that the wait of a blocking query can take on the server that answers it.
    fn longest_wait(&self, options: &ReadOptions) -> Duration {
        match options.min_index {
            0 => Duration::ZERO,
            _ => patience(options.wait, self.config().default_query_time, self.config().max_query_time, u64::MAX),
        }
    }

    /// How long to wait for a peer that holds the request itself (asked for a client agent) or answers at once (the leader).
    pub(super) fn patience(&self, relay: Relay, hold: &Hold) -> Duration {
        match relay {
            Relay::Client => self.config().rpc_hold_timeout + SLACK * 2,
            Relay::Server => hold.left::<R>() + SLACK,
        }
    }

    pub(in crate::server) fn check_datacenter(&self, dc: Option<&str>) -> Result<(), Refusal> {
        match dc {
            Some(dc) if dc != self.config().datacenter.as_str() => Err(Refusal::NoPath),
            Some(_) | None => Ok(()),
        }
    }
}

fn answered(asked: Step<Response>) -> Step<Answered> {
    match asked {
        Step::Done(Ok(Response::Answered(answered))) => Step::Done(Ok(answered)),
        Step::Done(Ok(other)) => strange(&other),
        Step::Done(Err(refusal)) => Step::Done(Err(refusal)),
        Step::Again => Step::Again,
    }
}

fn refusal_of(e: &ReadError) -> Refusal {
    match e {
        ReadError::NotLeader { leader } => Refusal::NotLeader(*leader),
        ReadError::Unsettled => Refusal::NoLeader,
        ReadError::Stopped(_) => Refusal::Refused(e.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use crate::agent::query::{Query, ReadOptions};
    use crate::runtime::tokio::Tokio;
    use crate::server::Agent;

    /// The size of the future that `make` makes, which is never made.
    fn size<F: Future>(_make: impl FnOnce(&'static Agent<Tokio>, &'static Query, &'static ReadOptions) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_read_that_waits_takes_little_memory() {
        let read = size(|agent, query, options| agent.read(query, options, None));
        let for_client = size(|agent, query, options| agent.read_for_client(query.clone(), options.clone()));
        assert!(read < 2_048 && for_client < 4_096, "read: {read} bytes, read_for_client: {for_client} bytes");
    }
}
