//! The leader's watch over sessions, TTLs and lock-delays, driven.

use crate::agent::expiry::{Fate, Input, Output, Proof, Renewal, Rules, Sight, Watch};
use crate::model::{Instant, Machine, Table, Topic};
use crate::raft::{Consistency, Leadership, ProposeError, Raft, View};
use crate::runtime::{Runtime, sleep, timeout, watch};
use crate::server::Agent;
use crate::state::Command;
use crate::state::timers::{Expiry, Timer};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::time::Duration;

/// Pause before what failed is tried again.
const AGAIN: Duration = Duration::from_millis(100);

/// The timers of the term in which this server leads.
#[derive(Debug)]
pub(in crate::server) struct Reign {
    term: u64,
    watch: Watch,
}

impl<R: Runtime> Agent<R> {
    /// Keeps the time of everything that ends by itself, whenever this server leads.
    pub(in crate::server) async fn keep_time(&self) {
        let Some(raft) = self.raft() else { return };
        let mut leadership = raft.watch_leadership();
        loop {
            let current = *leadership.borrow_and_update();
            if current.is_us() {
                self.keep_time_of(raft, current.term, &mut leadership).await;
                *self.0.reign.lock().expect("no panic while held") = None;
            } else if leadership.changed().await.is_err() {
                return;
            }
        }
    }

    /// The same for one term: until another leads, or another term begins.
    async fn keep_time_of(&self, raft: &Raft<R>, term: u64, leadership: &mut watch::Receiver<Leadership>) {
        let still = |leadership: &watch::Receiver<Leadership>| {
            let current = *leadership.borrow();
            current.is_us() && current.term == term
        };
        // The first view that holds everything earlier leaders committed.
        while raft.read_view(Consistency::Default).await.is_err() {
            if let Ok(Err(_)) = timeout::<R, _>(AGAIN, leadership.changed()).await {
                return;
            }
            if !still(leadership) {
                return;
            }
        }
        let rules = Rules { session_permille: self.config().sessions.ttl_permille };
        *self.0.reign.lock().expect("no panic while held") = Some(Reign { term, watch: Watch::new(rules, R::now()) });
        let mut errand: Option<BoxFuture<'_, Input>> = None;
        let mut news = None;
        loop {
            let view = raft.view();
            let (output, due) = self.step_watch(&view, news.take());
            if let Some(output) = output {
                errand = Some(run(raft, output).boxed());
            }
            if !still(leadership) {
                return;
            }
            tokio::select! {
                biased;
                changed = leadership.changed() => if changed.is_err() { return },
                input = finished(&mut errand) => news = Some(input),
                () = timers_changed(raft, &view) => {}
                () = until::<R>(due) => {}
            }
        }
    }

    /// Tells the watch of the newest view and of what else came; says what it wants done, and when it wants to look again.
    fn step_watch(&self, view: &View, news: Option<Input>) -> (Option<Output>, Option<Instant>) {
        let mut reign = self.0.reign.lock().expect("no panic while held");
        let Some(Reign { watch, .. }) = reign.as_mut() else { return (None, None) };
        let now = R::now();
        watch.handle(now, Input::Timers(sight(view)));
        let mut output = watch.poll_output();
        if let Some(input) = news {
            // It asks for nothing new while it waits for this.
            assert!(output.is_none(), "one errand at a time");
            watch.handle(now, input);
            output = watch.poll_output();
        }
        let output = output.or_else(|| {
            watch.handle_timeout(now);
            watch.poll_output()
        });
        (output, watch.poll_timeout().map(|deadline| deadline.at))
    }

    /// Renews a timer that `view` has, if this server's watch is that of `term`; `None` if it is not, or has not begun.
    pub(in crate::server) fn renew_timer(&self, term: u64, view: &View, timer: &Timer) -> Option<Renewal> {
        let mut reign = self.0.reign.lock().expect("no panic while held");
        let reign = reign.as_mut().filter(|reign| reign.term == term)?;
        Some(reign.watch.renew(R::now(), sight(view), timer))
    }
}

fn sight(view: &View) -> Sight {
    Sight { as_of: view.index, rows: view.state.timers().rows().clone(), restored_at: view.state.restored_at() }
}

/// Does what the watch wants.
async fn run<R: Runtime>(raft: &Raft<R>, output: Output) -> Input {
    match output {
        Output::Prove => Input::Proof(match raft.read_view(Consistency::Consistent).await {
            Ok(_) => Proof::Leads,
            Err(_) => Proof::Unknown,
        }),
        Output::Expire(expired) => {
            say(&expired);
            Input::Fate(match raft.propose(Command::Expire(expired)).await {
                Ok(_) => Fate::Committed,
                Err(ProposeError::NotLeader { .. } | ProposeError::Unsettled | ProposeError::NoSpace | ProposeError::Busy { .. }) => {
                    Fate::Refused
                }
                Err(ProposeError::Unknown | ProposeError::Stopped(_)) => Fate::Unknown,
            })
        }
    }
}

/// An operator who asks why a lock went finds it here.
fn say(expired: &[Expiry]) {
    for Expiry { timer, .. } in expired {
        match timer {
            Timer::Session(id) => tracing::info!(session = %id, "a session was not renewed in time: it ends"),
            Timer::Key(key) => tracing::debug!(?key, "a key was not refreshed in time: it is deleted"),
            Timer::LockDelay(id) => tracing::debug!(session = %id, "a lock-delay is over"),
        }
    }
}

/// The end of what is under way; never if nothing is.
async fn finished(errand: &mut Option<BoxFuture<'_, Input>>) -> Input {
    match errand {
        None => std::future::pending().await,
        Some(running) => {
            let input = running.await;
            *errand = None;
            input
        }
    }
}

/// Completes when there may be other timers than in `view`.
async fn timers_changed<R: Runtime>(raft: &Raft<R>, view: &View) {
    if raft.changed(vec![Topic::Table(Table::Timers)], view.index).await.is_err() {
        // As many wait as this server holds: it looks by itself.
        sleep::<R>(AGAIN).await;
    }
}

async fn until<R: Runtime>(due: Option<Instant>) {
    match due {
        Some(due) => R::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
