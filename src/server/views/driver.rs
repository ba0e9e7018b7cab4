//! A client agent's one subscription: questions out, batches in.

use super::copies::Order;
use crate::agent::views::{Ask, Batch, HEARTBEAT, Input, Lineage, Told};
use crate::model::Instant;
use crate::runtime::Runtime;
use crate::server::Agent;
use crate::server::requests::{Repeat, Step};
use crate::server::wire::{Request, Response};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, OptionFuture};
use std::net::SocketAddr;
use std::time::Duration;

/// How long a question may wait for its answer: a server without news says so after [`HEARTBEAT`].
const PATIENCE: Duration = HEARTBEAT.saturating_mul(2);
/// How long a change may take to be taken.
const CHANGE_PATIENCE: Duration = Duration::from_secs(5);
/// A server that has not heard of a leader for so long is left for another.
const CUT_OFF: Duration = Duration::from_secs(10);

/// What is under way.
#[derive(Default)]
struct Calls {
    /// The server of the subscription, and since when.
    server: Option<(SocketAddr, Instant)>,
    question: Option<BoxFuture<'static, Input>>,
    change: Option<BoxFuture<'static, Input>>,
}

impl<R: Runtime> Agent<R> {
    /// Keeps this client agent's views current until it stops.
    pub(in crate::server) async fn keep_views_current(&self) {
        let mut calls = Calls::default();
        loop {
            while let Some(order) = self.0.copies.order() {
                self.carry_out(order, &mut calls);
            }
            let due = self.0.copies.deadline().map(|deadline| R::sleep_until(deadline.at));
            tokio::select! {
                biased;
                Some(told) = OptionFuture::from(calls.question.as_mut()) => {
                    calls.question = None;
                    self.hear(told, &mut calls);
                }
                Some(done) = OptionFuture::from(calls.change.as_mut()) => {
                    calls.change = None;
                    self.0.copies.feed(R::now(), done);
                }
                () = self.0.copies.ordered() => {}
                Some(()) = OptionFuture::from(due) => self.0.copies.fall_due(R::now()),
                () = self.stopping() => return,
            }
        }
    }

    fn carry_out(&self, order: Order, calls: &mut Calls) {
        match order {
            Order::Ask(ask) => {
                if ask.session.is_none() {
                    let server = self.directory().preferred().map(|server| (server.addr, R::now()));
                    *calls = Calls { server, ..Calls::default() };
                }
                calls.question = Some(match calls.server {
                    Some((server, _)) => self.clone().put_question(server, ask).boxed(),
                    None => std::future::ready(Input::Failed).boxed(),
                });
            }
            Order::Change(ask) => {
                calls.change = Some(match calls.server {
                    Some((server, _)) => self.clone().put_change(server, ask).boxed(),
                    None => std::future::ready(Input::NotChanged).boxed(),
                });
            }
            Order::HangUp => *calls = Calls::default(),
        }
    }

    async fn put_question(self, server: SocketAddr, ask: Ask) -> Input {
        match self.ask(server, &Request::Subscribe(ask), Repeat::Always, PATIENCE).await {
            Step::Done(Ok(Response::Told(told))) => {
                match told {
                    Told::Behind | Told::Full => self.distrust(server),
                    Told::Batch(_) | Told::Unknown => {}
                }
                Input::Told(told)
            }
            Step::Done(Ok(_) | Err(_)) => {
                self.distrust(server);
                Input::Failed
            }
            // It was distrusted already.
            Step::Again => Input::Failed,
        }
    }

    async fn put_change(self, server: SocketAddr, ask: Ask) -> Input {
        match self.ask(server, &Request::ChangeSubscription(ask), Repeat::Always, CHANGE_PATIENCE).await {
            Step::Done(Ok(Response::Operated)) => Input::Changed,
            Step::Done(Ok(_) | Err(_)) | Step::Again => Input::NotChanged,
        }
    }

    /// Takes an answer, and turns to another server if the one asked is not the one to keep to: it is cut off, or there are others again.
    fn hear(&self, told: Input, calls: &mut Calls) {
        let now = R::now();
        let mut cut_off = false;
        if let Input::Told(Told::Batch(batch)) = &told {
            if batch.lineage == Lineage::Anew {
                tracing::warn!(index = batch.index, "the cluster began anew: this agent's views do, too");
                self.0.copies.forget_seen(batch.index);
            }
            cut_off = is_cut_off(batch);
        }
        self.0.copies.feed(now, told);
        let Some((server, since)) = calls.server.filter(|(_, since)| now.since(*since) >= HEARTBEAT) else { return };
        if cut_off {
            self.distrust(server);
        }
        if self.directory().preferred().is_some_and(|preferred| preferred.addr != server) {
            tracing::debug!(%server, since = since.as_nanos(), "the subscription moves to another server");
            self.0.copies.feed(now, Input::Move);
        }
    }
}

fn is_cut_off(batch: &Batch) -> bool {
    !batch.known_leader && batch.last_contact >= CUT_OFF
}
