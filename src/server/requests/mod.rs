//! A request's way: answered here if this server may, else passed on once to a server that may.

mod read;
mod renew;
mod route;
mod write;

pub(super) use route::Target;

use super::wire::{self, Refusal, Request, Response};
use super::{Agent, hold::Hold};
use crate::rpc::CallError;
use crate::runtime::{Runtime, sleep};
use std::net::SocketAddr;
use std::time::Duration;

/// How long a leader that was replaced may take to answer what it was asked before.
const LAST_WORD: Duration = Duration::from_millis(100);

/// One attempt's end.
pub(super) enum Step<T> {
    /// It is over.
    Done(Result<T, Refusal>),
    /// Certainly not carried out, and worth another attempt.
    Again,
}

impl<T> Step<T> {
    /// Over, with a refusal.
    pub fn refused(refusal: Refusal) -> Step<T> {
        Step::Done(Err(refusal))
    }
}

/// What may be done again after an attempt whose outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It changes nothing, so asking again is harmless.
    Always,
    /// It may have taken effect.
    OnlyIfNotSent,
}

impl<R: Runtime> Agent<R> {
    /// Sends `request` to `to` and sorts what came of it.
    pub(super) async fn ask(&self, to: SocketAddr, request: &Request, repeat: Repeat, patience: Duration) -> Step<Response> {
        let body = wire::encode(request);
        match self.calls().call(to, wire::AGENT, body, patience).await {
            Ok(body) => match wire::decode_response(&body) {
                Ok(Response::Refused(Refusal::NotLeader(_))) => Step::Again,
                Ok(Response::Refused(refusal)) => Step::refused(refusal),
                Ok(response) => Step::Done(Ok(response)),
                Err(e) => Step::refused(Refusal::Unknown(format!("rpc error making call: {e}"))),
            },
            Err(CallError::NotSent(why)) => {
                tracing::debug!(%to, %why, "request not sent");
                self.distrust(to);
                Step::Again
            }
            Err(CallError::Unknown(why)) => {
                self.distrust(to);
                match repeat {
                    Repeat::Always => Step::Again,
                    Repeat::OnlyIfNotSent => Step::refused(Refusal::Unknown(format!("rpc error making call: {why}"))),
                }
            }
            Err(CallError::Refused(text)) => Step::refused(Refusal::Refused(format!("rpc error making call: {text}"))),
        }
    }

    /// Asks the leader, but no longer than it is the leader: one that froze or was cut off would be waited for until its silence is noticed.
    pub(super) async fn ask_leader(&self, to: SocketAddr, request: &Request, repeat: Repeat, patience: Duration) -> Step<Response> {
        let replaced = async {
            self.leader_changed().await;
            // One that hands over in order still answers what it has taken.
            sleep::<R>(LAST_WORD).await;
        };
        tokio::select! {
            biased;
            step = self.ask(to, request, repeat, patience) => step,
            () = replaced => match repeat {
                Repeat::Always => Step::Again,
                Repeat::OnlyIfNotSent => {
                    Step::refused(Refusal::Unknown("rpc error making call: the leader was replaced before it answered".to_owned()))
                }
            },
        }
    }

    /// Waits a moment after an attempt that led nowhere. The error ends the request.
    pub(super) async fn hold(&self, hold: &mut Hold) -> Result<(), Refusal> {
        if hold.pause::<R>(self.leader_changed()).await { Ok(()) } else { Err(Refusal::NoLeader) }
    }
}

/// An answer of a kind that the request cannot have: the peer's bug, not ours to crash on.
pub(super) fn strange<T>(response: &Response) -> Step<T> {
    tracing::error!(?response, "a server answered with a response of another kind");
    Step::refused(Refusal::Unknown("rpc error making call: response of another kind".to_owned()))
}
