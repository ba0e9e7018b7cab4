//! What an agent does for its own node: it keeps the registrations on disk, runs their checks and has the catalog follow.
//!
//! [`core`] joins three machines: the registry, the checks, and anti-entropy. Whoever has news for them (a request, a run that is over, the
//! driver when something falls due) takes their lock, takes one step and is done, so a heartbeat that changes nothing wakes nobody. What has to
//! wait for a disk or the network is outside: [`change`] for what clients ask, [`driver`] for the rest. A run has a task for as long as it takes;
//! a check that is not being run has none.

mod aliases;
mod change;
mod core;
mod driver;
mod life;
mod records;
mod runs;
mod untold;

use self::core::{Core, Hands, Now};
use super::checks::{self, ProbeSetting};
use super::reload::DefinitionRefused;
use super::surroundings::StartError;
use crate::agent::antientropy::{self, node_spec};
use crate::agent::local::{Folder, Local, LocalSettings, LocalView};
use crate::config::{Config, ScriptChecks};
use crate::health::{self, CheckId, Run, Verdict};
use crate::model::NodeId;
use crate::runtime::{Runtime, watch};
use arc_swap::ArcSwap;
use runs::Start;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;
use untold::Untold;

/// The agent's registrations, at work. Clones are the same.
pub(super) struct LocalAgent<R: Runtime>(Arc<Shared<R>>);

struct Shared<R: Runtime> {
    core: Mutex<Core<R::JoinHandle<()>>>,
    /// What the core's registry shows, for readers without its lock.
    view: ArcSwap<LocalView>,
    /// The view as of the last change of a service: checks change too often to wake those who wait for a service.
    services: watch::Sender<Arc<LocalView>>,
    /// Held while a registration is judged, written and made: the files are in the order of the changes.
    changing: tokio::sync::Mutex<()>,
    /// There is something for the driver to do.
    driver: Notify,
    /// There are check states to be written.
    states: Notify,
    /// Somebody waits until they are.
    urgent: Notify,
    /// Alias checks may follow other nodes than before.
    aliases: Notify,
    disk: R::Disk,
    /// The last life that was written down. Held while another is.
    life: tokio::sync::Mutex<u64>,
    /// Held while check states are written: one round may outlast whoever began it.
    writing: Arc<Mutex<()>>,
    /// What the catalog could not be told.
    untold: Mutex<Untold>,
    setting: ProbeSetting,
    scripts: ScriptChecks,
    /// How long one attempt to tell the catalog may take.
    attempt: Duration,
}

impl<R: Runtime> Clone for LocalAgent<R> {
    fn clone(&self) -> LocalAgent<R> {
        LocalAgent(self.0.clone())
    }
}

impl<R: Runtime> LocalAgent<R> {
    /// Takes up what earlier lives registered and what the configuration defines. Nothing is run or told before the driver looks.
    pub async fn open(config: &Config, node_id: NodeId, disk: R::Disk, setting: ProbeSetting) -> Result<LocalAgent<R>, StartError> {
        records::make_folders(&disk).map_err(StartError::Registrations)?;
        let known = records::read_all(&disk).map_err(StartError::Registrations)?;
        let now = now::<R>();
        let settings = LocalSettings::of(config.node_name.clone());
        let services = config.services.iter().cloned().map(change::complete).collect();
        let checks = config.checks.clone();
        let resumed = Local::resume(settings, now.wall, known, services, checks);
        let (local, effects) = resumed.map_err(|why| DefinitionRefused::of(config, why))?;
        let durable: Vec<_> = effects.files.iter().filter(|change| records::file_of(change).folder != Folder::States).cloned().collect();
        records::write(&disk, &durable).await.map_err(StartError::Registrations)?;
        let tuning = &config.check_tuning;
        let health = health::Setup { output_limit: tuning.output_max_size, ..health::Setup::consul(R::random()) };
        let (lan, wan) = (config.advertise_addr, config.advertise_addr_wan);
        let node = node_spec(node_id, config.node_name.clone(), lan, wan, config.node_meta.clone());
        let life = life::begin(&disk).await;
        let sync = antientropy::Setup { id: node_id, life, node, check_update_interval: tuning.update_interval, seed: R::random() };
        let view = Arc::new(local.view().clone());
        let agent = LocalAgent(Arc::new(Shared {
            core: Mutex::new(Core::new(local, health, sync, now, tuning.discard_output)),
            view: ArcSwap::new(view.clone()),
            services: watch::channel(view).0,
            changing: tokio::sync::Mutex::default(),
            driver: Notify::new(),
            states: Notify::new(),
            urgent: Notify::new(),
            aliases: Notify::new(),
            disk,
            life: tokio::sync::Mutex::new(life),
            writing: Arc::default(),
            untold: Mutex::default(),
            setting,
            scripts: tuning.scripts,
            attempt: config.rpc_hold_timeout,
        }));
        agent.step(|core, now| core.carry_out(now, effects, &agent));
        Ok(agent)
    }

