//! The real agent, whole, on a simulated machine.

use crate::calm::{Inspected, Standing};
use crate::cluster::{Agent, Member, Role};
use crate::draws::Draws;
use crate::invariants::Seat;
use crate::invariants::observation::Liveness;
use crate::runtime::Sim;
use crate::slant::Logs;
use crate::trace::digest;
use crate::world::{self, Who};
use muster::api::agent::{Host as HostReport, HostFacts, Memory};
use muster::config::{self, Config, ConfigError, Format, Host, HostAddress, Source, Sources};
use muster::gossip::MemberStatus;
use muster::raft::Observer;
use muster::runtime::Runtime;
use muster::server::{Journal, StartError, Surroundings};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Port of the HTTP interface.
pub const HTTP: u16 = 8500;

/// [`muster::server::Agent`] in a run.
#[derive(Clone)]
pub struct WholeAgent(pub muster::server::Agent<Sim>);

/// Why a whole agent did not start.
#[derive(Debug, thiserror::Error)]
pub enum WholeAgentError {
    /// Its configuration was refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It could not start.
    #[error(transparent)]
    Start(#[from] StartError),
}

impl Agent for WholeAgent {
    type Error = WholeAgentError;

    async fn start(member: Member) -> Result<WholeAgent, WholeAgentError> {
        let who = member.who;
        let (records, controls) = world::with(|w| (w.seen.clone(), w.controls));
        let seat = Seat::take(who, &records);
        let observer: Arc<dyn Observer> = Arc::new(seat.clone());
        let surroundings = Surroundings {
            on_fatal: Arc::new(move |why| fatal(who, why)),
            host: Arc::new(unknown_host),
            process: muster::server::Footprint::default,
            controls,
            reread: Arc::new(|| Err("the files of this agent are not read again".to_owned())),
            docker: None,
            log: Journal::new(),
            observer: Some(Arc::new(move |_| observer.clone())),
        };
        let agent = muster::server::start::<Sim>(configure(&member)?, surroundings).await?;
        if let Some(raft) = agent.raft() {
            drop(Sim::spawn(seat.follow(raft.clone())));
        }
        Ok(WholeAgent(agent))
    }

    async fn stopped(&self) {
        self.0.stopped().await;
    }

    fn leads(&self) -> Option<u64> {
        let leadership = self.0.raft()?.leadership();
        leadership.is_us().then_some(leadership.term)
    }
}

/// What an operator would have written for this agent, and knobs that the seed turns.
fn configure(member: &Member) -> Result<Config, ConfigError> {
    let who = member.who;
    let (seed, slant) = world::with(|w| (w.seed, w.slant));
    let mut knobs = Draws::new(seed, "knobs", 0);
    let mut knob = |drawn: [Value; 3], short: Value| match slant.logs {
        Logs::Drawn => knobs.pick(&drawn).clone(),
        Logs::Short => short,
    };
    let threshold = knob([json!(32), json!(200), json!(16_384)], json!(16));
    let interval = knob([json!("500ms"), json!("3s"), json!("30s")], json!("500ms"));
    let trailing = knob([json!(8), json!(100), json!(10_240)], json!(4));
    let others: Vec<String> = member.servers.iter().filter(|server| **server != who).map(|server| server.ip().to_string()).collect();
    let mut text = json!({
        "node_name": who.to_string(),
        "data_dir": "/data",
        "bind_addr": who.ip().to_string(),
        "client_addr": who.ip().to_string(),
        "retry_join": others,
        "retry_interval": "1s",
        "session_ttl_min": "1s",
        "raft_snapshot_threshold": threshold,
        "raft_snapshot_interval": interval,
        "raft_trailing_logs": trailing,
    });
    if member.role == Role::Server {
        text["server"] = json!(true);
        text["bootstrap_expect"] = json!(member.servers.len());
    }
    let file = Source { name: "agent.json".to_owned(), format: Format::Json, text: text.to_string() };
    let addresses = vec![HostAddress { interface: "eth0".to_owned(), ip: who.ip(), on_default_route: true }];
    config::load(&Sources { files: vec![file], ..Sources::default() }, &Host { name: who.to_string(), addresses })
}

/// A simulated machine tells nothing of itself.
fn unknown_host() -> HostReport {
    let (memory, host) = (Memory::default(), HostFacts::default());
    HostReport { memory, cpu: Vec::new(), host, disk: None, collection_time: 0, errors: None }
}

/// The log's disk failed: the process ends. Nothing in a default run makes a disk fail, so that is a violation.
fn fatal(who: Who, why: &str) {
    world::with(|w| {
        let now = w.now();
        w.trace.line(now, who.0, format_args!("fatal: {why}"));
        w.failures.push(format!("{who} gave up at {:.3} s: {why}", now as f64 / 1e9));
    });
}

impl Inspected for WholeAgent {
    fn standing(&self) -> Option<Standing> {
        let stats = self.0.raft()?.stats();
        Some(Standing { term: stats.term, leads: self.leads().is_some(), applied: stats.applied_index })
    }

    fn state_digest(&self) -> Option<u128> {
        Some(digest(&self.0.raft()?.view().state.encode()))
    }

    fn view(&self) -> BTreeMap<Who, Liveness> {
        let members = self.0.lan().members();
        let seen = members.iter().filter_map(|member| Some((Who::behind(member.addr().ip(), world::SUPERVISOR)?, liveness(member.status))));
        seen.collect()
    }
}

fn liveness(status: MemberStatus) -> Liveness {
    match status {
        MemberStatus::Alive | MemberStatus::Leaving => Liveness::Alive,
        MemberStatus::Failed => Liveness::Failed,
        MemberStatus::Left | MemberStatus::None => Liveness::Left,
    }
}
