//! `cargo sim gossip`: thousands of gossip machines on one event heap.

use super::{Args, Ending, jobs_of, json_of};
use crate::farm;
use crate::gossip_heap::{Report, Scenario, scenarios};
use serde_json::{Map, Value, json};
use std::io::{IsTerminal, Write};
use std::ops::Range;

/// Seeds played when none are given.
const SOME: Range<u64> = 0..5;

/// Plays one scenario, or all of them, and judges the goal.
pub fn run(args: &Args) -> Result<Ending, String> {
    let seeds = args.seeds("seeds")?.unwrap_or(SOME);
    let (jobs, json) = (jobs_of(args)?, json_of(args)?);
    let mut ending = Ending::Fine;
    for scenario in chosen(args.text("scenario"))? {
        let report = play(scenario, seeds.clone(), jobs, json);
        if json {
            report.samples.iter().for_each(|sample| println!("{}", sample_json(&report.scenario, sample.seed, &sample.values)));
            println!("{}", json!({"scenario": scenario.name, "reached": report.verdict.reached, "summary": report.verdict.summary}));
        } else {
            println!("{report}");
        }
        if !report.verdict.reached {
            ending = Ending::Violation;
        }
    }
    Ok(ending)
}

fn chosen(name: Option<&str>) -> Result<&'static [Scenario], String> {
    let Some(name) = name else { return Ok(scenarios()) };
    let at = scenarios().iter().position(|scenario| scenario.name == name);
    let names: Vec<&str> = scenarios().iter().map(|scenario| scenario.name).collect();
    at.map(|at| &scenarios()[at..=at]).ok_or_else(|| format!("there is no gossip scenario {name:?}; there are {}", names.join(", ")))
}

fn play(scenario: &Scenario, seeds: Range<u64>, jobs: usize, json: bool) -> Report {
    let looked_at = !json && std::io::stderr().is_terminal();
    let total = seeds.end - seeds.start;
    let mut samples = Vec::new();
    farm::each(seeds, jobs, scenario.play, |_, sample| {
        samples.push(sample);
        if looked_at {
            eprint!("\r{}: {} of {total} seeds ", scenario.name, samples.len());
            let _ = std::io::stderr().flush();
        }
        true
    });
    if looked_at {
        eprint!("\r{:60}\r", "");
    }
    let verdict = (scenario.judge)(&samples);
    Report { scenario: *scenario, samples, verdict }
}

fn sample_json(scenario: &Scenario, seed: u64, values: &[f64]) -> Value {
    let mut object = Map::new();
    object.insert("scenario".to_owned(), json!(scenario.name));
    object.insert("seed".to_owned(), json!(seed));
    for (column, value) in scenario.columns.iter().zip(values) {
        object.insert((*column).to_owned(), json!(value));
    }
    Value::Object(object)
}
