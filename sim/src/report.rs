//! What a run comes to, for people and for programs.

use crate::play::{Footprint, Played};
use crate::scenario::{self, Scenario};
use serde_json::json;
use std::collections::BTreeMap;

/// A judged run.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// Its scenario.
    pub scenario: &'static str,
    /// The fault planted in it.
    pub planted: Option<&'static str>,
    /// What was found wrong, each in a sentence. Empty: nothing.
    pub violations: Vec<String>,
    /// What was counted: requests acknowledged, read, unknown, ...
    pub counts: BTreeMap<&'static str, u64>,
    /// What it left behind.
    pub footprint: Footprint,
}

/// What a scenario found out about its run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// See [`Report::violations`].
    pub violations: Vec<String>,
    /// See [`Report::counts`].
    pub counts: BTreeMap<&'static str, u64>,
}

impl Report {
    /// Puts together what was found and what was left behind. A panic and an error in a log are violations.
    pub fn new(seed: u64, scenario: &Scenario, played: Played<Findings>) -> Report {
        let (mut violations, counts) = match played.value {
            Ok(findings) => (findings.violations, findings.counts),
            Err(panic) => (vec![panic], BTreeMap::new()),
        };
        violations.extend(played.footprint.failures.iter().cloned());
        let planted = scenario.planted.map(|planted| planted.name);
        Report { seed, scenario: scenario.name, planted, violations, counts, footprint: played.footprint }
    }

    /// Whether nothing was found wrong.
    pub fn is_right(&self) -> bool {
        self.violations.is_empty()
    }

    /// The command that repeats the run and prints its trace.
    pub fn repeat_command(&self) -> String {
        let scenario = match self.scenario {
            scenario::DEFAULT => String::new(),
            other => format!(" --scenario {other}"),
        };
        let plant = self.planted.map(|name| format!(" --plant {name}")).unwrap_or_default();
        format!("cargo sim run{scenario}{plant} --seed {} --trace", self.seed)
    }

    /// One line for people.
    pub fn line(&self) -> String {
        let counts: Vec<String> = self.counts.iter().map(|(name, n)| format!("{name}={n}")).collect();
        let verdict = if self.is_right() { "right" } else { "WRONG" };
        let Footprint { hash, events, lasted, .. } = &self.footprint;
        let seconds = lasted.as_secs_f64();
        format!("seed {:>5} {verdict} {seconds:.1} s, {events} events, hash {hash:032x} {}", self.seed, counts.join(" "))
    }

    /// The violations, each on a line, and the line that repeats the run.
    pub fn explanation(&self) -> String {
        let mut text = String::new();
        for violation in &self.violations {
            text.push_str(&format!("  seed {}: {violation}\n", self.seed));
        }
        text.push_str(&format!("  repeat: {}\n", self.repeat_command()));
        text
    }

    /// One JSON object for programs.
    pub fn json(&self) -> serde_json::Value {
        json!({
            "seed": self.seed,
            "scenario": self.scenario,
            "planted": self.planted,
            "verdict": if self.is_right() { "right" } else { "wrong" },
            "violations": self.violations,
            "virtual_seconds": self.footprint.lasted.as_secs_f64(),
            "events": self.footprint.events,
            "trace_hash": format!("{:032x}", self.footprint.hash),
            "counts": self.counts,
            "kinds": self.footprint.by_kind,
            "repeat": self.repeat_command(),
        })
    }
}
