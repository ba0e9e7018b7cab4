//! Handing leadership over.

use super::config;
use super::errors::TransferError;
use super::handle::Raft;
use super::leadership::Leadership;
use super::types::{Types, Vote};
use crate::model::{Instant, NodeId};
use crate::runtime::{Elapsed, Runtime, timeout};
use openraft::raft::VoteRequest;
use openraft::rt::watch::WatchReceiver as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A leader without disk space offers its place at most this often: its successor may have none either.
const OFFER_PAUSE: Duration = Duration::from_secs(10);

impl<R: Runtime> Raft<R> {
    /// Hands leadership to `target`, or to the voter that holds the most of the log. Returns who leads then.
    ///
    /// From the offer on this server takes no proposals. openraft never takes back an offer that came to nothing, so after twice the longest
    /// election timeout this server gives its leadership up and the voters elect, this one among them.
    pub async fn transfer_leadership(&self, target: Option<NodeId>) -> Result<NodeId, TransferError> {
        let before = self.leadership();
        if !before.is_us() {
            return Err(TransferError::NotLeader { leader: before.leader });
        }
        let target = self.successor(target).ok_or(TransferError::NoCandidate)?;
        let stopped = |e: &dyn std::fmt::Display| TransferError::Stopped(e.to_string());
        self.0.core.trigger().transfer_leader(target).await.map_err(|e| stopped(&e))?;
        let moved = |now: &Leadership| now.term > before.term && now.leader.is_some();
        let mut leadership = self.watch_leadership();
        match timeout::<R, _>(config::lease(&self.0.tuning) * 2, leadership.wait_for(moved)).await {
            Ok(Ok(Leadership { leader: Some(leader), .. })) if leader.id == target => Ok(target),
            Ok(Ok(Leadership { leader: Some(leader), .. })) if leader.id != self.0.id => Ok(leader.id),
            Ok(Ok(_)) => Err(TransferError::TimedOut { target }),
            Ok(Err(_)) => Err(TransferError::Stopped("it stopped while handing over".to_owned())),
            Err(Elapsed) => {
                self.give_up(before, target).await.map_err(|e| stopped(&e))?;
                Err(TransferError::TimedOut { target })
            }
        }
    }

    /// Leaves the leadership of the term `before`, in which an offer to `target` came to nothing.
    ///
    /// It does what `target` would have made it do: it gives `target` its vote in the next term. Had `target` asked, the vote would be its due; as it
    /// has not, nobody counts it, and the term stays empty or goes to `target`.
    async fn give_up(&self, before: Leadership, target: NodeId) -> Result<(), openraft::errors::RaftError<Types<R>>> {
        let now = self.leadership();
        if !now.is_us() || now.term != before.term {
            return Ok(());
        }
        tracing::warn!(term = before.term, %target, "nobody took leadership over in time, giving it up");
        let last_log_id = self.0.core.data_metrics().borrow_watched().last_log;
        let vote = Vote::<R>::new(before.term + 1, target);
        let ask = VoteRequest::<Types<R>> { vote, last_log_id, leadership_transfer: true };
        self.0.core.vote(ask).await.map(|_| ())
    }

    /// `wanted` if it is another voter; without a wish the one that holds the most of the log.
    fn successor(&self, wanted: Option<NodeId>) -> Option<NodeId> {
        let mut others = self.voters();
        others.remove(&self.0.id);
        if let Some(wanted) = wanted {
            return others.contains(&wanted).then_some(wanted);
        }
        let metrics = self.0.core.data_metrics();
        let metrics = metrics.borrow_watched();
        let matched = |id: &NodeId| metrics.replication.as_ref().and_then(|all| all.get(id)?.as_ref().map(|at| at.index()));
        // The first of those that hold as much.
        others.into_iter().rev().max_by_key(matched)
    }

    /// Offers leadership to another server, in the background, because this one has no room for proposals.
    pub(super) fn offer_place(&self) {
        let now = R::now();
        let last = self.0.offered.load(Ordering::Relaxed);
        let too_soon = last != 0 && now.since(Instant::from_nanos(last)) < OFFER_PAUSE;
        if too_soon || !self.leadership().is_us() {
            return;
        }
        if self.0.offered.compare_exchange(last, now.as_nanos(), Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let raft = self.clone();
            drop(R::spawn(async move {
                match raft.transfer_leadership(None).await {
                    Ok(to) => tracing::warn!(%to, "handed leadership over for want of disk space"),
                    Err(e) => tracing::warn!(error = %e, "no space left for the log, and nobody to lead in this server's place"),
                }
            }));
        }
    }
}
