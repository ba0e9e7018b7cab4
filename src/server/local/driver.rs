//! What goes on by itself: checks fall due, the catalog is told, states are written down.

use super::core::Errand;
use super::untold::row_of;
use super::{LocalAgent, records};
use crate::agent::antientropy::{self, Outcome};
use crate::agent::local::{FileChange, LocalChange};
use crate::agent::query::{Query, ReadOptions, Rows, WholeNode};
use crate::gossip::MemberStatus;
use crate::model::Instant;
use crate::runtime::{Runtime, sleep};
use crate::server::Agent;
use crate::server::gossip::Notice;
use crate::state::{Command, Reply};
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::FuturesUnordered;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Between two rounds of writing check states at most: what changes more often is written once.
const STATES_PAUSE: Duration = Duration::from_secs(1);
/// The pause for each state that was written: few are written nearly at once, so that a crash a moment later forgets nothing.
const STATE_PAUSE: Duration = Duration::from_millis(20);

/// Between two signs of life if nothing else is to be written: by so much too early an agent that crashed may seem to have died.
const LIFE_PAUSE: Duration = Duration::from_secs(5);

const UNWRITTEN: &str = "how checks stand could not be written down: after a restart they are critical until they are run or told";

/// What one look of the driver found.
pub(super) struct Look {
    errands: Vec<Errand>,
    given_up: BTreeSet<Arc<str>>,
    alarm: Option<Instant>,
}

/// States are written as they change while this is there.
struct Keeping<'a, R: Runtime>(&'a LocalAgent<R>);

impl<R: Runtime> Drop for Keeping<'_, R> {
    fn drop(&mut self) {
        self.0.step(|core, _| core.stop_keeping());
    }
}

impl<R: Runtime> LocalAgent<R> {
    pub(super) fn look(&self) -> Look {
        self.step(|core, now| {
            core.turn(now, self);
            Look { errands: core.take_errands(), given_up: core.take_given_up(), alarm: core.set_alarm() }
        })
    }

    pub(super) fn tell(&self, input: antientropy::Input) {
        self.step(|core, now| core.tell(now, input));
    }

    /// Writes check states as they change, and that the agent lives, for as long as it is polled.
    pub(super) async fn write_states_as_they_change(&self) {
        let _until_dropped = Keeping(self);
        let mut works = true;
        loop {
            tokio::select! {
                biased;
                () = self.0.urgent.notified() => {}
                () = self.0.states.notified() => {}
                () = sleep::<R>(LIFE_PAUSE) => {}
            }
            let (states, unkept) = self.step(|core, now| (core.take_states(now), core.take_unkept()));
            let states = Arc::new(states);
            let pause = (STATE_PAUSE * states.len() as u32).min(STATES_PAUSE);
            let written = self.write_states(states.clone()).await;
            if let Err(error) = &written {
                if works {
                    tracing::warn!(%error, "{UNWRITTEN}");
                }
                // Waits for the next round: nobody is woken.
                self.0.core.lock().expect("no panic while held").put_back_states(Arc::unwrap_or_clone(states));
            }
            works = written.is_ok();
            drop(unkept);
            self.pause_unless_somebody_waits(pause).await;
        }
    }

    async fn pause_unless_somebody_waits(&self, pause: Duration) {
        tokio::select! {
            biased;
            // Told on: the round that comes is theirs.
            () = self.0.urgent.notified() => self.0.urgent.notify_one(),
            () = sleep::<R>(pause) => {}
        }
    }

    /// Writes down how the checks stand at the end.
    pub(super) async fn write_last_states(&self, states: Vec<FileChange>) {
        if let Err(error) = self.write_states(Arc::new(states)).await {
            tracing::warn!(%error, "{UNWRITTEN}");
        }
    }

    async fn write_states(&self, states: Arc<Vec<FileChange>>) -> io::Result<()> {
        let (disk, writing) = (self.0.disk.clone(), self.0.writing.clone());
        let written = R::spawn_blocking(move || {
            let _turn = writing.lock().expect("no panic while held");
            states.iter().try_for_each(|change| records::write_lazily(&disk, change))
        });
        written.await.and_then(|written| written)
    }
}

