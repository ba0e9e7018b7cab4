//! R3, R5: what is applied at an index, and the state it leads to, is one function of the index: over all servers, restarts and snapshots.

use super::Violation;
use super::observation::{Applied, Installed};
use crate::world::Who;
use muster::model::Index;
use std::collections::BTreeMap;

/// The first account of an index, and whose it was.
struct First {
    server: Who,
    term: u64,
    command: Option<u128>,
    state: Option<u128>,
}

pub(super) fn violations(applied: &[Applied], installed: &[Installed]) -> Vec<Violation> {
    let mut log: BTreeMap<Index, First> = BTreeMap::new();
    let mut found = Vec::new();
    for entry in applied {
        let first = First { server: entry.server, term: entry.term, command: Some(entry.command), state: entry.state };
        if let Some((id, what)) = compare(&mut log, entry.index, first) {
            found.push(Violation { id, says: what, at: entry.at });
        }
    }
    for snapshot in installed {
        let first = First { server: snapshot.server, term: snapshot.term, command: None, state: Some(snapshot.state) };
        if let Some((id, what)) = compare(&mut log, snapshot.index, first) {
            found.push(Violation { id, says: what, at: snapshot.at });
        }
    }
    found.extend(gaps(applied, installed));
    found
}

fn compare(log: &mut BTreeMap<Index, First>, index: Index, now: First) -> Option<(&'static str, String)> {
    let Some(first) = log.get_mut(&index) else {
        log.insert(index, now);
        return None;
    };
    let differs = |what: &str| format!("{} and {} have another {what} at index {index}", first.server, now.server);
    if first.term != now.term {
        return Some(("R3-log-matching", differs("term")));
    }
    if matches!((first.command, now.command), (Some(a), Some(b)) if a != b) {
        return Some(("R3-log-matching", differs("command")));
    }
    if matches!((first.state, now.state), (Some(a), Some(b)) if a != b) {
        return Some(("R5-state-machine-safety", differs("state")));
    }
    first.command = first.command.or(now.command);
    first.state = first.state.or(now.state);
    None
}

/// A process applies entry after entry, unless a snapshot brings it further.
fn gaps(applied: &[Applied], installed: &[Installed]) -> Vec<Violation> {
    let mut last: BTreeMap<(Who, u64), Index> = BTreeMap::new();
    let mut found = Vec::new();
    for entry in applied {
        let before = last.insert((entry.server, entry.process), entry.index);
        let next = before.is_none_or(|before| entry.index == before + 1);
        let brought = |s: &Installed| (s.server, s.process, s.index + 1) == (entry.server, entry.process, entry.index) && s.at <= entry.at;
        let jumped = || installed.iter().any(brought);
        if !next && !jumped() {
            let says = format!("{} applied {} after {}", entry.server, entry.index, before.unwrap_or_default());
            found.push(Violation { id: "R8-monotonic", says, at: entry.at });
        }
    }
    found
}
