//! How often each route is asked and how long its answers take.

use super::routes::{ROUTES, Verb};
use crate::api::metrics::{INTERVAL, Metric, QUANTILES, Reading, Sum, Totals};
use crate::model::Instant;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Buckets for each doubling of a duration: quantiles are right within a fifth.
const STEPS: usize = 4;
/// From 1 us to about 71 minutes.
const BUCKETS: usize = 32 * STEPS;

/// One meter for each route and verb.
#[derive(Debug)]
pub(super) struct Telemetry {
    meters: Vec<Mutex<Meter>>,
}

#[derive(Debug)]
struct Meter {
    began: Instant,
    current: Sum,
    finished: Sum,
    buckets: Option<Box<[u32; BUCKETS]>>,
    quantiles: [f64; 3],
    count: u64,
    sum: f64,
}

impl Telemetry {
    pub(super) fn new(now: Instant) -> Telemetry {
        let meter = || {
            let quantiles = [f64::NAN; 3];
            Mutex::new(Meter {
                began: now,
                current: Sum::default(),
                finished: Sum::default(),
                buckets: None,
                quantiles,
                count: 0,
                sum: 0.0,
            })
        };
        Telemetry { meters: (0..ROUTES.len() * Verb::ALL.len()).map(|_| meter()).collect() }
    }

    /// Notes an answer of line `route` of the table.
    pub(super) fn answered(&self, route: usize, verb: Verb, began: Instant, now: Instant) {
        let mut meter = self.meters[route * Verb::ALL.len() + verb as usize].lock().unwrap_or_else(PoisonError::into_inner);
        meter.roll(now);
        meter.add(now.since(began).as_secs_f64() * 1_000.0);
    }

    /// The meters that ever moved, in milliseconds.
    pub(super) fn metrics(&self, now: Instant) -> Vec<Metric> {
        let mut metrics = Vec::new();
        for (at, meter) in self.meters.iter().enumerate() {
            let mut meter = meter.lock().unwrap_or_else(PoisonError::into_inner);
            meter.roll(now);
            if meter.count > 0 {
                let (route, verb) = (&ROUTES[at / Verb::ALL.len()], Verb::ALL[at % Verb::ALL.len()]);
                let path = route.path.trim_start_matches('/').replace('/', "_");
                let labels = BTreeMap::from([("method".to_owned(), verb.as_str().to_owned()), ("path".to_owned(), path)]);
                metrics.push(Metric { name: "api.http".to_owned(), labels, reading: Reading::Sample(meter.totals()) });
            }
        }
        metrics
    }
}

impl Meter {
    /// Ends the intervals that are over.
    fn roll(&mut self, now: Instant) {
        let over = (now.since(self.began).as_nanos() / INTERVAL.as_nanos()) as u32;
        if over == 0 {
            return;
        }
        self.began += INTERVAL * over;
        if self.current.count > 0 {
            self.quantiles = self.quantiles_now();
            self.buckets = None;
        }
        let current = std::mem::take(&mut self.current);
        self.finished = if over == 1 { current } else { Sum::default() };
    }

    fn add(&mut self, millis: f64) {
        self.current.add(millis);
        self.count += 1;
        self.sum += millis;
        let buckets = self.buckets.get_or_insert_with(|| Box::new([0; BUCKETS]));
        buckets[bucket_of(millis)] += 1;
    }

    fn totals(&self) -> Totals {
        let quantiles = if self.quantiles[0].is_nan() { self.quantiles_now() } else { self.quantiles };
        Totals { interval: self.finished, count: self.count, sum: self.sum, quantiles }
    }

    /// The upper ends of the buckets that hold the quantiles.
    fn quantiles_now(&self) -> [f64; 3] {
        let Some(buckets) = &self.buckets else { return [f64::NAN; 3] };
        QUANTILES.map(|quantile| {
            let rank = (quantile * self.current.count as f64).ceil() as u64;
            let mut seen = 0;
            let reaches = |count: &u32| {
                seen += u64::from(*count);
                seen >= rank
            };
            buckets.iter().position(reaches).map_or(f64::NAN, |at| upper_end(at).min(self.current.max))
        })
    }
}

fn bucket_of(millis: f64) -> usize {
    let micros = (millis * 1_000.0).max(1.0);
    ((micros.log2() * STEPS as f64) as usize).min(BUCKETS - 1)
}

fn upper_end(bucket: usize) -> f64 {
    ((bucket + 1) as f64 / STEPS as f64).exp2() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::Telemetry;
    use crate::api::metrics::{INTERVAL, Reading};
    use crate::model::Instant;
    use crate::server::http::routes::{Verb, Way, find};
    use std::time::Duration;

    #[test]
    fn answers_are_counted_by_interval_and_in_all() {
        let Way::Route(kv) = find(b"/v1/kv/a") else { panic!("kv is served") };
        let telemetry = Telemetry::new(Instant::ZERO);
        for millis in 1..=100 {
            telemetry.answered(kv, Verb::Put, Instant::ZERO, Instant::ZERO + Duration::from_millis(millis));
        }
        let totals = |at: Duration| match &telemetry.metrics(Instant::ZERO + at)[..] {
            [metric] => match &metric.reading {
                Reading::Sample(totals) => (metric.labels["method"].clone(), metric.labels["path"].clone(), *totals),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        let (method, path, now) = totals(Duration::from_secs(1));
        assert_eq!((method.as_str(), path.as_str(), now.count, now.interval.count), ("PUT", "v1_kv_", 100, 0));
        let (_, _, next) = totals(INTERVAL);
        assert_eq!((next.count, next.interval.count, next.interval.min, next.interval.max), (100, 100, 1.0, 100.0));
        for (got, want) in next.quantiles.iter().zip([50.0, 90.0, 99.0]) {
            assert!((want..want * 1.2).contains(got), "{got} for {want}");
        }
        assert_eq!(totals(INTERVAL * 2).2.interval.count, 0);
        assert_eq!(totals(INTERVAL * 9).2.count, 100);
    }
}