impl<R: Runtime> Agent<R> {
    /// Looks after the registrations until the agent begins to leave.
    pub(in crate::server) async fn look_after_registrations(&self) {
        let working = async {
            tokio::join!(self.drive(), self.local().write_states_as_they_change(), self.follow_aliases(), self.tell_of_members());
        };
        tokio::select! {
            biased;
            () = self.leaving() => {}
            () = working => {}
        }
    }

    async fn drive(&self) {
        let local = self.local();
        let mut under_way: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        loop {
            let Look { errands, given_up, alarm } = local.look();
            // Anti-entropy bounds its errands, and what is given up is a service each.
            under_way.extend(errands.into_iter().map(|errand| self.run(errand).boxed()));
            under_way.extend(given_up.into_iter().map(|service| self.give_up(service).boxed()));
            tokio::select! {
                biased;
                () = local.0.driver.notified() => {}
                Some(()) = under_way.next(), if !under_way.is_empty() => {}
                () = until::<R>(alarm) => {}
            }
        }
    }

    async fn run(&self, errand: Errand) {
        let input = match errand {
            Errand::Fetch(fetch) => match self.fetch_own_node().await {
                Some(found) => antientropy::Input::Fetched { fetch, found },
                None => antientropy::Input::FetchFailed(fetch),
            },
            Errand::Write(write, order, command) => {
                self.local().keep_life(order.life).await;
                let row = row_of(&command);
                let outcome = match self.write(Command::Ordered { order, command: *command }, None).await {
                    Ok((_, Reply::Superseded { life })) => Outcome::Superseded { life },
                    Ok((_, reply)) => {
                        self.local().untold().told(&row);
                        reply.settled().map_or_else(Outcome::Refused, |_| Outcome::Done)
                    }
                    Err(refusal) => {
                        if self.local().untold().failed(&row, &refusal) {
                            tracing::warn!(row, %refusal, "the catalog cannot be told of a registration: it is tried again and again");
                        } else {
                            tracing::debug!(row, %refusal, "the catalog was not told of a registration: tried again later");
                        }
                        Outcome::Unknown
                    }
                };
                antientropy::Input::Written { write, outcome }
            }
        };
        self.local().tell(input);
    }

    /// What the catalog has of this node; `None` if that cannot be known.
    async fn fetch_own_node(&self) -> Option<Option<WholeNode>> {
        let query = Query::WholeNode { node: self.config().node_name.to_string() };
        let answered = self.read(&query, &ReadOptions::default(), None).await;
        match answered.map(|answered| answered.answer.rows) {
            Ok(Rows::WholeNode(found)) => Some(found),
            Ok(_) => None,
            Err(refusal) => {
                tracing::debug!(%refusal, "the catalog could not be compared with the registrations");
                None
            }
        }
    }

    async fn give_up(&self, service: Arc<str>) {
        tracing::warn!(%service, "deregistered: a check of it was critical for longer than deregister_critical_service_after");
        if let Err(error) = self.local().register(LocalChange::DeregisterService { id: service.as_ref().to_owned() }).await {
            tracing::warn!(%service, %error, "a service that stays critical is not deregistered yet");
        }
    }

    /// Tells anti-entropy how large the pool is and when there may be somebody to tell again.
    async fn tell_of_members(&self) {
        let mut events = self.lan().events();
        let mut leadership = self.raft().map(crate::raft::Raft::watch_leadership);
        loop {
            let alive = self.lan().members().iter().filter(|member| member.status == MemberStatus::Alive).count();
            self.local().tell(antientropy::Input::Members(alive));
            let led = async {
                match &mut leadership {
                    Some(leadership) => leadership.changed().await.is_ok(),
                    None => std::future::pending().await,
                }
            };
            let found = tokio::select! {
                biased;
                notice = events.next() => match notice {
                    Some(Notice::Event(event)) => event.member.tag("role") == Some("consul"),
                    Some(Notice::Reconcile) => true,
                    None => return,
                },
                news = led => match news {
                    true => true,
                    false => return,
                },
            };
            if found {
                self.local().tell(antientropy::Input::ServerFound);
            }
        }
    }
}

async fn until<R: Runtime>(alarm: Option<Instant>) {
    match alarm {
        Some(alarm) => R::sleep_until(alarm).await,
        None => std::future::pending().await,
    }
}
