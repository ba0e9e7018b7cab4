//! What a server owes the others while it leads: the catalog's view of the members, the seats of the servers, the sweeping of tombstones.

mod expiry;

pub(super) use expiry::Reign;

use super::Agent;
use super::coordinates::GATHER;
use crate::agent::autopilot::{Autopilot, Ballot, LOOK_INTERVAL, Pooled, Report, Seat, Sight, Step};
use crate::agent::reconcile::{Caution, Credence, Own, Reconciler};
use crate::api::operator::{AutopilotState, ServersHealth};
use crate::gossip::{Event, Member};
use crate::model::{Instant, NodeName};
use crate::raft::{Guard, Raft, Server, Suffrage};
use crate::runtime::{Runtime, timeout, watch};
use crate::server::gossip::{Events, Notice};
use crate::state::autopilot::AutopilotSettings;
use crate::state::{Command, Condition, KvCommand, RestoreCommand};
use futures_util::{FutureExt, StreamExt, stream};
use std::collections::BTreeMap;
use std::time::Duration;

/// Steps of one look at the servers. More wait for the next look.
const STEPS: usize = 64;
/// Proposals of the leader's own under way at once: they share fsyncs and rounds, and leave the clients their room. Also the members whose news
/// is acted on together. More wait their turn.
const TOGETHER: usize = 64;
/// Pause before what failed is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// What the leader keeps of its looks at the servers, for operators who ask.
#[derive(Debug, Default)]
pub(super) struct Watchman {
    autopilot: Autopilot,
    /// What the last look saw, and when.
    seen: Option<(Instant, Sight)>,
}

/// One term of leadership.
struct Term<'a, R: Runtime> {
    agent: &'a Agent<R>,
    raft: &'a Raft<R>,
    number: u64,
    reconciler: Reconciler,
}

impl<R: Runtime> Agent<R> {
    /// Does the leader's duties whenever this server leads.
    pub(super) async fn lead_when_elected(&self) {
        let Some(raft) = self.raft() else { return };
        let mut leadership = raft.watch_leadership();
        loop {
            let current = *leadership.borrow_and_update();
            if current.is_us() {
                let config = self.config();
                let own = Own { id: self.node_id(), name: config.node_name.clone(), datacenter: config.datacenter.clone() };
                let caution = match raft.controls().death_doubt {
                    Guard::On => Caution::Kept,
                    Guard::Off => Caution::Dropped,
                };
                let reconciler = Reconciler::new(own, R::now(), caution);
                let mut term = Term { agent: self, raft, number: current.term, reconciler };
                *self.0.watchman.lock().expect("no panic while held") = Watchman::default();
                tracing::info!(term = current.term, "cluster leadership acquired");
                term.serve(&mut leadership).await;
                tracing::info!(term = current.term, "cluster leadership lost");
            } else if leadership.changed().await.is_err() {
                return;
            }
        }
    }

    /// Autopilot's judgement as of the last look.
    pub(super) fn autopilot_report(&self) -> Option<Report> {
        let watchman = self.0.watchman.lock().expect("no panic while held");
        let (at, sight) = watchman.seen.as_ref()?;
        Some(watchman.autopilot.report(*at, sight))
    }

    /// `/v1/operator/autopilot/health`; nothing is healthy before the first look.
    pub(super) fn servers_health(&self) -> ServersHealth {
        let unknown = ServersHealth { healthy: false, failure_tolerance: 0, servers: Vec::new() };
        self.autopilot_report().map_or(unknown, |report| report.to_health(R::wall()))
    }

    /// `/v1/operator/autopilot/state`, likewise.
    pub(super) fn autopilot_state(&self) -> Option<AutopilotState> {
        self.autopilot_report().map(|report| report.to_state(R::wall()))
    }
}

