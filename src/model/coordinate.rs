//! Network coordinates: where a node lies, so that the distance of two is the round trip between them.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Dimensions of the Euclidean part (Serf's and Consul's).
pub const DIMENSIONS: usize = 8;

/// The largest number believed in a coordinate, in seconds: over eleven days of light. What is larger is damage or a lie.
pub const LARGEST: f64 = 1e6;

/// A height-vector coordinate (Dabek et al. 2004, section 5.4) with the adjustment term of Lee et al. 2006. All numbers are in seconds, but
/// for `error`, which is a ratio.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coordinate {
    /// The Euclidean part.
    pub vec: [f64; DIMENSIONS],
    /// How wrong it is: 0 is certain, 1.5 is a guess.
    pub error: f64,
    /// What is added to a distance, to make up for what no Euclidean space can express. May be negative.
    pub adjustment: f64,
    /// The way from the node to the network, gone by every packet.
    pub height: f64,
}

/// Why a coordinate was refused.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum CoordinateError {
    /// Of another space.
    #[error("incompatible coordinate: it has {found} dimensions, and those here have {DIMENSIONS}")]
    Dimensions {
        /// How many it has.
        found: usize,
    },
    /// Not a number, infinite, or beyond [`LARGEST`].
    #[error("invalid coordinate: {field} is {value}, which must be a number of at most {LARGEST} in size")]
    Number {
        /// Which number.
        field: &'static str,
        /// What it is.
        value: f64,
    },
}

impl Coordinate {
    /// One that everything is refused of but the numbers of a place.
    ///
    /// # Errors
    /// Which rule the numbers break.
    pub fn parse(vec: &[f64], error: f64, adjustment: f64, height: f64) -> Result<Coordinate, CoordinateError> {
        let vec = vec.try_into().map_err(|_| CoordinateError::Dimensions { found: vec.len() })?;
        let coordinate = Coordinate { vec, error, adjustment, height };
        coordinate.check()?;
        Ok(coordinate)
    }

    /// Whether its numbers are those of a place: what arrives from elsewhere is asked this first.
    ///
    /// # Errors
    /// The first number that is not.
    pub fn check(&self) -> Result<(), CoordinateError> {
        let parts = self.vec.iter().map(|value| ("Vec", *value));
        let rest = [("Error", self.error), ("Adjustment", self.adjustment), ("Height", self.height)];
        let bad = parts.chain(rest).find(|(_, value)| !value.is_finite() || value.abs() > LARGEST);
        bad.map_or(Ok(()), |(field, value)| Err(CoordinateError::Number { field, value }))
    }

    /// The round trip that is expected between two nodes. Adjustments count only while they leave something of it.
    pub fn distance(&self, other: &Coordinate) -> Duration {
        Duration::try_from_secs_f64(self.seconds(other)).unwrap_or(Duration::MAX)
    }

    /// [`Coordinate::distance`] in seconds.
    pub fn seconds(&self, other: &Coordinate) -> f64 {
        let raw = self.raw_seconds(other);
        let adjusted = raw + self.adjustment + other.adjustment;
        if adjusted > 0.0 { adjusted } else { raw }
    }

    /// The same without adjustments.
    pub fn raw_seconds(&self, other: &Coordinate) -> f64 {
        let squares: f64 = self.vec.iter().zip(&other.vec).map(|(a, b)| (a - b) * (a - b)).sum();
        squares.sqrt() + self.height + other.height
    }
}

#[cfg(test)]
mod tests {
    use super::{Coordinate, CoordinateError, LARGEST};
    use std::time::Duration;

    fn at(x: f64, height: f64, adjustment: f64) -> Coordinate {
        Coordinate::parse(&[x, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 1.5, adjustment, height).unwrap()
    }

    #[test]
    fn the_distance_is_the_way_and_both_heights_and_both_adjustments() {
        assert_eq!(at(0.1, 0.01, 0.0).distance(&at(0.4, 0.02, 0.0)), Duration::from_millis(330));
        assert_eq!(at(0.1, 0.01, 0.005).distance(&at(0.4, 0.02, 0.005)), Duration::from_millis(340));
        let fast = at(0.1, 0.01, -1.0);
        assert_eq!(fast.distance(&at(0.4, 0.02, 0.0)), Duration::from_millis(330), "adjustments that leave nothing do not count");
    }

    #[test]
    fn what_is_no_place_is_refused_by_name() {
        assert_eq!(Coordinate::parse(&[0.1], 1.5, 0.0, 0.0), Err(CoordinateError::Dimensions { found: 1 }));
        let broken = |at: usize, value: f64| {
            let mut numbers = [0.0; 11];
            numbers[at] = value;
            Coordinate::parse(&numbers[..8], numbers[8], numbers[9], numbers[10])
        };
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, LARGEST * 2.0, -LARGEST * 2.0] {
            for at in 0..11 {
                let error = broken(at, value).unwrap_err();
                let field = ["Vec"; 8].into_iter().chain(["Error", "Adjustment", "Height"]).nth(at).unwrap();
                assert!(error.to_string().contains(field), "{error}");
            }
        }
        assert!(broken(3, LARGEST).is_ok());
    }
}
