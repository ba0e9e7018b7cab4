//! `cargo sim speed`.

use super::{Args, Ending, json_of, scenario_of};
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

/// Processor time of this process, from `/proc/self/stat` (fields 14 and 15, in ticks of 10 ms).
fn processor_seconds() -> Result<f64, String> {
    let stat = std::fs::read_to_string("/proc/self/stat").map_err(|e| format!("/proc/self/stat: {e}"))?;
    let fields: Vec<&str> = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
    let ticks = |n: usize| fields.get(n).and_then(|field| field.parse::<f64>().ok());
    ticks(11).zip(ticks(12)).map(|(user, system)| (user + system) / 100.0).ok_or_else(|| "/proc/self/stat is not understood".to_owned())
}
