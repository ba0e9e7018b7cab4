//! Writes: proposed by the leader, once.

use super::{Repeat, Step, Target, strange};
use crate::api::session;
use crate::model::Index;
use crate::raft::{ProposeError, Raft, Retry};
use crate::runtime::{Runtime, timeout};
use crate::server::Agent;
use crate::server::hold::Hold;
use crate::server::wire::{Refusal, Relay, Request, Response};
use crate::state::{Command, Reply, SessionCommand};
use std::net::SocketAddr;

impl<R: Runtime> Agent<R> {
    /// Carries `command` out through the leader. An error other than [`Refusal::Unknown`] means that it certainly was not.
    pub(in crate::server) async fn write(&self, command: Command, relay: Option<Relay>) -> Result<(Index, Reply), Refusal> {
        let mut hold = Hold::new::<R>(self.config().rpc_hold_timeout);
        loop {
            let step = match self.route_to_leader(relay)? {
                Target::Here(raft) => {
                    self.admit(&command)?;
                    Box::pin(self.propose(raft, command.clone(), &hold)).await
                }
                Target::There { addr, relay } => Box::pin(self.write_there(addr, relay, command.clone(), &hold)).await,
                Target::Nobody => Step::Again,
            };
            match step {
                Step::Done(done) => return done,
                Step::Again => self.hold(&mut hold).await?,
            }
        }
    }

    /// Refuses what the state would take, but this server's operator does not: as with Consul, the leader's configuration counts, not that of the agent that was
    /// asked.
    fn admit(&self, command: &Command) -> Result<(), Refusal> {
        let Command::Session(SessionCommand::Create { spec, .. }) = command else { return Ok(()) };
        session::check_ttl(spec.ttl.as_ref(), self.config().sessions.ttl_min).map_err(Refusal::Refused)
    }

    async fn write_there(&self, addr: SocketAddr, relay: Relay, command: Command, hold: &Hold) -> Step<(Index, Reply)> {
        let request = Request::Write { command, relay };
        let patience = self.patience(relay, hold);
        let asked = match relay {
            Relay::Client => self.ask(addr, &request, Repeat::OnlyIfNotSent, patience).await,
            Relay::Server => self.ask_leader(addr, &request, Repeat::OnlyIfNotSent, patience).await,
        };
        match asked {
            Step::Done(Ok(Response::Written { index, reply })) => Step::Done(Ok((index, reply))),
            Step::Done(Ok(other)) => strange(&other),
            Step::Done(Err(refusal)) => Step::Done(Err(refusal)),
            Step::Again => Step::Again,
        }
    }

    async fn propose(&self, raft: &Raft<R>, command: Command, hold: &Hold) -> Step<(Index, Reply)> {
        // A leader that lost its quorum never commits: the proposal is given up, and its outcome with it.
        match timeout::<R, _>(hold.left::<R>().max(self.config().raft.election_timeout().1), raft.propose(command)).await {
            Ok(Ok((index, reply))) => Step::Done(Ok((index, reply))),
            Ok(Err(e)) => match e.retry() {
                Retry::At(_) | Retry::Soon => Step::Again,
                Retry::Never => Step::Done(Err(refusal_of(&e))),
            },
            Err(_) => Step::refused(Refusal::Unknown(
                "No cluster leader: no quorum acknowledged the write in time; it may still take effect".to_owned(),
            )),
        }
    }
}

fn refusal_of(e: &ProposeError) -> Refusal {
    match e {
        ProposeError::NotLeader { leader } => Refusal::NotLeader(*leader),
        ProposeError::Unsettled => Refusal::NoLeader,
        ProposeError::NoSpace | ProposeError::Busy { .. } => Refusal::Full(e.to_string()),
        ProposeError::Unknown => Refusal::Unknown(format!("leadership lost while committing log: {e}")),
        ProposeError::Stopped(_) => Refusal::Unknown(e.to_string()),
    }
}
