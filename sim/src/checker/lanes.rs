//! A counterexample as text: a lane for each client, time from left to right.

use super::compile::Standing;
use super::counterexample::{Counterexample, Shown};
use super::history::{Action, Mode, Operation, Outcome};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The operation and its answer in a few words, such as `put 1-7` or `get: 1-7 @12`.
pub fn label(operation: &Operation) -> String {
    let asked = match &operation.action {
        Action::Put { value } => format!("put {value}"),
        Action::Cas { value, expect } => format!("cas {value} over @{expect}"),
        Action::Get { mode: Mode::Default } => "get".to_owned(),
        Action::Get { mode: Mode::Consistent } => "get?consistent".to_owned(),
        Action::Get { mode: Mode::Stale } => "get?stale".to_owned(),
        Action::Delete => "delete".to_owned(),
        Action::DeleteCas { expect } => format!("delete @{expect}"),
    };
    match &operation.outcome {
        Outcome::Wrote { took: true, .. } => asked,
        Outcome::Wrote { took: false, .. } => format!("{asked}: refused"),
        Outcome::Read { found: Some(found), .. } if found.modify > 0 => format!("{asked}: {} @{}", found.value, found.modify),
        Outcome::Read { found: Some(found), .. } => format!("{asked}: {}", found.value),
        Outcome::Read { found: None, .. } => format!("{asked}: nothing"),
        Outcome::Failed => format!("{asked}: failed"),
        Outcome::Unknown => format!("{asked}: no answer"),
    }
}

/// The letter that stands for a part: `a` to `z`, then `aa`.
pub fn letter(part: usize) -> String {
    let last = char::from(b'a' + (part % 26) as u8);
    if part < 26 { last.to_string() } else { letter(part / 26 - 1) + &last.to_string() }
}

/// The state in words.
pub fn state(shown: &Shown) -> String {
    match shown {
        None => "nothing".to_owned(),
        Some((value, 0)) => value.to_string(),
        Some((value, version)) => format!("{value} @{version}"),
    }
}

/// The place of every time among all times of the timed parts, so that lanes show order, not length.
pub fn columns(counterexample: &Counterexample) -> BTreeMap<u64, usize> {
    let mut times: BTreeMap<u64, usize> = BTreeMap::new();
    for part in counterexample.parts.iter().filter(|p| p.standing != Standing::Free) {
        times.insert(part.operation.invoked, 0);
        times.extend(part.operation.returned().map(|at| (at, 0)));
    }
    for (column, at) in times.values_mut().enumerate() {
        *at = column;
    }
    times
}

const COLUMN: usize = 4;

/// The counterexample as text.
pub fn render(counterexample: &Counterexample) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "key {}: no order of these {} operations explains every answer", counterexample.key, counterexample.parts.len());
    let columns = columns(counterexample);
    let mut clients: Vec<u32> = counterexample.parts.iter().filter(|p| p.standing != Standing::Free).map(|p| p.operation.client).collect();
    clients.sort_unstable();
    clients.dedup();
    for client in clients {
        let _ = writeln!(out, "  client {client:<4} {}", lane(counterexample, client, &columns).trim_end());
    }
    for (at, part) in counterexample.parts.iter().enumerate() {
        let when = match part.standing {
            Standing::Timed => {
                format!("{} .. {}", seconds(part.operation.invoked), part.operation.returned().map_or_else(String::new, seconds))
            }
            Standing::Unanswered => format!("{} ..", seconds(part.operation.invoked)),
            Standing::Free => "at any time or never".to_owned(),
        };
        let asked = if part.operation.asked.is_empty() { String::new() } else { format!(" at {}", part.operation.asked) };
        let _ = writeln!(out, "  {:>2}  {:<34} client {}{asked}, {when}", letter(at), label(&part.operation), part.operation.client);
    }
    if counterexample.useless > 0 {
        let _ = writeln!(out, "  and {} more writes, allowed at any time or never, do not help", counterexample.useless);
    }
    explain(&mut out, counterexample);
    out
}

fn explain(out: &mut String, counterexample: &Counterexample) {
    let order: Vec<String> = counterexample.longest.iter().map(|(part, shown)| format!("{} ({})", letter(*part), state(shown))).collect();
    let order = if order.is_empty() { "nothing".to_owned() } else { order.join(", ") };
    let stuck = &counterexample.parts[counterexample.stuck];
    let _ = writeln!(
        out,
        "  the longest legal order is {order}; then {} has no place: {}",
        letter(counterexample.stuck),
        label(&stuck.operation)
    );
}

fn lane(counterexample: &Counterexample, client: u32, columns: &BTreeMap<u64, usize>) -> String {
    let mut cells = vec![' '; (columns.len() + 2) * COLUMN];
    for (at, part) in counterexample.parts.iter().enumerate() {
        if part.operation.client != client || part.standing == Standing::Free {
            continue;
        }
        let from = columns[&part.operation.invoked] * COLUMN;
        let until = part.operation.returned().map_or(cells.len() - 1, |at| columns[&at] * COLUMN + COLUMN - 2);
        cells[from..until].fill('-');
        cells[from] = '|';
        cells[until] = if part.operation.returned().is_some() { '|' } else { '>' };
        for (cell, character) in cells[from + 1..until].iter_mut().zip(letter(at).chars()) {
            *cell = character;
        }
    }
    cells.into_iter().collect()
}

/// Virtual seconds with microseconds.
pub fn seconds(nanos: u64) -> String {
    format!("{}.{:06}s", nanos / 1_000_000_000, nanos / 1_000 % 1_000_000)
}
