//! The agent's log: lines on standard error, or JSON objects with `log_json`.

use crate::config::Config;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

/// What is logged, changeable while the agent runs.
#[derive(Debug, Clone)]
pub(super) struct LogLevel(reload::Handle<Targets, Registry>);

impl LogLevel {
    /// Logs at the configured level from now on.
    pub fn set(&self, config: &Config) -> Result<(), reload::Error> {
        self.0.reload(filter(config))
    }
}

/// Installs the process's log at the configured level. A second call in one process changes nothing, and neither does the level it returns.
pub(super) fn install(config: &Config) -> LogLevel {
    let (filter, handle) = reload::Layer::new(filter(config));
    // Complaining on a standard error that cannot be written would panic: whoever read the log has gone, the agent goes on.
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false).log_internal_errors(false);
    let layer = if config.log_json { lines.json().boxed() } else { lines.with_target(false).boxed() };
    // Only fails when a subscriber is there already, which then goes on.
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
    LogLevel(handle)
}

fn filter(config: &Config) -> Targets {
    let level = level_of(&config.log_level);
    // openraft speaks of every message at its info and debug levels, and of every heartbeat that finds nobody at its warn level: a dozen lines a
    // second for as long as a server is down.
    let dependencies = if level >= LevelFilter::DEBUG { LevelFilter::WARN } else { level.min(LevelFilter::ERROR) };
    Targets::new().with_default(dependencies).with_target("muster", level)
}

fn level_of(name: &str) -> LevelFilter {
    match name {
        "trace" => LevelFilter::TRACE,
        "debug" => LevelFilter::DEBUG,
        "warn" => LevelFilter::WARN,
        "error" => LevelFilter::ERROR,
        _ => LevelFilter::INFO,
    }
}
