//! Other servers' calls.

use super::handle::Raft;
use super::leadership::Role;
use super::method;
use super::snapshot::{Arrival, Incoming};
use super::types::{LogId, Types, Vote};
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
use std::sync::atomic::Ordering as Atomic;
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
        if self.0.closing.load(Atomic::Acquire) || self.leadership().role == Role::Stopped {
            return Err("this server's log has stopped".to_owned());
        }
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
        self.is_of_a_leader(&append.vote)?;
        are_in_a_row::<R>(&append)?;
        let reply = self.0.core.append_entries(append).await.map_err(text)?;
        match &reply {
            AppendEntriesResponse::Success | AppendEntriesResponse::PartialSuccess(_) | AppendEntriesResponse::Conflict => {
                self.heard_from_leader();
            }
            AppendEntriesResponse::HigherVote(_) => {}
        }
        Ok(reply)
    }

    /// Refuses what no leader sends: taken for one, it could make this server lead without an election.
    fn is_of_a_leader(&self, vote: &Vote<R>) -> Result<(), String> {
        match vote.committed && vote.leader_id.voted_for != self.0.id {
            true => Ok(()),
            false => Err(format!("vote {vote} is not that of another server that was elected")),
        }
    }

    async fn vote(&self, ask: VoteRequest<Types<R>>) -> Result<VoteResponse<Types<R>>, String> {
        is_of_a_candidate::<R>(&ask)?;
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
        is_of_a_candidate::<R>(&ask)?;
        if self.0.fence.stands() {
            return Err("this server has just started and votes for nobody yet".to_owned());
        }
        self.0.core.pre_vote(ask).await.map_err(text)
    }

    async fn take_part(&self, part: Part<R>) -> Result<PartReply<R>, String> {
        if crc32fast::hash(&part.bytes) != part.sum {
            return Err("the part's checksum is wrong".to_owned());
        }
        self.is_of_a_leader(&part.vote)?;
        is_in_its_log::<R>(&part.vote, part.offer.last)?;
        let newest: Vote<R> = self.0.core.metrics().borrow_watched().vote;
        if part.vote.partial_cmp(&newest).is_none_or(Ordering::is_lt) {
            return Ok(PartReply::Settled(newest));
        }
        self.heard_from_leader();
        // One snapshot at a time; while one is being installed, whoever repeats its last part waits here for the outcome.
        let mut slot = self.0.incoming.clone().lock_owned().await;
        if self.0.snapshots.current().is_some_and(|(meta, _)| meta.last_log_id >= part.offer.last) {
            return self.follow(part.vote).await.map(PartReply::Settled);
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

    /// Follows the leader of `vote` unless a newer one is known; returns whom this server follows then.
    ///
    /// A leader takes the reply to a snapshot for a promise like that to an append, so it needs one behind it: an append of nothing.
    async fn follow(&self, vote: Vote<R>) -> Result<Vote<R>, String> {
        let nothing = AppendEntriesRequest { vote, prev_log_id: None, entries: Vec::new(), leader_commit: None };
        match self.0.core.append_entries(nothing).await.map_err(text)? {
            AppendEntriesResponse::Success | AppendEntriesResponse::PartialSuccess(_) | AppendEntriesResponse::Conflict => Ok(vote),
            AppendEntriesResponse::HigherVote(newer) => Ok(newer),
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

/// Refuses entries that do not follow one another, which a log could not hold.
fn are_in_a_row<R: Runtime>(append: &AppendEntriesRequest<Types<R>>) -> Result<(), String> {
    let mut before = append.prev_log_id;
    for entry in &append.entries {
        let (id, next) = (entry.log_id, before.map_or(0, |id| id.index() + 1));
        if id.index() != next || before.is_some_and(|before| id < before) {
            return Err(format!("entry {id} does not follow {}", before.map_or_else(|| "nothing".to_owned(), |id| id.to_string())));
        }
        before = Some(id);
    }
    is_in_its_log::<R>(&append.vote, before)
}

/// Refuses a last entry of a later term than the leader's, which it cannot hold.
fn is_in_its_log<R: Runtime>(leader: &Vote<R>, last: Option<LogId<R>>) -> Result<(), String> {
    match last {
        Some(id) if id.committed_leader_id().term > leader.leader_id.term => {
            Err(format!("the leader of vote {leader} cannot hold entry {id}"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Refuses a vote that claims to have been won before it was cast.
fn is_of_a_candidate<R: Runtime>(ask: &VoteRequest<Types<R>>) -> Result<(), String> {
    match ask.vote.committed {
        true => Err(format!("vote {} is asked for and claims to have been won", ask.vote)),
        false => Ok(()),
    }
}

fn encode<T: Serialize>(reply: Result<T, String>) -> Result<Bytes, String> {
    reply.map(|reply| wire::reply(&reply))
}
