//! What lies between members: latency, loss, and who is cut off from whom.

use muster::model::Instant;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::time::Duration;

/// Which way a message goes lost or is late.
#[derive(Debug, Clone)]
pub struct Link {
    /// Shortest and longest time on the way.
    pub latency: (Duration, Duration),
    /// Share of datagrams lost; a stream's segment is retransmitted instead.
    pub loss: f64,
    /// Share of datagrams that arrive twice.
    pub duplicates: f64,
    /// Members of different groups do not reach one another.
    pub groups: Vec<u32>,
    /// Where members lie: two coordinates on a plane and an own way, in seconds one way. Empty if all are equally near.
    pub places: Vec<[f64; 3]>,
}

/// How much later a lost segment arrives: TCP's shortest retransmission timeout on Linux.
const RETRANSMISSION: Duration = Duration::from_millis(200);

impl Link {
    /// A quiet LAN of `members`: 0.3 to 4 ms, nothing lost.
    pub fn lan(members: usize) -> Link {
        let latency = (Duration::from_micros(300), Duration::from_millis(4));
        Link { latency, loss: 0.0, duplicates: 0.0, groups: vec![0; members], places: Vec::new() }
    }

    /// Whether they can reach one another.
    pub fn connected(&self, a: usize, b: usize) -> bool {
        self.groups[a] == self.groups[b]
    }

    /// What a message between two takes beside the latency of all, one way.
    pub fn way(&self, a: usize, b: usize) -> Duration {
        let (Some([ax, ay, own]), Some([bx, by, its])) = (self.places.get(a), self.places.get(b)) else { return Duration::ZERO };
        Duration::from_secs_f64((ax - bx).hypot(ay - by) + own + its)
    }

    /// When a datagram sent now arrives, if it does, and when it does again.
    pub fn datagram(&self, rng: &mut ChaCha8Rng, now: Instant, (from, to): (usize, usize)) -> impl Iterator<Item = Instant> {
        let way = self.way(from, to);
        let first = (!rng.random_bool(self.loss)).then(|| now + self.delay(rng) + way);
        // Without duplicates no chance is drawn, so that runs without them are what they always were.
        let again = (self.duplicates > 0.0 && rng.random_bool(self.duplicates)).then(|| now + self.delay(rng) + way);
        first.into_iter().chain(again)
    }

    /// When a segment sent now arrives.
    pub fn segment(&self, rng: &mut ChaCha8Rng, now: Instant) -> Instant {
        let mut at = now + self.delay(rng);
        while rng.random_bool(self.loss) {
            at += RETRANSMISSION;
        }
        at
    }

    fn delay(&self, rng: &mut ChaCha8Rng) -> Duration {
        let (short, long) = self.latency;
        Duration::from_nanos(rng.random_range(short.as_nanos() as u64..=long.as_nanos() as u64))
    }
}
