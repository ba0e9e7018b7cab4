//! Agents by their kind. An agent plays one case at a time; equal cases share agents, one after the other.

use super::Failure;
use super::agent::Agent;
use super::corpus::{AgentSpec, Case};
use super::fixtures::Fixtures;
use super::patience::Patience;
use super::player::Player;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

/// Starts agents as cases need them, at most one for each case played at the same time, and keeps the shared ones for the next case.
#[derive(Debug)]
pub struct Pool {
    binary: PathBuf,
    fixtures: Arc<Fixtures>,
    shelves: Mutex<BTreeMap<String, Shelf>>,
}

/// The agents of one kind.
#[derive(Debug, Default)]
struct Shelf {
    idle: Vec<Agent>,
    /// Why this kind does not start, and the patience it was tried with: known, so that not every case has to wait for it again.
    unstartable: Option<(Patience, Failure)>,
}

impl Pool {
    /// No agents yet.
    pub fn new(binary: PathBuf) -> Pool {
        Pool { binary, fixtures: Arc::new(Fixtures::open()), shelves: Mutex::new(BTreeMap::new()) }
    }

    /// Plays a case against an agent of its kind.
    pub fn play(&self, case: &Case, patience: Patience) -> Result<(), Failure> {
        let shared = (!case.wants_its_own_agent()).then(|| case.agent.key());
        let mut agent = self.take(&case.agent, shared.as_deref(), patience)?;
        let played = Player::new(case, &mut agent, &self.fixtures, patience).play();
        let ended = if played.is_ok() { agent.ended() } else { agent.ended_meanwhile() };
        if let Some(status) = ended {
            let said = played.err().map(|f| f.0).unwrap_or_default();
            return Err(Failure::new(format!("{said}\n    the agent ended ({status}):\n{}", agent.tail())));
        }
        if let Some(key) = shared {
            self.shelves().entry(key).or_default().idle.push(agent);
        }
        played
    }

    /// Ends all agents.
    pub fn close(&self) {
        self.shelves().clear();
    }

    fn take(&self, spec: &AgentSpec, shared: Option<&str>, patience: Patience) -> Result<Agent, Failure> {
        if let Some(key) = shared {
            let mut shelves = self.shelves();
            let shelf = shelves.entry(key.to_owned()).or_default();
            if let Some(agent) = shelf.idle.pop() {
                return Ok(agent);
            }
            if let Some((tried, failure)) = &shelf.unstartable
                && (*tried == Patience::Full || patience == Patience::Short)
            {
                return Err(failure.clone());
            }
        }
        let started = self.start(spec, patience);
        if let (Some(key), Err(failure)) = (shared, &started) {
            self.shelves().entry(key.to_owned()).or_default().unstartable = Some((patience, failure.clone()));
        }
        started
    }

    fn start(&self, spec: &AgentSpec, patience: Patience) -> Result<Agent, Failure> {
        let mut started = Agent::start(&self.binary, spec, &self.fixtures, patience);
        for _ in 1..patience.starts() {
            if started.is_err() {
                started = Agent::start(&self.binary, spec, &self.fixtures, patience);
            }
        }
        started
    }

    fn shelves(&self) -> MutexGuard<'_, BTreeMap<String, Shelf>> {
        self.shelves.lock().expect("nobody panics with the lock")
    }
}
