//! The scenarios that `cargo sim` plays by name.

use crate::catalog::{catalog, comeback};
use crate::changes::changes;
use crate::chaos::chaos;
use crate::checker::{self, Action, Operation, Verdict, rounds::Budget};
use crate::etcd;
use crate::hello;
use crate::invariants::planted::{Fsync, Planted};
use crate::locks::locks;
use crate::play::play;
use crate::report::{Findings, Report};
use crate::runtime::disk::Honesty;
use crate::slant::Slant;
use crate::whole_agent::WholeAgent;
use crate::workload::forgotten_promise;
use crate::world;
use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write;

/// A scenario: a seed makes a run of it.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// What `--scenario` calls it.
    pub name: &'static str,
    /// What happens in it, in a line.
    pub about: &'static str,
    /// A fault planted on purpose: runs are then meant to be wrong.
    pub planted: Option<&'static Planted>,
    /// What it asks of its runs.
    pub slant: Slant,
    play: fn(&Scenario, u64, Option<Box<dyn Write + Send>>) -> Report,
}

/// The scenario that is played when none is named.
pub const DEFAULT: &str = "chaos";

/// All of them.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "chaos",
        about: "whole agents, users and a storm of faults, then calm, then judgement",
        planted: None,
        slant: Slant::NONE,
        play: play_chaos,
    },
    Scenario {
        name: "catalog",
        about: "services registered on whole agents, checks that flap, faults, watchers; then the catalog must be what the agents have",
        planted: None,
        slant: Slant::NONE,
        play: play_catalog,
    },
    Scenario {
        name: "locks",
        about: "sessions, locks with fencing tokens, holders that stall, transactions, faults; then every session has to end",
        planted: None,
        slant: Slant::NONE,
        play: play_locks,
    },
    Scenario {
        name: "changes",
        about: "keys written in every way, followers of the changes, archives fetched and restored, faults; then all has to reach everybody",
        planted: None,
        slant: Slant::NONE,
        play: play_changes,
    },
    Scenario {
        name: "promise",
        about: "a follower restarts right after it promised its leader to elect nobody else: only the vote fence keeps default reads fresh",
        planted: None,
        slant: Slant::NONE,
        play: play_promise,
    },
    Scenario {
        name: "comeback",
        about: "a server that was cut off and found everybody dead is elected as soon as it is back: it must hide nobody",
        planted: None,
        slant: Slant::NONE,
        play: play_comeback,
    },
    Scenario {
        name: "hello",
        about: "the Runtime alone: HTTP, gossip and a journal of hello-world agents through every kind of fault",
        planted: None,
        slant: Slant::NONE,
        play: play_hello,
    },
];

impl Scenario {
    /// The scenario called `name`.
    pub fn named(name: &str) -> Option<Scenario> {
        ALL.iter().copied().find(|scenario| scenario.name == name).or_else(|| etcd::named(name))
    }

    /// The same scenario with a fault planted.
    pub fn planting(self, planted: &'static Planted) -> Scenario {
        Scenario { planted: Some(planted), ..self }
    }

    /// The same under another name, with a slant.
    pub fn under(self, name: &'static str, about: &'static str, slant: Slant) -> Scenario {
        Scenario { name, about, slant, ..self }
    }

    /// Plays a run; the trace goes to `text`.
    pub fn play(&self, seed: u64, text: Option<Box<dyn Write + Send>>) -> Report {
        (self.play)(self, seed, text)
    }
}

fn play_chaos(scenario: &Scenario, seed: u64, text: Option<Box<dyn Write + Send>>) -> Report {
    let lying = matches!(scenario.planted.map(|planted| planted.fsync), Some(Fsync::Lying));
    play_guarded(scenario, seed, text, move || chaos::<WholeAgent>(if lying { Honesty::Lying } else { Honesty::Honest }))
}

fn play_catalog(scenario: &Scenario, seed: u64, text: Option<Box<dyn Write + Send>>) -> Report {
    let lying = matches!(scenario.planted.map(|planted| planted.fsync), Some(Fsync::LyingOnClients));
    play_guarded(scenario, seed, text, move || catalog(if lying { Honesty::Lying } else { Honesty::Honest }))
}

fn play_locks(scenario: &Scenario, seed: u64, text: Option<Box<dyn Write + Send>>) -> Report {
    play_guarded(scenario, seed, text, locks)
}

fn play_changes(scenario: &Scenario, seed: u64, text: Option<Box<dyn Write + Send>>) -> Report {
    play_guarded(scenario, seed, text, changes)
}

fn play_comeback(scenario: &Scenario, seed: u64, text: Option<Box<dyn Write + Send>>) -> Report {
    play_guarded(scenario, seed, text, comeback)
}

/// Plays a run with the scenario's slant, and with the servers' safety measures as the planted fault has them.
fn play_guarded<F>(scenario: &Scenario, seed: u64, text: Option<Box<dyn Write + Send>>, run: impl FnOnce() -> F + Send + 'static) -> Report
where
    F: Future<Output = Findings>,
{
    let (planted, slant) = (scenario.planted, scenario.slant);
    let played = play(seed, text, move || {
        world::with(|w| {
            w.slant = slant;
            w.controls = planted.map_or(w.controls, |planted| planted.controls);
        });
        run()
    });
    Report::new(seed, scenario, played)
}

fn play_promise(scenario: &Scenario, seed: u64, text: Option<Box<dyn Write + Send>>) -> Report {
    play_guarded(scenario, seed, text, || async {
        let history = forgotten_promise::<WholeAgent>().await;
        let report = checker::check(&history, None, Budget::default());
        let mut violations = Vec::new();
        if report.verdict() != Verdict::Linearizable {
            violations.push(report.to_string());
        }
        let after = |o: &&Operation| matches!(&o.action, Action::Put { value } if value.starts_with("after")) && o.returned().is_some();
        let second = history.operations.iter().filter(after).count() as u64;
        Findings { violations, counts: BTreeMap::from([("requests", history.operations.len() as u64), ("second-leader-writes", second)]) }
    })
}

/// At least half of the requests are answered, whatever happens.
fn play_hello(scenario: &Scenario, seed: u64, text: Option<Box<dyn Write + Send>>) -> Report {
    let played = play(seed, text, || async {
        let answered = hello::scenario().await;
        let few = answered < hello::REQUESTS / 2;
        let violations = few.then(|| format!("only {answered} of {} requests were answered", hello::REQUESTS));
        Findings { violations: violations.into_iter().collect(), counts: BTreeMap::from([("answered", answered)]) }
    });
    Report::new(seed, scenario, played)
}
