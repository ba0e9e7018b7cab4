//! `cargo sim determinism`: does every run repeat?

use super::{Args, Ending, scenario_of};
use crate::farm;
use crate::scenario::{self, Scenario};
use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// Seeds compared when none are given.
const SOME: Range<u64> = 0..20;

/// Runs at once in the parallel comparison.
const AT_ONCE: usize = 4;

/// A seed's trace hash and number of events.
type Prints = BTreeMap<u64, (String, u64)>;

fn prints(scenario: Scenario, seeds: Range<u64>, jobs: usize) -> Prints {
    let mut prints = Prints::new();
    farm::each(
        seeds,
        jobs,
        |seed| scenario.play(seed, None).footprint,
        |seed, footprint| {
            prints.insert(seed, (format!("{:032x}", footprint.hash), footprint.events));
            true
        },
    );
    prints
}

/// Prints the trace hashes of seeds, a line each.
pub fn footprints(args: &Args) -> Result<Ending, String> {
    let seeds = args.seeds("seeds")?.unwrap_or(SOME);
    for (seed, (hash, events)) in prints(scenario_of(args)?, seeds, 1) {
        println!("{seed} {hash} {events}");
    }
    Ok(Ending::Fine)
}

/// Scenarios of whole agents, which are compared when none is named.
const WHOLE: [&str; 4] = [scenario::DEFAULT, "catalog", "locks", "changes"];

/// Plays every seed twice in this process, in another one, and four at once, and compares.
pub fn run(args: &Args) -> Result<Ending, String> {
    let seeds = args.seeds("seeds")?.unwrap_or(SOME);
    let scenarios = match args.text("scenario") {
        Some(_) => vec![scenario_of(args)?],
        None => WHOLE.iter().filter_map(|name| Scenario::named(name)).collect(),
    };
    let mut ending = Ending::Fine;
    for scenario in scenarios {
        if compare(scenario, &seeds)? == Ending::Nondeterminism {
            ending = Ending::Nondeterminism;
        }
    }
    Ok(ending)
}

fn compare(scenario: Scenario, seeds: &Range<u64>) -> Result<Ending, String> {
    let total = seeds.end - seeds.start;
    let first = prints(scenario, seeds.clone(), 1);
    let mut ending = Ending::Fine;
    let others = [
        ("again in this process", prints(scenario, seeds.clone(), 1)),
        ("four at once", prints(scenario, seeds.clone(), AT_ONCE)),
        ("in another process", elsewhere(scenario, seeds)?),
    ];
    for (how, other) in others {
        let differing: Vec<u64> = first.iter().filter(|(seed, print)| other.get(seed) != Some(print)).map(|(seed, _)| *seed).collect();
        println!("{}, {how}: {} of {total} seeds identical", scenario.name, total - differing.len() as u64);
        if let Some(seed) = differing.first() {
            ending = Ending::Nondeterminism;
            println!("  seeds that differ: {differing:?}\n{}", first_difference(scenario, *seed));
        }
    }
    let events: u64 = first.values().map(|(_, events)| events).sum();
    println!("{}: {total} seeds, {events} events each time", scenario.name);
    Ok(ending)
}

fn elsewhere(scenario: Scenario, seeds: &Range<u64>) -> Result<Prints, String> {
    let program = std::env::current_exe().map_err(|e| format!("cannot find this program: {e}"))?;
    let mut command = Command::new(program);
    command.args(["footprints", "--scenario", scenario.name, "--seeds", &format!("{}..{}", seeds.start, seeds.end)]);
    let output = command.stderr(Stdio::inherit()).output().map_err(|e| format!("cannot start another process: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let parsed: Option<Prints> = text.lines().map(parse_print).collect();
    parsed.filter(|_| output.status.success()).ok_or_else(|| format!("the other process failed ({}): {text}", output.status))
}

fn parse_print(line: &str) -> Option<(u64, (String, u64))> {
    let mut words = line.split(' ');
    let (seed, hash, events) = (words.next()?, words.next()?, words.next()?);
    Some((seed.parse().ok()?, (hash.to_owned(), events.parse().ok()?)))
}

/// Text that two owners can reach: the trace of a run writes it, the comparison reads it.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic while held").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn text_of(scenario: Scenario, seed: u64) -> String {
    let page = Page::default();
    scenario.play(seed, Some(Box::new(page.clone())));
    let text = page.0.lock().expect("no panic while held");
    String::from_utf8_lossy(&text).into_owned()
}

/// Plays `seed` twice more, with its trace, and shows where the two part.
fn first_difference(scenario: Scenario, seed: u64) -> String {
    let (one, other) = (text_of(scenario, seed), text_of(scenario, seed));
    let parting = one.lines().zip(other.lines()).enumerate().find(|(_, (a, b))| a != b);
    match parting {
        Some((n, (a, b))) => {
            let before: Vec<&str> = one.lines().skip(n.saturating_sub(3)).take(n.min(3)).collect();
            format!("  seed {seed} parts at line {} of its trace, after\n    {}\n  one:   {a}\n  other: {b}", n + 1, before.join("\n    "))
        }
        None if one == other => {
            format!("  seed {seed}: two more runs in this process had the same trace; compare `run --seed {seed} --trace` of two processes")
        }
        None => format!("  seed {seed}: one trace is the beginning of the other"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Scenario, first_difference, parse_print, prints, text_of};

    #[test]
    fn runs_repeat_one_after_the_other_and_four_at_once_and_so_does_their_text() {
        let hello = Scenario::named("hello").unwrap();
        assert_eq!(prints(hello, 0..6, 1), prints(hello, 0..6, 4));
        let text = text_of(hello, 3);
        assert!(text == text_of(hello, 3) && text.lines().count() > 1000);
        assert!(first_difference(hello, 3).contains("had the same trace"));
    }

    #[test]
    fn a_line_of_another_process_is_read() {
        assert_eq!(parse_print("3 ab 7"), Some((3, ("ab".to_owned(), 7))));
        assert_eq!(parse_print("3 ab"), None);
    }
}
