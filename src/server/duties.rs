//! What a server owes the others while it leads: the catalog's view of the members, the seats of the servers, the sweeping of tombstones.

use super::Agent;
use crate::agent::autopilot::{Autopilot, Ballot, LOOK_INTERVAL, Pooled, Report, Seat, Sight, Step};
use crate::agent::reconcile::{Credence, PASS_INTERVAL, Reconciler};
use crate::api::operator::{AutopilotState, ServersHealth};
use crate::model::Instant;
use crate::raft::{Raft, Server, Suffrage};
use crate::runtime::{Runtime, watch};
use crate::server::gossip::{Events, Notice};
use crate::state::autopilot::AutopilotSettings;
use crate::state::{Command, Condition, KvCommand};
use std::collections::BTreeSet;
use std::time::Duration;

/// Steps of one look at the servers. More wait for the next look.
const STEPS: usize = 64;

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
                let reconciler = Reconciler::new(self.node_id());
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
        let (mut next_look, mut next_pass) = (R::now(), R::now());
        // The first view that holds everything earlier leaders committed.
        while self.raft.read_view(crate::raft::Consistency::Default).await.is_err() {
            if !self.still(leadership) || leadership.changed().await.is_err() {
                return;
            }
        }
        self.keep_settings().await;
        loop {
            if R::now() >= next_pass {
                self.pass().await;
                next_pass = R::now() + PASS_INTERVAL;
            }
            if R::now() >= next_look {
                self.look().await;
                self.sweep().await;
                next_look = R::now() + LOOK_INTERVAL;
            }
            if !self.still(leadership) {
                return;
            }
            tokio::select! {
                biased;
                changed = leadership.changed() => if changed.is_err() { return },
                notice = hear(&mut events) => match notice {
                    Some(Notice::Event(event)) => {
                        let command = self.reconciler.event(&event, &self.raft.view().state);
                        self.propose_all(command).await;
                        next_look = R::now();
                    }
                    Some(Notice::Reconcile) => (next_pass, next_look) = (R::now(), R::now()),
                    None => return,
                },
                () = R::sleep_until(next_look.min(next_pass)) => {}
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
            self.propose_all([Command::Autopilot { settings, condition: Condition::Absent }]).await;
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
    async fn pass(&mut self) {
        let members = self.agent.lan().members();
        let configuration = self.raft.configuration();
        let voters: BTreeSet<_> = configuration.servers.iter().filter(|(_, s)| s.suffrage == Suffrage::Voter).map(|(id, _)| *id).collect();
        let credence = Credence::of_pool(&members, &voters);
        let commands = self.reconciler.pass(R::now(), &members, credence, &self.raft.view().state);
        self.propose_all(commands).await;
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

    /// Forgets deletions that nobody needs to hear of any more.
    async fn sweep(&self) {
        if self.raft.view().state.reaping_is_due(R::wall()) {
            self.propose_all([Command::Kv(KvCommand::ReapTombstones)]).await;
        }
    }

    /// Failures are left to the next pass: it compares everything again.
    async fn propose_all(&self, commands: impl IntoIterator<Item = Command>) {
        for command in commands {
            if let Err(e) = self.raft.propose(command).await {
                tracing::debug!(error = %e, "a leader's duty has to wait");
            }
        }
    }
}

/// The next notice; a pool that has stopped says no more.
async fn hear(events: &mut Events) -> Option<Notice> {
    events.next().await
}
