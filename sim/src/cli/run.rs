//! `cargo sim run`.

use super::{Args, Ending, jobs_of, json_of, scenario_of};
use crate::farm;
use crate::report::Report;
use crate::scenario::Scenario;
use std::io::{IsTerminal, Write};
use std::ops::Range;

/// Seeds played when none are given.
const SOME: Range<u64> = 0..20;

/// Plays seeds and reports them, or prints the trace of one.
pub fn run(args: &Args) -> Result<Ending, String> {
    let scenario = scenario_of(args)?;
    let one: Option<u64> = args.number("seed")?;
    let seeds = match (args.seeds("seeds")?, one) {
        (Some(_), Some(_)) => return Err("--seed and --seeds exclude each other".to_owned()),
        (Some(seeds), None) => seeds,
        (None, Some(seed)) => seed..seed.checked_add(1).ok_or("--seed is too large")?,
        (None, None) => SOME,
    };
    if args.has("trace") {
        if seeds.end - seeds.start != 1 {
            return Err("--trace needs one seed".to_owned());
        }
        return Ok(trace(scenario, seeds.start));
    }
    Ok(play_all(scenario, seeds, jobs_of(args)?, json_of(args)?))
}

fn trace(scenario: Scenario, seed: u64) -> Ending {
    let out = std::io::BufWriter::with_capacity(1 << 16, std::io::stdout());
    let report = scenario.play(seed, Some(Box::new(out)));
    eprintln!("{}", report.line());
    if !report.is_right() {
        eprint!("{}", report.explanation());
    }
    ending(u64::from(!report.is_right()))
}

fn ending(wrong: u64) -> Ending {
    if wrong == 0 { Ending::Fine } else { Ending::Violation }
}

/// Plays every seed; prints what is wrong as it is found, and a summary.
fn play_all(scenario: Scenario, seeds: Range<u64>, jobs: usize, json: bool) -> Ending {
    let mut tally = Tally { total: seeds.end - seeds.start, ..Tally::default() };
    let looked_at = !json && std::io::stderr().is_terminal();
    farm::each(
        seeds,
        jobs,
        |seed| scenario.play(seed, None),
        |_, report| {
            tally.add(&report);
            if json {
                println!("{}", report.json());
            } else if !report.is_right() {
                clear(looked_at);
                println!("{}\n{}", report.line(), report.explanation());
            }
            if looked_at {
                eprint!("\r{} of {} seeds, {} wrong ", tally.done, tally.total, tally.wrong.len());
                let _ = std::io::stderr().flush();
            }
            true
        },
    );
    clear(looked_at);
    if !json {
        println!("{}", tally.summary(scenario));
    }
    ending(tally.wrong.len() as u64)
}

fn clear(looked_at: bool) {
    if looked_at {
        eprint!("\r{:60}\r", "");
    }
}

/// Sums over runs.
#[derive(Debug, Default)]
pub(super) struct Tally {
    total: u64,
    done: u64,
    wrong: Vec<u64>,
    virtual_seconds: f64,
    events: u64,
    counts: std::collections::BTreeMap<&'static str, u64>,
}

impl Tally {
    pub(super) fn add(&mut self, report: &Report) {
        self.done += 1;
        self.virtual_seconds += report.footprint.lasted.as_secs_f64();
        self.events += report.footprint.events;
        for (name, n) in &report.counts {
            let sum = self.counts.entry(name).or_default();
            // What never came about is counted as having taken for ever.
            *sum = sum.saturating_add(*n);
        }
        if !report.is_right() {
            self.wrong.push(report.seed);
        }
    }

    fn summary(&self, scenario: Scenario) -> String {
        let counts: Vec<String> = self.counts.iter().map(|(name, n)| format!("{name} {n}")).collect();
        let right = self.done - self.wrong.len() as u64;
        let mut text = format!(
            "{}: {right} of {} runs right; {:.0} virtual seconds, {} events; {}",
            scenario.name,
            self.done,
            self.virtual_seconds,
            self.events,
            counts.join(", ")
        );
        if !self.wrong.is_empty() {
            text.push_str(&format!("\nwrong seeds: {:?}", self.wrong));
        }
        text
    }
}
