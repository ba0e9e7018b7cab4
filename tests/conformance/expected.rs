//! The list of cases that may not pass yet.

use super::Failure;
use libtest_mimic::Failed;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The names in `expected-fail.txt`: one a line, `#` begins a comment.
#[derive(Debug, Default)]
pub struct ExpectedFailures {
    times: BTreeMap<String, usize>,
}

impl ExpectedFailures {
    /// Reads the list. Panics if there is none: an empty list is an empty file.
    pub fn read(path: &Path) -> ExpectedFailures {
        ExpectedFailures::parse(&std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
    }

    /// Parses the list's text.
    pub fn parse(text: &str) -> ExpectedFailures {
        let mut times = BTreeMap::new();
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        for name in lines.filter(|name| !name.is_empty()) {
            *times.entry(name.to_owned()).or_default() += 1;
        }
        ExpectedFailures { times }
    }

    /// Whether the case is listed.
    pub fn contains(&self, name: &str) -> bool {
        self.times.contains_key(name)
    }

    /// What is wrong with the list itself: names no case has, names listed twice.
    pub fn faults<'a>(&self, cases: impl Iterator<Item = &'a str>) -> Vec<String> {
        let known: BTreeSet<&str> = cases.collect();
        let unknown = self.times.keys().filter(|n| !known.contains(n.as_str())).map(|n| format!("{n}: no case has this name"));
        let twice = self.times.iter().filter(|(_, times)| **times > 1).map(|(n, times)| format!("{n}: listed {times} times"));
        unknown.chain(twice).collect()
    }
}

/// A listed case is right to fail and wrong to pass.
pub fn judge(played: Result<(), Failure>) -> Result<(), Failed> {
    match played {
        Err(_) => Ok(()),
        Ok(()) => Err(Failed::from("this case passes now: take its name out of tests/conformance/expected-fail.txt")),
    }
}
