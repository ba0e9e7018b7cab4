//! What a search remembers of where it has been: quickly, by 128-bit fingerprints, or exactly.

use super::register::Register;
use std::collections::BTreeSet;

/// Whether a configuration is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visit {
    /// Not been here.
    New,
    /// Been here, and it led nowhere.
    Known,
    /// There is no room to remember it.
    Full,
}

/// A memory of configurations: which steps have been placed, and the state they led to.
pub trait Seen {
    /// A memory that holds at most `room` configurations.
    fn with_room(room: usize) -> Self;
    /// Step `step` is placed, or taken back.
    fn toggle(&mut self, step: u32);
    /// Remembers the placed steps together with `state`.
    fn visit(&mut self, state: Register) -> Visit;
}

/// Fingerprints in an open-addressed table of 16-byte cells; the fingerprint is its own hash.
#[derive(Debug)]
pub struct Fingerprints {
    cells: Vec<u128>,
    used: usize,
    room: usize,
    placed: u128,
}

const FIRST_CELLS: usize = 64;

impl Seen for Fingerprints {
    fn with_room(room: usize) -> Fingerprints {
        Fingerprints { cells: vec![0; FIRST_CELLS], used: 0, room, placed: 0 }
    }

    fn toggle(&mut self, step: u32) {
        let (a, b) = (u64::from(step), u64::from(step) | (1 << 40));
        let high = super::register::mix(a.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1));
        let low = super::register::mix(b.wrapping_mul(0xd1b5_4a32_d192_ed03).wrapping_add(1));
        self.placed ^= (u128::from(high) << 64) | u128::from(low);
    }

    fn visit(&mut self, state: Register) -> Visit {
        if self.used * 2 >= self.cells.len() {
            if self.used >= self.room {
                return Visit::Full;
            }
            self.grow();
        }
        let fingerprint = (self.placed ^ state.fingerprint()).max(1);
        let cell = find(&self.cells, fingerprint);
        if self.cells[cell] == fingerprint {
            return Visit::Known;
        }
        self.cells[cell] = fingerprint;
        self.used += 1;
        Visit::New
    }
}

impl Fingerprints {
    fn grow(&mut self) {
        let old = std::mem::take(&mut self.cells);
        self.cells = vec![0; old.len() * 2];
        for fingerprint in old.into_iter().filter(|f| *f != 0) {
            let cell = find(&self.cells, fingerprint);
            self.cells[cell] = fingerprint;
        }
    }
}

/// The cell that holds `fingerprint`, or the empty one where it belongs. At least half of the cells are empty.
fn find(cells: &[u128], fingerprint: u128) -> usize {
    let mask = cells.len() - 1;
    let mut at = fingerprint as usize & mask;
    while cells[at] != 0 && cells[at] != fingerprint {
        at = (at + 1) & mask;
    }
    at
}

/// Whole configurations: no two are ever taken for one.
#[derive(Debug)]
pub struct Exact {
    been: BTreeSet<(Vec<u64>, Register)>,
    room: usize,
    placed: Vec<u64>,
}

impl Seen for Exact {
    fn with_room(room: usize) -> Exact {
        Exact { been: BTreeSet::new(), room, placed: Vec::new() }
    }

    fn toggle(&mut self, step: u32) {
        let word = step as usize / 64;
        if word >= self.placed.len() {
            self.placed.resize(word + 1, 0);
        }
        self.placed[word] ^= 1 << (step % 64);
        while self.placed.last() == Some(&0) {
            self.placed.pop();
        }
    }

    fn visit(&mut self, state: Register) -> Visit {
        if self.been.len() >= self.room {
            return Visit::Full;
        }
        if self.been.insert((self.placed.clone(), state)) { Visit::New } else { Visit::Known }
    }
}

#[cfg(test)]
mod tests {
    use super::{Exact, Fingerprints, Seen, Visit};
    use crate::checker::register::Register;

    fn remembers<S: Seen>() {
        let mut seen = S::with_room(1_000);
        for step in 0..200 {
            seen.toggle(step);
            assert_eq!(seen.visit(Register::default()), Visit::New, "{step}");
            assert_eq!(seen.visit(Register::default()), Visit::Known, "{step}");
        }
        for step in (0..200).rev() {
            assert_eq!(seen.visit(Register::default()), Visit::Known, "{step}");
            seen.toggle(step);
        }
        assert_eq!(seen.visit(Register { value: 1, ..Register::default() }), Visit::New);
    }

    #[test]
    fn both_memories_know_where_they_have_been_and_only_that() {
        remembers::<Fingerprints>();
        remembers::<Exact>();
    }

    #[test]
    fn a_full_memory_says_so() {
        let mut seen = Exact::with_room(1);
        assert_eq!(seen.visit(Register::default()), Visit::New);
        seen.toggle(1);
        assert_eq!(seen.visit(Register::default()), Visit::Full);
        let mut seen = Fingerprints::with_room(10);
        let visits: Vec<Visit> = (0..40)
            .map(|step| {
                seen.toggle(step);
                seen.visit(Register::default())
            })
            .collect();
        assert_eq!(visits.last(), Some(&Visit::Full));
    }
}
