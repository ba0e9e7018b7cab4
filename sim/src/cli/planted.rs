//! `cargo sim planted`: a judge that never finds anything is worth nothing.

use super::{Args, Ending, jobs_of, json_of, planted_of};
use crate::farm;
use crate::invariants::planted::{ALL, Planted};
use crate::report::Report;
use crate::scenario::Scenario;
use serde_json::json;

/// Plays every planted fault, or the one asked for, over its seeds.
pub fn run(args: &Args) -> Result<Ending, String> {
    let (jobs, json, seeds) = (jobs_of(args)?, json_of(args)?, args.seeds("seeds")?);
    let one = planted_of(args)?;
    let mut ending = Ending::Fine;
    for planted in one.map_or(ALL, std::slice::from_ref) {
        let seeds = seeds.clone().unwrap_or(0..planted.seeds);
        let scenario = Scenario::named(planted.scenario)
            .ok_or_else(|| format!("{} names a scenario that is missing", planted.name))?
            .planting(planted);
        let (mut caught, mut played) = (Vec::new(), 0u64);
        farm::each(
            seeds,
            jobs,
            |seed| scenario.play(seed, None),
            |_, report| {
                played += 1;
                if is_caught(planted, &report) {
                    caught.push(report.seed);
                }
                true
            },
        );
        // Fewer seeds than the fault's own need fewer hits, but one at least.
        let needed = (planted.at_least * played).div_ceil(planted.seeds).clamp(1, planted.at_least);
        let enough = caught.len() as u64 >= needed;
        if !enough {
            ending = Ending::Violation;
        }
        if json {
            println!("{}", json!({"planted": planted.name, "played": played, "caught": caught, "needed": needed, "enough": enough}));
        } else {
            let verdict = if enough { "caught" } else { "MISSED" };
            println!("{}: {verdict} in {} of {played} runs, {needed} needed; seeds {caught:?}", planted.name, caught.len());
        }
    }
    Ok(ending)
}

/// Whether a run noticed the fault, by one of the promises that must.
fn is_caught(planted: &Planted, report: &Report) -> bool {
    let names = |violation: &String| planted.caught_by.iter().any(|id| violation.contains(id));
    let illegal = |violation: &String| violation.starts_with("NOT linearizable") && planted.caught_by.contains(&"linearizability");
    report.violations.iter().any(|violation| names(violation) || illegal(violation))
}
