//! Renewals: the leader moves a deadline, and the log is not written.

use super::{Repeat, Step, Target, strange};
use crate::agent::expiry::{Renewal, Renewed};
use crate::raft::{Consistency, Raft, Retry, View};
use crate::runtime::{Runtime, timeout};
use crate::server::Agent;
use crate::server::hold::Hold;
use crate::server::wire::{Refusal, Relay, Request, Response};
use crate::state::timers::Timer;
use std::net::SocketAddr;

impl<R: Runtime> Agent<R> {
    /// Has a session, or a key with a TTL, live anew from now on. An error says nothing of whether it does.
    ///
    /// Whoever leads next gives it its whole time again, so what is answered here holds beyond this leader.
    pub(in crate::server) async fn renew(&self, timer: &Timer, relay: Option<Relay>) -> Result<Renewed, Refusal> {
        let mut hold = Hold::new::<R>(self.config().rpc_hold_timeout);
        loop {
            let step = match self.route_to_leader(relay)? {
                Target::Here(raft) => self.renew_here(raft, timer).await,
                Target::There { addr, relay } => Box::pin(self.renew_there(addr, relay, timer, &hold)).await,
                Target::Nobody => Step::Again,
            };
            match step {
                Step::Done(done) => return done,
                Step::Again => self.hold(&mut hold).await?,
            }
        }
    }

    async fn renew_there(&self, addr: SocketAddr, relay: Relay, timer: &Timer, hold: &Hold) -> Step<Renewed> {
        let request = Request::Renew { timer: timer.clone(), relay };
        let patience = self.patience(relay, hold);
        let asked = match relay {
            Relay::Client => self.ask(addr, &request, Repeat::Always, patience).await,
            Relay::Server => self.ask_leader(addr, &request, Repeat::Always, patience).await,
        };
        match asked {
            Step::Done(Ok(Response::Renewed(renewed))) => Step::Done(Ok(renewed)),
            Step::Done(Ok(other)) => strange(&other),
            Step::Done(Err(refusal)) => Step::Done(Err(refusal)),
            Step::Again => Step::Again,
        }
    }

    async fn renew_here(&self, raft: &Raft<R>, timer: &Timer) -> Step<Renewed> {
        let term = raft.leadership().term;
        match timeout::<R, _>(self.config().rpc_hold_timeout, raft.read_view(Consistency::Default)).await {
            Ok(Ok(view)) => self.renew_in(term, &view, timer),
            Ok(Err(e)) => match e.retry() {
                Retry::At(_) | Retry::Soon => Step::Again,
                Retry::Never => Step::refused(Refusal::Refused(e.to_string())),
            },
            Err(_) => Step::Again,
        }
    }

    /// Renews what a proven view has.
    fn renew_in(&self, term: u64, view: &View, timer: &Timer) -> Step<Renewed> {
        let renewed = match timer {
            Timer::Session(id) => view.state.sessions().get(*id).cloned().map(Renewed::Session),
            Timer::Key(key) => view.state.kv().get(key).filter(|entry| entry.ttl().is_some()).map(|_| Renewed::Key),
            // It ends when it ends.
            Timer::LockDelay(_) => None,
        };
        let Some(renewed) = renewed else { return Step::Done(Ok(Renewed::Gone)) };
        if !view.state.timers().rows().contains_key(timer) {
            // A session without a TTL.
            return Step::Done(Ok(renewed));
        }
        match self.renew_timer(term, view, timer) {
            Some(Renewal::Renewed) => Step::Done(Ok(renewed)),
            Some(Renewal::Undecided | Renewal::NoTimer) | None => Step::Again,
        }
    }
}
