//! What the network does to what is sent: cuts, latency, loss, duplicates, reordering.

use super::Who;
use crate::draws::Draws;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

/// Chances and times of all links. Chances are in parts per million of the datagrams or segments.
#[derive(Debug, Clone, PartialEq)]
pub struct Climate {
    /// One-way latency.
    pub latency: Range<Duration>,
    /// Lost datagrams; a lost TCP segment comes a retransmission later.
    pub loss: u32,
    /// Datagrams that arrive twice.
    pub duplication: u32,
    /// Datagrams that stay behind while later ones pass them.
    pub reordering: u32,
}

impl Climate {
    /// A quiet local network.
    pub fn calm() -> Climate {
        Climate { latency: Duration::from_micros(100)..Duration::from_millis(2), loss: 0, duplication: 0, reordering: 0 }
    }
}

/// Latency within one host.
const LOOPBACK: Range<Duration> = Duration::from_micros(5)..Duration::from_micros(30);

/// A reordered datagram stays behind for up to this long beyond the latency.
const STRAGGLE: Range<Duration> = Duration::from_millis(1)..Duration::from_millis(200);

/// Shortest retransmission timeout of TCP, as Linux has it.
pub const FIRST_RETRANSMISSION: Duration = Duration::from_millis(200);

/// Where one datagram's copies end up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flight {
    /// When each copy arrives. Empty: lost.
    pub arrivals: Vec<u64>,
}

/// The network's present state.
#[derive(Debug)]
pub struct Weather {
    /// What all links do now.
    pub climate: Climate,
    /// How many faults cut the way from one host to another.
    cuts: BTreeMap<(Who, Who), u32>,
    /// Latest arrival of a datagram on each way: without reordering they stay in line.
    in_line: BTreeMap<(Who, Who), u64>,
    draws: Draws,
}

impl Weather {
    /// Calm, drawing from `draws`.
    pub fn new(draws: Draws) -> Weather {
        Weather { climate: Climate::calm(), cuts: BTreeMap::new(), in_line: BTreeMap::new(), draws }
    }

    /// Cuts the way `from` one host `to` another, one fault more.
    pub fn cut(&mut self, from: Who, to: Who) {
        *self.cuts.entry((from, to)).or_default() += 1;
    }

    /// Takes back one [`cut`](Weather::cut); the way is open when all are taken back.
    pub fn mend(&mut self, from: Who, to: Who) {
        let cuts = self.cuts.get_mut(&(from, to)).expect("a way is mended as often as it was cut");
        *cuts -= 1;
        if *cuts == 0 {
            self.cuts.remove(&(from, to));
        }
    }

    /// Whether anything sent `from` one host now reaches the network of the other. A host always reaches itself.
    pub fn is_open(&self, from: Who, to: Who) -> bool {
        from == to || !self.cuts.contains_key(&(from, to))
    }

    /// One-way latency, drawn anew.
    pub fn latency(&mut self, from: Who, to: Who) -> u64 {
        let range = if from == to { &LOOPBACK } else { &self.climate.latency };
        self.draws.duration(range).as_nanos() as u64
    }

    /// Latency of a TCP segment: one that is lost is sent again.
    pub fn segment_latency(&mut self, from: Who, to: Who) -> u64 {
        let mut latency = self.latency(from, to);
        let mut again = FIRST_RETRANSMISSION.as_nanos() as u64;
        while from != to && self.draws.chance(self.climate.loss) {
            latency += again;
            again *= 2;
        }
        latency
    }

    /// What becomes of a datagram sent at `now`.
    pub fn fly(&mut self, now: u64, from: Who, to: Who) -> Flight {
        let mut flight = Flight::default();
        if !self.is_open(from, to) || (from != to && self.draws.chance(self.climate.loss)) {
            return flight;
        }
        let copies = 1 + usize::from(from != to && self.draws.chance(self.climate.duplication));
        for _ in 0..copies {
            let straight = now + self.latency(from, to);
            if from != to && self.draws.chance(self.climate.reordering) {
                flight.arrivals.push(straight + self.draws.duration(&STRAGGLE).as_nanos() as u64);
                continue;
            }
            let latest = self.in_line.entry((from, to)).or_default();
            *latest = straight.max(*latest + 1);
            flight.arrivals.push(*latest);
        }
        flight
    }

    /// Whether a read or write of a stream is to be a short one, and how many bytes it takes at most.
    pub fn short_transfer(&mut self) -> Option<usize> {
        let roll = self.draws.bits();
        roll.is_multiple_of(16).then_some(1 + (roll >> 8) as usize % 64)
    }
}

#[cfg(test)]
mod tests {
    use super::{Climate, Draws, Weather};
    use crate::world::Who;

    fn weather(change: impl FnOnce(&mut Climate)) -> Weather {
        let mut weather = Weather::new(Draws::new(3, "test", 0));
        change(&mut weather.climate);
        weather
    }

    fn arrivals(weather: &mut Weather, datagrams: u64) -> Vec<Vec<u64>> {
        (0..datagrams).map(|n| weather.fly(n * 10_000, Who(1), Who(2)).arrivals).collect()
    }

    #[test]
    fn calm_weather_keeps_every_datagram_once_and_in_line() {
        let all: Vec<u64> = arrivals(&mut weather(|_| ()), 1000).into_iter().flatten().collect();
        assert_eq!(all.len(), 1000);
        assert!(all.is_sorted());
    }

    #[test]
    fn duplication_loss_and_reordering_each_happen_about_as_often_as_asked() {
        let doubled = arrivals(&mut weather(|c| c.duplication = 100_000), 1000);
        assert!((60..140).contains(&doubled.iter().filter(|a| a.len() == 2).count()));
        let lossy = arrivals(&mut weather(|c| c.loss = 100_000), 1000);
        assert!((60..140).contains(&lossy.iter().filter(|a| a.is_empty()).count()));
        let mixed: Vec<u64> = arrivals(&mut weather(|c| c.reordering = 100_000), 1000).into_iter().flatten().collect();
        assert!((60..140).contains(&mixed.windows(2).filter(|w| w[0] > w[1]).count()));
    }

    #[test]
    fn a_way_cut_twice_opens_when_both_cuts_are_mended_and_only_that_way() {
        let mut weather = weather(|_| ());
        weather.cut(Who(1), Who(2));
        weather.cut(Who(1), Who(2));
        assert!(weather.is_open(Who(2), Who(1)));
        weather.mend(Who(1), Who(2));
        assert!(!weather.is_open(Who(1), Who(2)));
        weather.mend(Who(1), Who(2));
        assert!(weather.is_open(Who(1), Who(2)));
    }
}
