//! etcd's published record of broken promises, bug by bug, and what stands against each here: a scenario with the faults that brought it out, and the
//! promises that would show it. What cannot happen here says why.

mod record;

pub use record::RECORD;

use crate::fault::Kind;
use crate::scenario::Scenario;
use crate::slant::{Logs, Slant};

/// One bug.
#[derive(Debug, Clone, Copy)]
pub struct Bug {
    /// Its number among etcd's issues.
    pub number: u32,
    /// What went wrong.
    pub what: &'static str,
    /// What stands against it here.
    pub counterpart: Counterpart,
}

/// What stands against a bug.
#[derive(Debug, Clone, Copy)]
pub enum Counterpart {
    /// Runs.
    Runs(Runs),
    /// It cannot happen, for this reason.
    None(&'static str),
}

/// Runs in which the same thing would go wrong.
#[derive(Debug, Clone, Copy)]
pub struct Runs {
    /// What `--scenario` calls them.
    pub name: &'static str,
    /// The scenario that they are played in.
    pub scenario: &'static str,
    /// With which faults, on what.
    pub slant: Slant,
    /// The promises that would be seen broken.
    pub judged_by: &'static [&'static str],
    /// What it is here that could go wrong likewise.
    pub about: &'static str,
}

impl Runs {
    /// The scenario that plays them.
    ///
    /// # Panics
    /// If they name one that is missing.
    pub fn scenario(&self) -> Scenario {
        let base = Scenario::named(self.scenario).expect("the record names scenarios that there are");
        base.under(self.name, self.about, self.slant)
    }
}

/// The runs called `name`.
pub fn named(name: &str) -> Option<Scenario> {
    runs().find(|runs| runs.name == name).map(|runs| runs.scenario())
}

/// All runs, in the order of the record.
pub fn runs() -> impl Iterator<Item = &'static Runs> {
    RECORD.iter().filter_map(|bug| match &bug.counterpart {
        Counterpart::Runs(runs) => Some(runs),
        Counterpart::None(_) => None,
    })
}

/// As many servers as drawn, these faults, and logs as drawn.
const fn under(kinds: &'static [Kind]) -> Slant {
    Slant { servers: None, kinds, logs: Logs::Drawn }
}

/// The same on short logs.
const fn on_short_logs(kinds: &'static [Kind]) -> Slant {
    Slant { servers: None, kinds, logs: Logs::Short }
}

#[cfg(test)]
mod tests {
    use super::{Counterpart, RECORD, named, runs};
    use crate::scenario::{ALL, Scenario};
    use std::collections::BTreeSet;

    #[test]
    fn every_bug_is_named_once_and_says_what_stands_against_it() {
        let numbers: BTreeSet<u32> = RECORD.iter().map(|bug| bug.number).collect();
        assert_eq!(numbers.len(), RECORD.len());
        for bug in RECORD {
            match bug.counterpart {
                Counterpart::Runs(runs) => {
                    assert_eq!(runs.name, format!("etcd-{}", bug.number));
                    assert!(!runs.judged_by.is_empty() && !runs.slant.kinds.is_empty(), "{}", bug.number);
                }
                Counterpart::None(why) => assert!(why.len() > 20, "{}", bug.number),
            }
        }
    }

    #[test]
    fn every_run_can_be_played_by_its_name_which_no_other_scenario_has() {
        for runs in runs() {
            assert_eq!(named(runs.name).unwrap().slant, runs.slant);
            assert_eq!(Scenario::named(runs.name).unwrap().name, runs.name);
            assert!(ALL.iter().all(|scenario| scenario.name != runs.name));
        }
    }
}
