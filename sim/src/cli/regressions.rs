//! `cargo sim regressions`.

use super::{Args, Ending, jobs_of, json_of};
use crate::farm;
use crate::regressions::{LIST, Regression, parse};
use crate::scenario::Scenario;

/// Plays every seed of the list.
pub fn run(args: &Args) -> Result<Ending, String> {
    let list: Vec<Regression> = parse(LIST).map_err(|what| format!("regressions.txt: {what}"))?;
    let (jobs, json) = (jobs_of(args)?, json_of(args)?);
    let mut wrong = 0;
    farm::each(
        0..list.len() as u64,
        jobs,
        |n| {
            let regression = &list[n as usize];
            let scenario = Scenario::named(&regression.scenario).expect("the list was parsed");
            scenario.play(regression.seed, None)
        },
        |n, report| {
            wrong += u64::from(!report.is_right());
            if json {
                println!("{}", report.json());
            } else if !report.is_right() {
                println!("{}\n  once: {}\n{}", report.line(), list[n as usize].why, report.explanation());
            }
            true
        },
    );
    if !json {
        println!("{} regression seeds, {wrong} wrong", list.len());
    }
    Ok(if wrong == 0 { Ending::Fine } else { Ending::Violation })
}
