//! What the nodes log: part of the printed trace, and a failure of the run if it is an error.

use crate::world;
use std::fmt::{self, Write};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

/// A subscriber for the thread of one run.
#[derive(Debug, Clone, Copy)]
pub enum Capture {
    /// Errors only: nobody reads the trace.
    Errors,
    /// Everything down to debug, into the trace.
    Everything,
}

/// Crates whose logs say nothing about the agents: the simulator's own executor, and HTTP's wire details.
const NOT_OURS: [&str; 4] = ["madsim", "hyper", "tokio", "mio"];

impl Capture {
    fn wants(self, metadata: &Metadata<'_>) -> bool {
        let origin = metadata.target().split("::").next().unwrap_or_default();
        metadata.is_event() && *metadata.level() <= self.level() && !NOT_OURS.contains(&origin)
    }

    fn level(self) -> Level {
        match self {
            Capture::Errors => Level::ERROR,
            Capture::Everything => Level::DEBUG,
        }
    }
}

impl Subscriber for Capture {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Other runs in other threads may want other levels, so the answer may not be remembered for all.
        if metadata.is_event() { Interest::sometimes() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.wants(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::from_level(self.level()))
    }

    fn event(&self, event: &Event<'_>) {
        if world::try_with(|_| ()).is_none() {
            return; // dropped after the run's end
        }
        let who = world::me();
        let metadata = event.metadata();
        let mut text = Text(format!("{} {}:", metadata.level(), metadata.target()));
        event.record(&mut text);
        world::with(|w| {
            let now = w.now();
            w.trace.line(now, who.0, format_args!("log {}", text.0));
            if *metadata.level() == Level::ERROR {
                w.failures.push(format!("{who} logged an error at {:.3} s: {}", now as f64 / 1e9, text.0));
            }
        });
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let done = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
        done.expect("a string takes what is written");
    }
}
