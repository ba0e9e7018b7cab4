//! The scenarios that `cargo sim` plays by name.

use crate::chaos::chaos;
use crate::hello;
use crate::play::play;
use crate::report::{Findings, Report};
use crate::whole_agent::WholeAgent;
use std::collections::BTreeMap;
use std::io::Write;

/// A scenario: a seed makes a run of it.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// What `--scenario` calls it.
    pub name: &'static str,
    /// What happens in it, in a line.
    pub about: &'static str,
    play: fn(u64, Option<Box<dyn Write + Send>>) -> Report,
}

/// The scenario that is played when none is named.
pub const DEFAULT: &str = "chaos";

/// All of them.
pub const ALL: &[Scenario] = &[
    Scenario { name: "chaos", about: "whole agents, users and a storm of faults, then calm, then judgement", play: play_chaos },
    Scenario {
        name: "hello",
        about: "the Runtime alone: HTTP, gossip and a journal of hello-world agents through every kind of fault",
        play: play_hello,
    },
];

impl Scenario {
    /// The scenario called `name`.
    pub fn named(name: &str) -> Option<Scenario> {
        ALL.iter().copied().find(|scenario| scenario.name == name)
    }

    /// Plays a run; the trace goes to `text`.
    pub fn play(&self, seed: u64, text: Option<Box<dyn Write + Send>>) -> Report {
        (self.play)(seed, text)
    }
}

fn play_chaos(seed: u64, text: Option<Box<dyn Write + Send>>) -> Report {
    Report::new(seed, "chaos", play(seed, text, chaos::<WholeAgent>))
}

/// At least half of the requests are answered, whatever happens.
fn play_hello(seed: u64, text: Option<Box<dyn Write + Send>>) -> Report {
    let played = play(seed, text, || async {
        let answered = hello::scenario().await;
        let few = answered < hello::REQUESTS / 2;
        let violations = few.then(|| format!("only {answered} of {} requests were answered", hello::REQUESTS));
        Findings { violations: violations.into_iter().collect(), counts: BTreeMap::from([("answered", answered)]) }
    });
    Report::new(seed, "hello", played)
}
