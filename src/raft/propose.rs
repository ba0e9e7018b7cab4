//! Proposing commands.

use super::errors::ProposeError;
use super::handle::{Raft, hint};
use super::setup::{PROPOSALS, Space};
use super::types::{Answer, Types};
use crate::model::Index;
use crate::runtime::{Elapsed, Runtime, timeout};
use crate::state::{Command, Reply, Stamped};
use openraft::errors::{ClientWriteError, ForwardReason};
use openraft::raft::ClientWriteResult;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a proposal may be under way. A leader that was cut off learns the outcome only when it hears from the others again.
const PATIENCE: Duration = Duration::from_secs(15);

impl<R: Runtime> Raft<R> {
    /// Proposes a command, stamped with this server's wall clock, and waits until it is applied here: returns the index of its entry and what the
    /// state answered. At most [`PROPOSALS`] are under way at once.
    ///
    /// If the caller goes away the command may still take effect.
    pub async fn propose(&self, command: Command) -> Result<(Index, Reply), ProposeError> {
        if self.space() == Space::Short {
            self.offer_place();
            return Err(ProposeError::NoSpace);
        }
        let place = self.0.proposals.clone().try_acquire_owned().map_err(|_| ProposeError::Busy { limit: PROPOSALS })?;
        let stamped = Stamped { at: R::wall(), command };
        let (answer, outcome) = oneshot::channel();
        let sent = self.0.core.client_write_ff(stamped, Some(Answer::new(answer, place))).await;
        sent.map_err(|fatal| ProposeError::Stopped(fatal.to_string()))?;
        match timeout::<R, _>(PATIENCE, outcome).await {
            // Whatever was restored in between only raised it.
            Ok(Ok(outcome)) => settle::<R>(outcome).map(|(log, reply)| (self.view().state.index_of(log), reply)),
            Ok(Err(_)) => Err(ProposeError::Stopped("it stopped before the outcome was known".to_owned())),
            Err(Elapsed) => Err(ProposeError::Unknown),
        }
    }
}

fn settle<R: Runtime>(outcome: ClientWriteResult<Types<R>>) -> Result<(Index, Reply), ProposeError> {
    match outcome {
        Ok(done) => Ok((done.log_id.index(), done.data)),
        Err(ClientWriteError::ForwardToLeader(forward)) => Err(match forward.reason {
            ForwardReason::NotLeader => ProposeError::NotLeader { leader: hint(&forward) },
            ForwardReason::LeadershipTransfer | ForwardReason::LeaseExpired => ProposeError::Unsettled,
        }),
        Err(ClientWriteError::LogEntryDiscarded(_)) => Err(ProposeError::Unknown),
        // Only a change of the configuration can be refused like this.
        Err(ClientWriteError::ChangeMembershipError(_) | ClientWriteError::PreconditionFailed(_)) => Err(ProposeError::Unknown),
    }
}
