//! `cargo sim etcd`: etcd's record, bug by bug.

use super::{Args, Ending, jobs_of, json_of};
use crate::etcd::{Bug, Counterpart, RECORD, Runs};
use crate::farm;
use crate::report::Report;
use serde_json::json;
use std::ops::Range;

/// Seeds played of each when none are given.
const SOME: Range<u64> = 0..3;

/// Plays what stands against each bug, and prints a table of it.
pub fn run(args: &Args) -> Result<Ending, String> {
    let (jobs, json) = (jobs_of(args)?, json_of(args)?);
    let seeds = args.seeds("seeds")?.unwrap_or(SOME);
    let mut ending = Ending::Fine;
    for bug in RECORD {
        let wrong = match &bug.counterpart {
            Counterpart::Runs(runs) => play(runs, seeds.clone(), jobs),
            Counterpart::None(_) => Vec::new(),
        };
        if !wrong.is_empty() {
            ending = Ending::Violation;
        }
        match json {
            true => println!("{}", object(bug, &seeds, &wrong)),
            false => print!("{}", lines(bug, &seeds, &wrong)),
        }
    }
    Ok(ending)
}

/// The runs that are wrong.
fn play(runs: &Runs, seeds: Range<u64>, jobs: usize) -> Vec<Report> {
    let (scenario, mut wrong) = (runs.scenario(), Vec::new());
    farm::each(
        seeds,
        jobs,
        |seed| scenario.play(seed, None),
        |_, report| {
            if !report.is_right() {
                wrong.push(report);
            }
            true
        },
    );
    wrong
}

fn lines(bug: &Bug, seeds: &Range<u64>, wrong: &[Report]) -> String {
    let Bug { number, what, counterpart } = bug;
    let (verdict, against) = match counterpart {
        Counterpart::None(why) => ("none".to_owned(), (*why).to_owned()),
        Counterpart::Runs(runs) => {
            let (played, judges) = (seeds.end - seeds.start, runs.judged_by.join(", "));
            let verdict = if wrong.is_empty() { format!("{played} right") } else { format!("{} WRONG", wrong.len()) };
            (verdict, format!("{}, by {judges}", runs.about))
        }
    };
    let mut text = format!("#{number:<6} {verdict:<10} {what}\n                   {against}\n");
    for report in wrong {
        text.push_str(&format!("{}\n{}", report.line(), report.explanation()));
    }
    text
}

fn object(bug: &Bug, seeds: &Range<u64>, wrong: &[Report]) -> serde_json::Value {
    let seeds_wrong: Vec<u64> = wrong.iter().map(|report| report.seed).collect();
    match &bug.counterpart {
        Counterpart::None(why) => json!({"etcd": bug.number, "what": bug.what, "none": why}),
        Counterpart::Runs(runs) => json!({
            "etcd": bug.number,
            "what": bug.what,
            "scenario": runs.name,
            "judged_by": runs.judged_by,
            "played": seeds.end - seeds.start,
            "wrong": seeds_wrong,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{RECORD, lines, object};

    #[test]
    fn a_bug_is_shown_with_what_stands_against_it_or_why_nothing_has_to() {
        let of = |number| RECORD.iter().find(|bug| bug.number == number).unwrap();
        let text = lines(of(15_271), &(0..3), &[]);
        assert!(text.starts_with("#15271  3 right") && text.contains("W1-stream-by-the-log"), "{text}");
        assert!(lines(of(14_685), &(0..3), &[]).contains("nothing is defragmented"));
        assert_eq!(object(of(20_418), &(0..3), &[])["scenario"], "etcd-20418");
    }
}
