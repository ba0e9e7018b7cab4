//! Coordinates in probe acks: every round trip that is measured anyway tells us where we lie.

use super::machine::Gossip;
use super::table::{SlotId, name_hash};
use crate::model::{Coordinate, DIMENSIONS, NodeName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A coordinate as an ack carries it: vector, error, adjustment, height. Single precision is exact to a nanosecond at 10 ms.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Position([f32; DIMENSIONS + 3]);

/// Bit for bit: what is no number equals itself too.
impl PartialEq for Position {
    fn eq(&self, other: &Position) -> bool {
        self.0.map(f32::to_bits) == other.0.map(f32::to_bits)
    }
}

impl Eq for Position {}

impl From<&Coordinate> for Position {
    fn from(from: &Coordinate) -> Position {
        let rest = [from.error, from.adjustment, from.height];
        Position(std::array::from_fn(|n| from.vec.get(n).copied().unwrap_or_else(|| rest[n - DIMENSIONS]) as f32))
    }
}

impl From<&Position> for Coordinate {
    fn from(from: &Position) -> Coordinate {
        let number = |n: usize| f64::from(from.0[n]);
        let vec = std::array::from_fn(number);
        Coordinate { vec, error: number(DIMENSIONS), adjustment: number(DIMENSIONS + 1), height: number(DIMENSIONS + 2) }
    }
}

impl Gossip {
    /// A member answered a probe of ours directly, after `rtt`, and said where it lies.
    pub(super) fn learn_position(&mut self, of: SlotId, position: &Position, rtt: Duration) {
        let coordinate = Coordinate::from(position);
        let name = self.table[of].name_hash;
        if self.vivaldi.measure(name, &coordinate, rtt) {
            self.positions.insert(name, coordinate);
        } else {
            self.stats.refused += 1;
        }
    }

    /// A member is forgotten, and so is where it lay.
    pub(super) fn forget_position(&mut self, of: SlotId) {
        let name = self.table[of].name_hash;
        self.positions.remove(&name);
        self.vivaldi.forget(name);
    }

    /// Where we lie.
    pub fn coordinate(&self) -> Coordinate {
        self.vivaldi.own()
    }

    /// Where the members that were probed lie, and we, as far as this member heard.
    pub fn coordinates(&self) -> BTreeMap<NodeName, Coordinate> {
        let of = |slot: &super::table::Slot| Some((slot.profile.name.clone(), *self.positions.get(&slot.name_hash)?));
        let own = (self.setup.name.clone(), self.vivaldi.own());
        self.table.iter().filter_map(of).chain([own]).collect()
    }

    pub(super) fn check_positions(&self) {
        let known = |hash: &u64| self.table.find_hash(*hash).is_some();
        assert!(self.positions.keys().all(known), "only members lie anywhere");
        assert_eq!(self.table.own().name_hash, name_hash(&self.setup.name), "we are who we are");
    }
}

#[cfg(test)]
mod tests {
    use super::Position;
    use crate::model::Coordinate;

    #[test]
    fn a_coordinate_survives_the_wire_to_a_nanosecond() {
        let vec = [0.0123456789, -0.02, 0.03, 0.0, 0.0, 0.0, 0.0, 0.0099];
        let coordinate = Coordinate { vec, error: 0.25, adjustment: -0.00003, height: 0.00001 };
        let there = Coordinate::from(&Position::from(&coordinate));
        assert!((there.seconds(&coordinate) - coordinate.seconds(&coordinate)).abs() < 5e-9);
        assert_eq!(there.error, 0.25);
    }
}
