//! Vivaldi (Dabek et al. 2004): from the round trips that probes measure anyway, where we lie. With a height (section 5.4), an adjustment term and
//! a pull towards the origin (Ledlie et al. 2007), and the parameters of Consul.

use crate::model::{Coordinate, DIMENSIONS};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How wrong a coordinate is at first, and at most.
const ERROR_MAX: f64 = 1.5;
/// How much a measurement changes our error.
const ERROR_WEIGHT: f64 = 0.25;
/// How much a measurement moves us.
const MOVE_WEIGHT: f64 = 0.25;
/// Measurements the adjustment is the mean of.
const ADJUSTMENT_WINDOW: usize = 20;
/// The least height, in seconds: it keeps heights from getting stuck at zero.
const HEIGHT_MIN: f64 = 10e-6;
/// Of so many measurements of one peer the median counts: one that was delayed does not.
const LATENCY_FILTER: usize = 3;
/// How far from the origin the pull towards it is as strong as a measurement, in seconds.
const GRAVITY_RHO: f64 = 150.0;
/// Lengths below this are no length, in seconds.
const ZERO: f64 = 1e-6;
/// A longer round trip is no measurement.
const LONGEST_RTT: Duration = Duration::from_secs(10);

/// Our own coordinate in the making.
#[derive(Debug)]
pub(super) struct Vivaldi {
    own: Coordinate,
    adjustments: VecDeque<f64>,
    /// The last few round trips to each peer, by whatever names it, newest last.
    latencies: BTreeMap<u64, VecDeque<f64>>,
    /// For the direction in which two at the same place part.
    rng: ChaCha8Rng,
    resets: u64,
}

impl Vivaldi {
    pub fn new(seed: u64) -> Vivaldi {
        Vivaldi {
            own: origin(),
            adjustments: VecDeque::with_capacity(ADJUSTMENT_WINDOW),
            latencies: BTreeMap::new(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            resets: 0,
        }
    }

    /// Where we lie.
    pub fn own(&self) -> Coordinate {
        self.own
    }

    /// How often our coordinate had become no place, and we began anew.
    pub fn resets(&self) -> u64 {
        self.resets
    }

    /// A round trip to `peer` was measured, which says that it lies at `at`. Says whether it counted.
    pub fn measure(&mut self, peer: u64, at: &Coordinate, rtt: Duration) -> bool {
        if at.check().is_err() || at.error < 0.0 || at.height < 0.0 || rtt > LONGEST_RTT {
            return false;
        }
        let rtt = self.usual(peer, rtt.as_secs_f64());
        self.step(at, rtt);
        self.adjust(at, rtt);
        self.fall();
        if self.own.check().is_err() {
            self.own = origin();
            self.adjustments.clear();
            self.resets += 1;
        }
        true
    }

    /// A peer is gone for good.
    pub fn forget(&mut self, peer: u64) {
        self.latencies.remove(&peer);
    }

    /// The median of the last round trips to a peer.
    fn usual(&mut self, peer: u64, rtt: f64) -> f64 {
        let latencies = self.latencies.entry(peer).or_default();
        latencies.push_back(rtt);
        if latencies.len() > LATENCY_FILTER {
            latencies.pop_front();
        }
        let mut sorted: Vec<f64> = latencies.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }

    /// Moves us towards or away from a peer, the more the surer it is and the less sure we are.
    fn step(&mut self, at: &Coordinate, rtt: f64) {
        let distance = self.own.seconds(at);
        let rtt = rtt.max(ZERO);
        let wrongness = (distance - rtt).abs() / rtt;
        let weight = self.own.error / (self.own.error + at.error).max(ZERO);
        self.own.error = (ERROR_WEIGHT * weight * wrongness + self.own.error * (1.0 - ERROR_WEIGHT * weight)).clamp(0.0, ERROR_MAX);
        self.push(MOVE_WEIGHT * weight * (rtt - distance), at);
    }

    /// What our distances lack on average, half of it: the other half is the peer's.
    fn adjust(&mut self, at: &Coordinate, rtt: f64) {
        if self.adjustments.len() == ADJUSTMENT_WINDOW {
            self.adjustments.pop_front();
        }
        self.adjustments.push_back(rtt - self.own.raw_seconds(at));
        self.own.adjustment = self.adjustments.iter().sum::<f64>() / (2.0 * ADJUSTMENT_WINDOW as f64);
    }

    /// Keeps the whole space from drifting away.
    fn fall(&mut self) {
        let away = origin().seconds(&self.own);
        let force = -(away / GRAVITY_RHO) * (away / GRAVITY_RHO);
        self.push(force, &origin());
    }

    /// Moves us by `force` seconds along the line from `from` to us.
    fn push(&mut self, force: f64, from: &Coordinate) {
        let (direction, length) = self.direction_from(from);
        for (own, along) in self.own.vec.iter_mut().zip(direction) {
            *own += along * force;
        }
        if length > ZERO {
            let height = (self.own.height + from.height) * force / length + self.own.height;
            self.own.height = height.max(HEIGHT_MIN);
        }
    }

    /// The unit vector from `from` to us and how far that is; in any direction if we are at the same place.
    fn direction_from(&mut self, from: &Coordinate) -> ([f64; DIMENSIONS], f64) {
        let between: [f64; DIMENSIONS] = std::array::from_fn(|n| self.own.vec[n] - from.vec[n]);
        let length = magnitude(&between);
        if length > ZERO {
            return (between.map(|part| part / length), length);
        }
        let any: [f64; DIMENSIONS] = std::array::from_fn(|_| self.rng.random_range(-0.5..0.5));
        let size = magnitude(&any);
        if size > ZERO { (any.map(|part| part / size), 0.0) } else { (std::array::from_fn(|n| if n == 0 { 1.0 } else { 0.0 }), 0.0) }
    }
}

fn magnitude(vec: &[f64; DIMENSIONS]) -> f64 {
    vec.iter().map(|part| part * part).sum::<f64>().sqrt()
}

/// Where everybody begins.
fn origin() -> Coordinate {
    Coordinate { vec: [0.0; DIMENSIONS], error: ERROR_MAX, adjustment: 0.0, height: HEIGHT_MIN }
}

#[cfg(test)]
mod tests {
    use super::{Vivaldi, origin};
    use crate::model::Coordinate;
    use proptest::prelude::{any, prop_assert, proptest};
    use std::time::Duration;

