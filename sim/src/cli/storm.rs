//! `cargo sim storm`: what a restart of all servers costs.

use super::{Args, Ending, json_of};
use crate::play::play;
use crate::storm::{FULL, Figures, storm};

/// Seeds played when none are given.
const SOME: std::ops::Range<u64> = 0..1;

/// Plays the storm and prints its figures; one that costs too much is a violation.
pub fn run(args: &Args) -> Result<Ending, String> {
    let json = json_of(args)?;
    let mut ending = Ending::Fine;
    for seed in args.seeds("seeds")?.unwrap_or(SOME) {
        let played = play(seed, None, || storm(FULL));
        let figures: Result<Figures, String> = played.value.and_then(|figures| figures);
        let failures = played.footprint.failures;
        match &figures {
            Ok(figures) if json => println!("{}", figures.json()),
            Ok(figures) => print!("seed {seed}: {}", figures.text()),
            Err(why) => println!("seed {seed}: {why}"),
        }
        let excesses = figures.map_or_else(|why| vec![why], |figures| figures.excesses());
        for excess in excesses.iter().chain(&failures) {
            ending = Ending::Violation;
            println!("  {excess}");
        }
    }
    Ok(ending)
}
