//! The agent as a process: tokio, signals, exit codes.

use super::logging;
use super::machine::{look_at_machine, look_at_process};
use super::surroundings::Surroundings;
use super::{Agent, Farewell, StartError, start};
use crate::config::Config;
use crate::raft::Controls;
use crate::runtime::Runtime;
use crate::runtime::tokio::Tokio;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Exit code of an agent whose disk failed under it (`EX_IOERR` of sysexits.h).
const DISK_FAILED: i32 = 74;

/// Runs an agent until it is told to stop. `started` is called once it serves, to say so to whoever looks.
///
/// SIGTERM and SIGINT stop it, gracefully leaving the cluster first if the configuration says so; a second signal stops it at once. SIGHUP has the
/// configuration read again by `reread`, see [`Agent::reload`].
pub fn run_production(
    config: Config,
    reread: impl Fn() -> Result<Config, String> + Send + Sync + 'static,
    started: impl FnOnce(&Agent<Tokio>),
) -> ExitCode {
    let log = logging::install(&config);
    let scratch = Scratch::for_dev(&config);
    let mut config = config;
    if let Some(scratch) = &scratch {
        config.data_dir = Some(scratch.0.clone());
    }
    let data_dir = config.data_dir.clone().unwrap_or_default();
    let surroundings = Surroundings {
        on_fatal: Arc::new(disk_failed),
        host: Arc::new(move || look_at_machine(&data_dir)),
        process: look_at_process,
        controls: Controls::SAFE,
        reread: Arc::new(reread),
        docker: docker_socket(std::env::var("DOCKER_HOST").ok()),
        log,
        observer: None,
    };
    match Tokio::block_on(live(config, surroundings, started)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            say(&format!("==> {e}\n"));
            ExitCode::FAILURE
        }
    }
}

/// The socket that `DOCKER_HOST` names. Engines elsewhere than on a Unix socket are not asked.
fn docker_socket(host: Option<String>) -> Option<PathBuf> {
    Some(host?.strip_prefix("unix://")?.into())
}

/// For whoever still reads standard error; nobody has to.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Reloads at every SIGHUP; several that come during a reload are one.
async fn reload_when_told(agent: &Agent<Tokio>, hang_up: &mut Signal) {
    while hang_up.recv().await.is_some() {
        if let Err(why) = agent.reload().await {
            tracing::error!(%why, "SIGHUP: the configuration is not taken over, nothing is changed");
        }
    }
    std::future::pending().await
}

/// Ends the process because its log cannot be trusted any more: what a failed write or fsync left behind is unknown.
fn disk_failed(why: &str) {
    tracing::error!(%why, "the disk failed under the log; ending so that nothing is acknowledged that is not durable");
    say(&format!(
        "==> the disk failed under the log: {why}\n    Check the disk and its file system, then start the agent again: it recovers what is durable.\n"
    ));
    std::process::exit(DISK_FAILED);
}

async fn live(config: Config, surroundings: Surroundings, started: impl FnOnce(&Agent<Tokio>)) -> Result<(), StartError> {
    let Signals { mut terminate, mut interrupt, mut hang_up } = Signals::catch().map_err(StartError::Signals)?;
    let (leave_on_terminate, leave_on_interrupt) = (config.leave_on_terminate, !config.skip_leave_on_interrupt);
    // The pid file may be meant to lie in a data directory that is not there yet. If it cannot be made, the start says so.
    drop(config.data_dir.as_deref().map(Tokio::disk));
    let pid_file = config.pid_file.clone().map(PidFile::write).transpose()?;
    let agent = tokio::select! {
        biased;
        _ = terminate.recv() => return stopped_early("SIGTERM"),
        _ = interrupt.recv() => return stopped_early("SIGINT"),
        agent = start::<Tokio>(config, surroundings) => agent?,
    };
    started(&agent);
    let farewell = tokio::select! {
        biased;
        // Somebody asked over HTTP, or the agent cannot go on.
        () = agent.stopped() => return agent.failure(),
        _ = terminate.recv() => farewell_of(leave_on_terminate, "SIGTERM"),
        _ = interrupt.recv() => farewell_of(leave_on_interrupt, "SIGINT"),
        () = reload_when_told(&agent, &mut hang_up) => return agent.failure(),
    };
    let stopped = tokio::select! {
        biased;
        _ = terminate.recv() => Err(StartError::CutShort),
        _ = interrupt.recv() => Err(StartError::CutShort),
        () = agent.shutdown(farewell) => agent.failure(),
    };
    drop(pid_file);
    stopped
}

/// Recovering a long log or joining may take a while; nothing was promised to anyone yet, so there is nothing to finish.
fn stopped_early(name: &str) -> Result<(), StartError> {
    tracing::info!(signal = name, "stopped before it served");
    Ok(())
}

fn farewell_of(leaves: bool, name: &str) -> Farewell {
    tracing::info!(signal = name, leaves, "stopping");
    if leaves { Farewell::Leave } else { Farewell::Vanish }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn catch() -> std::io::Result<Signals> {
        let caught = |kind| signal(kind);
        Ok(Signals {
            terminate: caught(SignalKind::terminate())?,
            interrupt: caught(SignalKind::interrupt())?,
            hang_up: caught(SignalKind::hangup())?,
        })
    }
}

/// The folder of a `-dev` agent without `data_dir`, removed with it.
struct Scratch(PathBuf);

impl Scratch {
    fn for_dev(config: &Config) -> Option<Scratch> {
        let wanted = config.dev && config.data_dir.is_none();
        wanted.then(|| Scratch(std::env::temp_dir().join(format!("muster-dev-{}-{:08x}", std::process::id(), Tokio::random() as u32))))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(e) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), error = %e, "the -dev agent's folder is left behind");
        }
    }
}

struct PidFile(PathBuf);

impl PidFile {
    fn write(path: PathBuf) -> Result<PidFile, StartError> {
        let text = std::process::id().to_string();
        match std::fs::write(&path, text) {
            Ok(()) => Ok(PidFile(path)),
            Err(source) => Err(StartError::PidFile { path, source }),
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Nothing to be done about it on the way out; the next start overwrites it.
        let _ = std::fs::remove_file(&self.0);
    }
}
