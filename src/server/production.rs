//! The agent as a process: tokio, signals, exit codes.

use super::machine::look_at_machine;
use super::surroundings::Surroundings;
use super::{Agent, Farewell, StartError, logging, start};
use crate::config::Config;
use crate::raft::Controls;
use crate::runtime::Runtime;
use crate::runtime::tokio::Tokio;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Exit code of an agent whose disk failed under it (`EX_IOERR` of sysexits.h).
const DISK_FAILED: i32 = 74;

/// Runs an agent until it is told to stop. `started` is called once it serves, to say so to whoever looks.
///
/// SIGTERM and SIGINT stop it, gracefully leaving the cluster first if the configuration says so; a second signal stops it at once.
pub fn run_production(config: Config, started: impl FnOnce(&Agent<Tokio>)) -> ExitCode {
    logging::install(&config);
    let scratch = Scratch::for_dev(&config);
    let mut config = config;
    if let Some(scratch) = &scratch {
        config.data_dir = Some(scratch.0.clone());
    }
    match Tokio::block_on(live(config, started)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("==> {e}");
            ExitCode::FAILURE
        }
    }
}

/// Ends the process because its log cannot be trusted any more: what a failed write or fsync left behind is unknown.
fn disk_failed(why: &str) {
    tracing::error!(%why, "the disk failed under the log; ending so that nothing is acknowledged that is not durable");
    eprintln!(
        "==> the disk failed under the log: {why}\n    Check the disk and its file system, then start the agent again: it recovers what is durable."
    );
    std::process::exit(DISK_FAILED);
}

async fn live(config: Config, started: impl FnOnce(&Agent<Tokio>)) -> Result<(), StartError> {
    let mut signals = Signals::catch().map_err(StartError::Signals)?;
    let (leave_on_terminate, leave_on_interrupt) = (config.leave_on_terminate, !config.skip_leave_on_interrupt);
    let pid_file = config.pid_file.clone().map(PidFile::write).transpose()?;
    let data_dir = config.data_dir.clone().unwrap_or_default();
    let surroundings = Surroundings {
        on_fatal: Arc::new(disk_failed),
        host: Arc::new(move || look_at_machine(&data_dir)),
        controls: Controls::SAFE,
        observer: None,
    };
    let agent = start::<Tokio>(config, surroundings).await?;
    started(&agent);
    let farewell = tokio::select! {
        biased;
        // Somebody asked over HTTP, or the agent cannot go on.
        () = agent.stopped() => return Ok(()),
        _ = signals.terminate.recv() => farewell_of(leave_on_terminate, "SIGTERM"),
        _ = signals.interrupt.recv() => farewell_of(leave_on_interrupt, "SIGINT"),
    };
    tokio::select! {
        biased;
        _ = signals.terminate.recv() => tracing::warn!("second signal: stopping at once"),
        _ = signals.interrupt.recv() => tracing::warn!("second signal: stopping at once"),
        () = agent.shutdown(farewell) => {}
    }
    drop(pid_file);
    Ok(())
}

fn farewell_of(leaves: bool, name: &str) -> Farewell {
    tracing::info!(signal = name, leaves, "stopping");
    if leaves { Farewell::Leave } else { Farewell::Vanish }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn catch() -> std::io::Result<Signals> {
        Ok(Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
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