    const PEERS: usize = 12;

    /// Round trips of nodes that stand on two rows, 10 ms apart, with 2 ms between neighbours and 1 ms on each node's own way.
    fn rtt(a: usize, b: usize) -> Duration {
        let place = |n: usize| ((n / 2) as f64 * 0.002, (n % 2) as f64 * 0.010);
        let ((ax, ay), (bx, by)) = (place(a), place(b));
        Duration::from_secs_f64(((ax - bx).powi(2) + (ay - by).powi(2)).sqrt() + 0.002)
    }

    fn settled(rounds: usize) -> Vec<Vivaldi> {
        let mut nodes: Vec<Vivaldi> = (0..PEERS).map(|n| Vivaldi::new(n as u64)).collect();
        for round in 0..rounds {
            for n in 0..PEERS {
                let peer = (n + 1 + round % (PEERS - 1)) % PEERS;
                let at = nodes[peer].own();
                assert!(nodes[n].measure(peer as u64, &at, rtt(n, peer)));
            }
        }
        nodes
    }

    fn median_error(nodes: &[Vivaldi]) -> f64 {
        let pairs = (0..PEERS).flat_map(|a| (0..a).map(move |b| (a, b)));
        let mut errors: Vec<f64> = pairs
            .map(|(a, b)| {
                let (expected, real) = (nodes[a].own().seconds(&nodes[b].own()), rtt(a, b).as_secs_f64());
                (expected - real).abs() / real
            })
            .collect();
        errors.sort_by(f64::total_cmp);
        errors[errors.len() / 2]
    }

    #[test]
    fn distances_come_to_tell_the_round_trips() {
        let (young, old) = (median_error(&settled(2)), median_error(&settled(400)));
        assert!(old < 0.1, "median error {old}");
        assert!(old < young, "{old} after many rounds, {young} after two");
    }

    #[test]
    fn one_delayed_answer_does_not_move_us() {
        let mut node = Vivaldi::new(1);
        let mut steady = Vivaldi::new(1);
        for n in 0..30 {
            let ordinary = Duration::from_millis(20);
            node.measure(7, &origin(), if n == 20 { Duration::from_secs(5) } else { ordinary });
            steady.measure(7, &origin(), ordinary);
        }
        assert_eq!(node.own(), steady.own());
    }

    #[test]
    fn what_is_no_measurement_does_not_count() {
        let mut node = Vivaldi::new(1);
        let before = node.own();
        let nowhere = Coordinate { height: f64::NAN, ..origin() };
        assert!(!node.measure(1, &nowhere, Duration::from_millis(1)));
        assert!(!node.measure(1, &origin(), Duration::from_secs(11)));
        assert_eq!(node.own(), before);
    }

    #[test]
    fn a_forgotten_peer_leaves_nothing_behind() {
        let mut node = Vivaldi::new(1);
        node.measure(1, &origin(), Duration::from_millis(1));
        node.forget(1);
        assert!(node.latencies.is_empty());
    }

    proptest! {
        #[test]
        fn whatever_is_measured_we_stay_at_a_place(measurements in proptest::collection::vec((0..4u64, any::<[f64; 8]>(), any::<f64>(), any::<f64>(), any::<f64>(), 0..12_000_000u64), 0..60)) {
            let mut node = Vivaldi::new(1);
            for (peer, vec, error, adjustment, height, micros) in measurements {
                let tame = |x: f64| if x.is_finite() { x % 1e6 } else { x };
                let at = Coordinate { vec: vec.map(tame), error: tame(error), adjustment: tame(adjustment), height: tame(height) };
                node.measure(peer, &at, Duration::from_micros(micros));
                prop_assert!(node.own().check().is_ok());
                prop_assert!(node.own().height >= super::HEIGHT_MIN && (0.0..=super::ERROR_MAX).contains(&node.own().error));
            }
        }
    }
}
