//! The agent's log: lines on standard error, or JSON objects with `log_json`.

use crate::config::Config;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Installs the process's log at the configured level. A second call in one process changes nothing.
pub fn install(config: &Config) {
    let level = level_of(&config.log_level);
    // openraft speaks of every message at its info and debug levels.
    let dependencies = level.min(LevelFilter::WARN);
    let filter = Targets::new().with_default(dependencies).with_target("muster", level);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let layer = if config.log_json { lines.json().boxed() } else { lines.with_target(false).boxed() };
    // Only fails when a subscriber is there already, which then goes on.
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
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
