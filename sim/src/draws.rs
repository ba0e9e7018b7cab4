//! Chance in streams of its own: one for each purpose, all from the seed.
//!
//! A draw for the network never moves the draws of a disk or of a node, so that leaving out one fault changes as little as it can.

use std::ops::Range;
use std::time::Duration;

/// A stream of random numbers (SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug, Clone)]
pub struct Draws {
    state: u64,
}

impl Draws {
    /// The stream of `seed` for `purpose` and `number` (a node, a client; 0 if there is but one).
    pub fn new(seed: u64, purpose: &str, number: u64) -> Draws {
        let mut state = seed ^ 0x6d75_7374_6572;
        for byte in purpose.bytes() {
            state = mix(state.wrapping_add(u64::from(byte) + 1));
        }
        Draws { state: mix(state ^ mix(number.wrapping_add(0x9e37_79b9_7f4a_7c15))) }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// A number below `bound`.
    ///
    /// # Panics
    /// If `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "nothing is below zero");
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A number of `range`.
    pub fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.below(range.end - range.start)
    }

    /// A duration of `range`, to the nanosecond.
    pub fn duration(&mut self, range: &Range<Duration>) -> Duration {
        let (from, to) = (range.start.as_nanos() as u64, range.end.as_nanos() as u64);
        Duration::from_nanos(if from < to { self.within(from..to) } else { from })
    }

    /// True in `per_million` of a million cases.
    pub fn chance(&mut self, per_million: u32) -> bool {
        per_million > 0 && self.below(1_000_000) < u64::from(per_million)
    }

    /// One of `choices`.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }
}

fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::Draws;

    #[test]
    fn streams_of_one_seed_differ_and_repeat() {
        let first = |seed, purpose, number| Draws::new(seed, purpose, number).bits();
        assert_eq!(first(1, "net", 0), first(1, "net", 0));
        assert_ne!(first(1, "net", 0), first(2, "net", 0));
        assert_ne!(first(1, "net", 0), first(1, "disk", 0));
        assert_ne!(first(1, "net", 0), first(1, "net", 1));
    }

    #[test]
    fn a_chance_of_one_in_ten_comes_true_about_that_often() {
        let mut draws = Draws::new(7, "test", 0);
        let hits = (0..10_000).filter(|_| draws.chance(100_000)).count();
        assert!((900..1100).contains(&hits), "{hits}");
    }
}