    /// The registrations as they stand.
    pub fn view(&self) -> Arc<LocalView> {
        self.0.view.load_full()
    }

    /// The registrations whenever a service of them changes.
    pub fn watch(&self) -> watch::Receiver<Arc<LocalView>> {
        self.0.services.subscribe()
    }

    /// Runs of checks under way, and those that wait for room.
    pub fn run_counts(&self) -> (usize, usize) {
        self.0.core.lock().expect("no panic while held").runs.counts()
    }

    fn untold(&self) -> MutexGuard<'_, Untold> {
        self.0.untold.lock().expect("no panic while held")
    }

    /// How far the catalog follows.
    pub fn sync_status(&self) -> antientropy::Status {
        self.0.core.lock().expect("no panic while held").sync_status()
    }

    /// Ends all runs, and writes down how the checks stand.
    pub async fn rest(&self) {
        let (runs, states) = self.step(|core, now| (core.runs.take_all(), core.rest(now)));
        runs.iter().for_each(R::abort);
        self.write_last_states(states).await;
    }

    /// Takes one step, then shows what changed and wakes whom it concerns.
    fn step<X>(&self, take: impl FnOnce(&mut Core<R::JoinHandle<()>>, Now) -> X) -> X {
        let mut core = self.0.core.lock().expect("no panic while held");
        let had_states = core.has_states();
        let taken = take(&mut core, now::<R>());
        self.show(core.view());
        if core.needs_driver() {
            self.0.driver.notify_one();
        }
        if core.has_states() && !had_states {
            self.0.states.notify_one();
        }
        taken
    }

    fn show(&self, view: &LocalView) {
        let shown = self.0.view.load();
        let same_services = shown.services.ptr_eq(&view.services);
        if same_services && shown.checks.ptr_eq(&view.checks) {
            return;
        }
        let view = Arc::new(view.clone());
        self.0.view.store(view.clone());
        if !same_services {
            self.0.services.send(view);
        }
    }

    fn done(&self, check: CheckId, run: Run, found: Verdict) {
        self.step(|core, now| core.done(now, check, run, found, self));
    }
}

impl<R: Runtime> Hands for LocalAgent<R> {
    type Held = R::JoinHandle<()>;

    fn begin(&self, start: Start) -> R::JoinHandle<()> {
        let agent = self.clone();
        R::spawn(async move {
            let found = checks::run::<R>(&start.probe, start.timeout, start.output_limit, &agent.0.setting).await;
            agent.done(start.check, start.run, found);
        })
    }

    fn cancel(&self, held: R::JoinHandle<()>) {
        R::abort(&held);
    }
}

fn now<R: Runtime>() -> Now {
    Now { at: R::now(), wall: R::wall() }
}

#[cfg(test)]
mod tests;
