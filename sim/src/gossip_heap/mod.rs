//! Many gossip machines on one event heap: no sockets, no tasks, so a thousand members cost what their packets cost. Each scenario is a
//! goal with a judge; `run` plays it for a range of seeds.

mod coordinates;
mod detect;
mod events;
mod hearings;
mod link;
mod partition;
mod quiet;
mod report;
mod restart;
mod stress;
#[cfg(test)]
mod tests;
mod traffic;
mod world;

pub use report::{Report, Sample, Scenario, Verdict};

use std::ops::Range;

/// Every scenario, in the order of the goals they check.
pub fn scenarios() -> &'static [Scenario] {
    const {
        &[
            detect::SMALL,
            detect::LARGE,
            quiet::QUIET,
            stress::STRESS,
            partition::PARTITION,
            restart::FORM,
            restart::MASS_RESTART,
            traffic::TRAFFIC,
            events::EVENTS,
            coordinates::COORDINATES,
        ]
    }
}

/// Plays the scenario called `name` once for each seed; `None` if there is none of that name.
pub fn run(name: &str, seeds: Range<u64>) -> Option<Report> {
    let scenario = scenarios().iter().find(|scenario| scenario.name == name)?;
    Some(Report::of(scenario, seeds))
}
