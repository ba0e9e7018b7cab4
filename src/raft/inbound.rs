//! Other servers' calls.

use super::handle::Raft;
use super::method;
use super::snapshot::{Arrival, Incoming};
use super::types::{Types, Vote};
use super::wire::{self, Part, PartReply};
use crate::rpc::Method;
use crate::runtime::Runtime;
use bytes::Bytes;
use openraft::alias::SnapshotOf;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, TransferLeaderRequest, VoteRequest, VoteResponse};
use openraft::rt::watch::WatchReceiver as _;
use openraft::storage::Snapshot;
use serde::Serialize;
use std::cmp::Ordering;
use std::fmt::Display;
use tokio::sync::OwnedMutexGuard;

/// What a call could not be answered with, as text for the caller's log.
fn text(error: impl Display) -> String {
    error.to_string()
}

impl<R: Runtime> Raft<R> {
    /// Answers another server's call of one of [`method`]'s procedures. The error is a text for the caller. A snapshot goes on being installed if
    /// the future is dropped.
    pub async fn handle_rpc(&self, method: Method, body: Bytes) -> Result<Bytes, String> {
        let me = self.0.id;
        match method {
            method::APPEND => encode(self.append(wire::open_request(me, "append", &body).map_err(text)?).await),
            method::VOTE => encode(self.vote(wire::open_request(me, "vote", &body).map_err(text)?).await),
            method::PRE_VOTE => encode(self.pre_vote(wire::open_request(me, "pre-vote", &body).map_err(text)?).await),
            method::SNAPSHOT => encode(self.take_part(wire::open_request(me, "snapshot", &body).map_err(text)?).await),
            method::TRANSFER => {
                let ask: TransferLeaderRequest<Types<R>> = wire::open_request(me, "transfer", &body).map_err(text)?;
                encode(self.0.core.handle_transfer_leader(ask).await.map_err(text))
            }
            Method(other) => Err(format!("method {other} is not one of Raft's")),
        }
    }

    async fn append(&self, append: AppendEntriesRequest<Types<R>>) -> Result<AppendEntriesResponse<Types<R>>, String> {
        let reply = self.0.core.append_entries(append).await.map_err(text)?;
        match &reply {
            AppendEntriesResponse::Success | AppendEntriesResponse::PartialSuccess(_) | AppendEntriesResponse::Conflict => {
                self.heard_from_leader();
            }
            AppendEntriesResponse::HigherVote(_) => {}
        }
        Ok(reply)
    }

    async fn vote(&self, ask: VoteRequest<Types<R>>) -> Result<VoteResponse<Types<R>>, String> {
        if self.0.fence.stands() && !ask.leadership_transfer {
            return Err("this server has just started and votes for nobody yet".to_owned());
        }
        let (term, candidate) = (ask.vote.leader_id.term, ask.vote.leader_id.voted_for);
        let reply = self.0.core.vote(ask).await.map_err(text)?;
        if let Some(observer) = self.0.observer.as_ref().filter(|_| reply.vote_granted) {
            observer.voted(term, candidate);
        }
        Ok(reply)
    }

    async fn pre_vote(&self, ask: VoteRequest<Types<R>>) -> Result<VoteResponse<Types<R>>, String> {
        if self.0.fence.stands() {
            return Err("this server has just started and votes for nobody yet".to_owned());
        }
        self.0.core.pre_vote(ask).await.map_err(text)
    }

    async fn take_part(&self, part: Part<R>) -> Result<PartReply<R>, String> {
        if crc32fast::hash(&part.bytes) != part.sum {
            return Err("the part's checksum is wrong".to_owned());
        }
        let newest: Vote<R> = self.0.core.metrics().borrow_watched().vote;
        if part.vote.partial_cmp(&newest).is_none_or(Ordering::is_lt) {
            return Ok(PartReply::Settled(newest));
        }
        self.heard_from_leader();
        // One snapshot at a time; while one is being installed, whoever repeats its last part waits here for the outcome.
        let mut slot = self.0.incoming.clone().lock_owned().await;
        if self.0.snapshots.current().is_some_and(|(meta, _)| meta.last_log_id >= part.offer.last) {
            return Ok(PartReply::Settled(part.vote));
        }
        let gathered = slot.take().filter(|incoming| incoming.is(&part.offer));
        let mut incoming = match gathered {
            Some(incoming) => incoming,
            None => Incoming::begin(self.0.snapshots.disk(), part.offer).map_err(text)?,
        };
        match incoming.take(part.offset, &part.bytes).map_err(text)? {
            Arrival::Wants(offset) => {
                *slot = Some(incoming);
                Ok(PartReply::Wants(offset))
            }
            Arrival::Whole => {
                // In a task of its own: the caller may give up, the installation may not stop half-way.
                let done = R::spawn(self.clone().install(incoming, part.vote, slot));
                done.await.map_err(text)?
            }
        }
    }

    async fn install(
        self,
        incoming: Incoming<R>,
        vote: Vote<R>,
        slot: OwnedMutexGuard<Option<Incoming<R>>>,
    ) -> Result<PartReply<R>, String> {
        let checked = incoming.check(self.0.snapshots.disk()).await.map_err(text)?;
        let (meta, snapshot) = checked.map_err(text)?;
        let snapshot: SnapshotOf<Types<R>, _> = Snapshot { meta, snapshot };
        let reply = self.0.core.install_full_snapshot(vote, snapshot).await.map_err(text)?;
        drop(slot);
        Ok(PartReply::Settled(reply.vote))
    }
}

fn encode<T: Serialize>(reply: Result<T, String>) -> Result<Bytes, String> {
    reply.map(|reply| wire::reply(&reply))
}