impl<R: Runtime> Term<'_, R> {
    /// Serves until another leads or another term begins.
    async fn serve(&mut self, leadership: &mut watch::Receiver<crate::raft::Leadership>) {
        let mut events = self.agent.lan().events();
        let (mut next_look, mut next_pass, mut next_gathering) = (R::now(), R::now(), R::now() + GATHER);
        // The first view that holds everything earlier leaders committed.
        while self.raft.read_view(crate::raft::Consistency::Default).await.is_err() {
            // A quorum may be found without any news of a leader.
            if let Ok(Err(_)) = timeout::<R, _>(AGAIN, leadership.changed()).await {
                return;
            }
            if !self.still(leadership) {
                return;
            }
        }
        self.keep_settings().await;
        let mut restored_at = self.raft.view().state.restored_at();
        loop {
            let restored_before = std::mem::replace(&mut restored_at, self.raft.view().state.restored_at());
            if R::now() >= next_pass || restored_at != restored_before {
                next_pass = match self.pass().await {
                    Proposed::All => self.reconciler.next_pass(R::now()),
                    Proposed::Partly => R::now() + AGAIN,
                };
            }
            if R::now() >= next_look {
                self.look().await;
                self.sweep().await;
                next_look = R::now() + LOOK_INTERVAL;
            }
            if R::now() >= next_gathering {
                // What was not written is said again.
                let _ = self.propose_all(self.agent.0.gathered.batches()).await;
                next_gathering = R::now() + GATHER;
            }
            if !self.still(leadership) {
                return;
            }
            tokio::select! {
                biased;
                changed = leadership.changed() => if changed.is_err() { return },
                news = hear(&mut events) => match news {
                    Some(News::Of(members)) => {
                        next_look = R::now();
                        let again = match self.act_on(&members).await {
                            Proposed::All => self.reconciler.next_pass(R::now()),
                            Proposed::Partly => R::now() + AGAIN,
                        };
                        next_pass = next_pass.min(again);
                    }
                    Some(News::Missed) => (next_pass, next_look) = (R::now(), R::now()),
                    None => return,
                },
                () = R::sleep_until(next_look.min(next_pass).min(next_gathering)) => {}
            }
        }
    }

    fn still(&self, leadership: &watch::Receiver<crate::raft::Leadership>) -> bool {
        let current = *leadership.borrow();
        current.is_us() && current.term == self.number
    }

    /// Writes the configured autopilot settings down, once in the cluster's life: afterwards the replicated ones win.
    async fn keep_settings(&self) {
        if self.raft.view().state.autopilot().row().is_none() {
            let settings = self.configured();
            // Should it fail, the configured settings go on counting, and the next leader tries.
            let _ = self.propose_all([Command::Autopilot { settings, condition: Condition::Absent }]).await;
        }
    }

    fn configured(&self) -> AutopilotSettings {
        let tuning = &self.agent.config().autopilot;
        AutopilotSettings {
            cleanup_dead_servers: tuning.cleanup_dead_servers,
            last_contact_threshold: tuning.last_contact_threshold,
            max_trailing_logs: tuning.max_trailing_logs,
            min_quorum: tuning.min_quorum,
            server_stabilization_time: tuning.server_stabilization_time,
            ..AutopilotSettings::default()
        }
    }

    /// Compares all members with all nodes.
    async fn pass(&mut self) -> Proposed {
        let members = self.agent.lan().members();
        let credence = self.credence(&members);
        let commands = self.reconciler.pass(R::now(), &members, credence, &self.raft.view().state);
        self.propose_all(commands).await
    }

    /// Brings the rows of these members up to date.
    async fn act_on(&mut self, members: &BTreeMap<NodeName, Event>) -> Proposed {
        let pool = self.agent.lan().members();
        let sight = (pool.len(), self.credence(&pool));
        let commands = self.reconciler.events(R::now(), members.values(), sight, &self.raft.view().state);
        self.propose_all(commands).await
    }

    fn credence(&self, members: &[Member]) -> Credence {
        let configuration = self.raft.configuration();
        let voters = configuration.servers.iter().filter(|(_, server)| server.suffrage == Suffrage::Voter).map(|(id, _)| *id);
        Credence::of_pool(members, &voters.collect())
    }

    /// Takes the steps that autopilot asks for, one after the other.
    async fn look(&self) {
        for _ in 0..STEPS {
            let view = self.raft.view();
            let settings = view.state.autopilot().row().map_or_else(|| self.configured(), |row| row.settings.clone());
            let sight = self.sight();
            let step = {
                let mut watchman = self.agent.0.watchman.lock().expect("no panic while held");
                let now = R::now();
                let step = watchman.autopilot.look(now, &sight, &settings);
                watchman.seen = Some((now, sight));
                step
            };
            let Some(step) = step else { return };
            tracing::info!(?step, "autopilot");
            if let Err(e) = self.take(&step).await {
                return tracing::warn!(?step, error = %e, "autopilot: the step was not taken");
            }
        }
    }

    async fn take(&self, step: &Step) -> Result<(), crate::raft::ChangeError> {
        let done = match step {
            Step::Add { id, name, addr } | Step::Correct { id, name, addr } => {
                self.raft.add_server(*id, Server { name: name.clone(), addr: *addr }).await
            }
            Step::Promote { id } => self.raft.promote(*id).await,
            Step::Demote { id } => self.raft.demote(*id).await,
            Step::Remove { id, .. } => self.raft.remove_server(*id).await,
        };
        done.map(drop)
    }

    fn sight(&self) -> Sight {
        let stats = self.raft.stats();
        let datacenter = &self.agent.config().datacenter;
        let pooled = self.agent.lan().members().iter().filter_map(|member| Pooled::of(member, datacenter)).collect();
        let seats = stats.configuration.servers.iter().map(|(id, configured)| {
            let ours = *id == self.agent.node_id();
            let progress = stats.peers.get(id);
            Seat {
                id: *id,
                name: configured.server.name.clone(),
                addr: configured.server.addr,
                ballot: match configured.suffrage {
                    Suffrage::Voter => Ballot::Vote,
                    Suffrage::NonVoter => Ballot::NoVote,
                },
                contact: if ours { Some(Duration::ZERO) } else { progress.and_then(|peer| peer.last_contact) },
                matched: if ours { Some(stats.last_log_index) } else { progress.and_then(|peer| peer.matched) },
            }
        });
        Sight::join(self.agent.node_id(), stats.last_log_index, stats.last_log_term, pooled, seats.collect())
    }

    /// Forgets deletions that nobody needs to hear of any more, and a restore that nobody goes on with.
    async fn sweep(&self) {
        if self.raft.view().state.reaping_is_due(R::wall()) {
            // Should it fail, it is still due at the next look.
            let _ = self.propose_all([Command::Kv(KvCommand::ReapTombstones)]).await;
        }
        if let Some(restore) = self.raft.view().state.abandoned_restore(R::wall()) {
            let _ = self.propose_all([Command::Restore(RestoreCommand::Forget { restore })]).await;
        }
    }

    /// Proposes in order, [`TOGETHER`] at a time.
    async fn propose_all(&self, commands: impl IntoIterator<Item = Command>) -> Proposed {
        let mut outcomes = stream::iter(commands).map(|command| self.raft.propose(command)).buffered(TOGETHER);
        let mut proposed = Proposed::All;
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                // It would be refused again: the next pass is soon enough.
                Ok((index, reply)) => {
                    let _ = reply.settled().inspect_err(|why| tracing::warn!(index, %why, "the state refused a leader's duty"));
                }
                Err(e) => {
                    tracing::debug!(error = %e, "a leader's duty has to wait");
                    proposed = Proposed::Partly;
                }
            }
        }
        proposed
    }
}

/// How far the leader's commands came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proposed {
    /// All were decided.
    All,
    /// Some were not taken.
    Partly,
}

/// What gossip has to say.
#[derive(Debug, PartialEq)]
enum News {
    /// The newest event of each of these members. An older one must not be acted on beside it: both would be judged by a state that neither has
    /// changed yet.
    Of(BTreeMap<NodeName, Event>),
    /// Some of it was lost: everything is to be compared.
    Missed,
}

/// All news that is there, as soon as there is any; a pool that has stopped says no more. Cancel-safe.
async fn hear(events: &mut Events) -> Option<News> {
    let mut members = BTreeMap::new();
    let mut notice = Some(events.next().await?);
    while let Some(current) = notice {
        match current {
            Notice::Reconcile => return Some(News::Missed),
            Notice::Event(event) => drop(members.insert(event.member.name().clone(), event)),
        }
        notice = if members.len() < TOGETHER { events.next().now_or_never().flatten() } else { None };
    }
    Some(News::Of(members))
}
