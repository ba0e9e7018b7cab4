//! The agent's log: lines on standard error, or JSON objects with `log_json`; and the same for those who read it over HTTP.

use super::journal::{Journal, Writer};
use crate::api::monitor::{Level, LogLine};
use crate::config::Config;
use crate::runtime::Runtime;
use crate::runtime::tokio::Tokio;
use std::fmt;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, reload};

/// Installs the process's log at the configured level. A second call in one process changes nothing, and neither does the journal it returns.
pub(super) fn install(config: &Config) -> Journal {
    let journal = Journal::new();
    let (own, own_filter) = reload::Layer::new(filter(level_of(&config.log_level)));
    // Without readers it lets nothing through, so that the log costs what it costs without it.
    let (readers, readers_filter) = reload::Layer::new(Targets::new());
    // Complaining on a standard error that cannot be written would panic: whoever read the log has gone, the agent goes on.
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false).log_internal_errors(false);
    let layer = if config.log_json { lines.json().boxed() } else { lines.with_target(false).boxed() };
    let log = tracing_subscriber::registry().with(layer.with_filter(own)).with(ToJournal(journal.clone()).with_filter(readers));
    // Only fails when a subscriber is there already, which then goes on.
    let _ = log.try_init();
    journal.write_by(Box::new(Filters {
        own: move |level| drop(own_filter.reload(filter(level))),
        readers: move |level: Option<LevelFilter>| drop(readers_filter.reload(level.map_or_else(Targets::new, filter))),
    }));
    journal
}

/// The two filters, changeable while the agent runs. What cannot be changed any more belongs to a subscriber that is gone.
struct Filters<O, R> {
    own: O,
    readers: R,
}

impl<O, R> Writer for Filters<O, R>
where
    O: Fn(LevelFilter) + Send + Sync,
    R: Fn(Option<LevelFilter>) + Send + Sync,
{
    fn set_level(&self, level: &str) {
        (self.own)(level_of(level));
    }

    fn set_readers_level(&self, level: Option<Level>) {
        (self.readers)(level.map(|level| match level {
            Level::Error => LevelFilter::ERROR,
            Level::Warn => LevelFilter::WARN,
            Level::Info => LevelFilter::INFO,
            Level::Debug => LevelFilter::DEBUG,
            Level::Trace => LevelFilter::TRACE,
        }));
    }
}

fn filter(level: LevelFilter) -> Targets {
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

/// Gives every line that somebody reads to the journal.
struct ToJournal(Journal);

impl<S: Subscriber> Layer<S> for ToJournal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        let metadata = event.metadata();
        let level = match *metadata.level() {
            tracing::Level::ERROR => Level::Error,
            tracing::Level::WARN => Level::Warn,
            tracing::Level::INFO => Level::Info,
            tracing::Level::DEBUG => Level::Debug,
            tracing::Level::TRACE => Level::Trace,
        };
        let line = LogLine { time: Tokio::wall(), level, module: module_of(metadata.target()), message: said.message, fields: said.fields };
        self.0.write(&line);
    }
}

/// `agent`, with the room that speaks behind it: `muster::server::http::request` is `agent.http`, `openraft::core` is `agent.openraft`.
fn module_of(target: &str) -> String {
    let ours = target.strip_prefix("muster").map(|rest| rest.trim_start_matches("::"));
    let room = ours.map(|rest| rest.strip_prefix("server").map_or(rest, |rest| rest.trim_start_matches("::"))).unwrap_or(target);
    match room.split("::").next() {
        None | Some("") => "agent".to_owned(),
        Some(room) => format!("agent.{room}"),
    }
}

/// What an event says.
#[derive(Default)]
struct Said {
    message: String,
    fields: Vec<(String, String)>,
}

impl Said {
    fn add(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            name => self.fields.push((name.to_owned(), value)),
        }
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::{ToJournal, module_of};
    use crate::api::monitor::{Form, Level, Monitor};
    use crate::server::journal::Journal;
    use std::future::poll_fn;
    use tracing_subscriber::layer::SubscriberExt;

    #[test]
    fn a_module_is_the_room_that_speaks() {
        for (target, module) in [
            ("muster", "agent"),
            ("muster::server", "agent"),
            ("muster::server::http::request", "agent.http"),
            ("muster::gossip::probe", "agent.gossip"),
            ("openraft::core", "agent.openraft"),
        ] {
            assert_eq!(module_of(target), module);
        }
    }

    #[tokio::test]
    async fn events_reach_the_journals_readers() {
        let journal = Journal::new();
        let mut lines = journal.read(Monitor { level: Level::Debug, form: Form::Text }).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(ToJournal(journal.clone())), || {
            tracing::info!(target: "muster::gossip", node = "n1", count = 7, why = %"two words", "joined");
        });
        let line = poll_fn(|cx| lines.poll_next(cx)).await.unwrap();
        let text = String::from_utf8(line.to_vec()).unwrap();
        assert!(text.ends_with("Z [INFO]  agent.gossip: joined: node=n1 count=7 why=\"two words\"\n"), "{text}");
    }
}
