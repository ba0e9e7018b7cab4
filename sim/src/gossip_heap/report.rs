//! What a scenario is, and what came of it.

use std::fmt;
use std::ops::Range;

/// A goal and how it is checked.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// What it is called on the command line.
    pub name: &'static str,
    /// The goal, in words.
    pub goal: &'static str,
    /// What each run measures.
    pub columns: &'static [&'static str],
    /// One run.
    pub play: fn(seed: u64) -> Sample,
    /// All runs together, against the goal.
    pub judge: fn(&[Sample]) -> Verdict,
}

/// What one run measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The run's seed.
    pub seed: u64,
    /// One value for each of [`Scenario::columns`].
    pub values: Vec<f64>,
}

/// Whether the goal was reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The figures the goal speaks of, in words.
    pub summary: String,
    /// Whether they are good enough.
    pub reached: bool,
}

/// A scenario played for many seeds.
#[derive(Debug, Clone)]
pub struct Report {
    /// What was played.
    pub scenario: Scenario,
    /// One a seed.
    pub samples: Vec<Sample>,
    /// The judgement.
    pub verdict: Verdict,
}

impl Report {
    /// Plays `scenario` for every seed.
    pub fn of(scenario: &Scenario, seeds: Range<u64>) -> Report {
        let samples: Vec<Sample> = seeds.map(scenario.play).collect();
        let verdict = (scenario.judge)(&samples);
        Report { scenario: *scenario, samples, verdict }
    }
}

/// The share `p` of `values` (sorted here) is at or below the result.
pub(super) fn percentile(values: impl Iterator<Item = f64>, p: f64) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() as f64 * p).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// A table: one line a seed, the judgement last.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.scenario.name, self.scenario.goal)?;
        write!(f, "{:>8}", "seed")?;
        for column in self.scenario.columns {
            write!(f, "  {column:>14}")?;
        }
        writeln!(f)?;
        for sample in &self.samples {
            write!(f, "{:>8}", sample.seed)?;
            for value in &sample.values {
                write!(f, "  {value:>14.2}")?;
            }
            writeln!(f)?;
        }
        let reached = if self.verdict.reached { "reached" } else { "MISSED" };
        writeln!(f, "{reached}: {}", self.verdict.summary)
    }
}
