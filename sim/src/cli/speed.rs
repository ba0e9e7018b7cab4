//! `cargo sim speed`.

use super::{Args, Ending, json_of, scenario_of};
use crate::runtime::meter::processor_seconds;
use serde_json::json;

/// Seeds measured when none are given.
const SOME: std::ops::Range<u64> = 0..10;

/// Plays seeds one after the other and divides virtual time by processor time.
pub fn run(args: &Args) -> Result<Ending, String> {
    let scenario = scenario_of(args)?;
    let seeds = args.seeds("seeds")?.unwrap_or(SOME);
    let json = json_of(args)?;
    let (mut simulated, mut spent, mut events, mut wrong) = (0.0, 0.0, 0, 0);
    for seed in seeds {
        let before = processor_seconds()?;
        let report = scenario.play(seed, None);
        let took = processor_seconds()? - before;
        let virtual_seconds = report.footprint.lasted.as_secs_f64();
        if !json {
            let faults: u64 = report.footprint.by_kind.get("fault").copied().unwrap_or(0);
            println!("seed {seed:>4}: {:>6.0} simulated s per CPU s, {faults} faults, {}", virtual_seconds / took, report.line());
        }
        simulated += virtual_seconds;
        spent += took;
        events += report.footprint.events;
        wrong += u64::from(!report.is_right());
    }
    let (rate, event_rate) = (simulated / spent, events as f64 / spent);
    if json {
        println!(
            "{}",
            json!({"scenario": scenario.name, "simulated_seconds": simulated, "cpu_seconds": spent, "rate": rate, "events_per_cpu_second": event_rate})
        );
    } else {
        println!(
            "{}: {rate:.0} simulated seconds and {event_rate:.0} events per CPU second ({simulated:.0} s in {spent:.1} s)",
            scenario.name
        );
    }
    Ok(if wrong == 0 { Ending::Fine } else { Ending::Violation })
}
