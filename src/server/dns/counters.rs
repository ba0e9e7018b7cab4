//! How often what happened.

use crate::api::metrics::{Metric, Reading};
use crate::dns::Reason;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::server) enum Event {
    /// A question about the zone was answered.
    DomainQuery,
    /// A reverse look-up was answered.
    PtrQuery,
    /// An answer was older than 5 s.
    StaleQuery,
    /// A question was passed to recursors.
    RecursiveQuery,
    /// No recursor gave an answer.
    RecursionFailed,
    /// What came back from a recursor was no answer to what it was asked.
    RecursorMismatch,
    /// Nothing was known to answer from.
    ServerFailure,
    /// Questions that had to wait were too many: this one was dropped or told so.
    Overloaded,
    /// An answer was held back, its network having had enough of them.
    RateLimited,
    /// Such an answer was sent cut short instead, so that an honest asker comes back over TCP.
    RateSlipped,
    /// A TCP connection was refused, there being too many.
    ConnectionRefused,
    /// A TCP connection was given up: a length that lies, or an asker too slow.
    ConnectionCut,
    /// An answer could not be sent.
    SendFailed,
}

const EVENTS: [(Event, &str); 13] = [
    (Event::DomainQuery, "dns.domain_query"),
    (Event::PtrQuery, "dns.ptr_query"),
    (Event::StaleQuery, "dns.stale_queries"),
    (Event::RecursiveQuery, "dns.recursor_query"),
    (Event::RecursionFailed, "dns.recursor_failed"),
    (Event::RecursorMismatch, "dns.recursor_mismatch"),
    (Event::ServerFailure, "dns.server_failure"),
    (Event::Overloaded, "dns.overloaded"),
    (Event::RateLimited, "dns.rate_limited"),
    (Event::RateSlipped, "dns.rate_slipped"),
    (Event::ConnectionRefused, "dns.connection_refused"),
    (Event::ConnectionCut, "dns.connection_cut"),
    (Event::SendFailed, "dns.send_failed"),
];

/// Reasons for which messages are refused, by their place below.
const REASONS: [Reason; 10] = [
    Reason::Short,
    Reason::Answer,
    Reason::Operation,
    Reason::Questions,
    Reason::Name,
    Reason::Class,
    Reason::Transfer,
    Reason::Records,
    Reason::Edns,
    Reason::Version,
];

/// One task's counts, on cache lines of their own: tasks on several processors count without getting in each other's way.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(in crate::server) struct Counters {
    events: [AtomicU64; EVENTS.len()],
    refused: [AtomicU64; REASONS.len()],
}

impl Counters {
    pub(super) fn count(&self, event: Event) {
        self.events[event as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refuse(&self, reason: Reason) {
        let at = REASONS.iter().position(|known| *known == reason).expect("every reason has its place");
        self.refused[at].fetch_add(1, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(super) fn of(&self, event: Event) -> u64 {
        self.events[event as usize].load(Ordering::Relaxed)
    }
}

/// All counts together; what never happened is left out. They are told as gauges, for they are running totals.
pub(super) fn metrics<'a>(counters: impl Iterator<Item = &'a Counters> + Clone) -> Vec<Metric> {
    let total = |of: &dyn Fn(&Counters) -> &AtomicU64| counters.clone().map(|one| of(one).load(Ordering::Relaxed)).sum::<u64>();
    let mut metrics = Vec::new();
    for (event, name) in EVENTS {
        metrics.extend(gauge(name, BTreeMap::new(), total(&|one| &one.events[event as usize])));
    }
    for (at, reason) in REASONS.iter().enumerate() {
        let labels = BTreeMap::from([("reason".to_owned(), reason.as_str().to_owned())]);
        metrics.extend(gauge("dns.refused", labels, total(&|one| &one.refused[at])));
    }
    metrics
}

fn gauge(name: &str, labels: BTreeMap<String, String>, count: u64) -> Option<Metric> {
    (count > 0).then(|| Metric { name: name.to_owned(), labels, reading: Reading::Gauge(count as f64) })
}

#[cfg(test)]
mod tests {
    use super::{Counters, EVENTS, Event, REASONS, metrics};
    use crate::api::metrics::Reading;
    use crate::dns::Reason;

    #[test]
    fn every_event_and_reason_has_its_own_place() {
        for (at, (event, name)) in EVENTS.iter().enumerate() {
            assert_eq!(*event as usize, at, "{name}");
        }
        for (at, reason) in REASONS.iter().enumerate() {
            assert_eq!(*reason as usize, at);
        }
    }

    #[test]
    fn the_counts_of_several_tasks_are_told_as_one() {
        let (one, other) = (Counters::default(), Counters::default());
        one.count(Event::PtrQuery);
        other.count(Event::PtrQuery);
        other.refuse(Reason::Class);
        assert_eq!(one.of(Event::PtrQuery), 1);
        let told = metrics([&one, &other].into_iter());
        let shown: Vec<_> = told.iter().map(|metric| (metric.name.as_str(), metric.labels.get("reason"), &metric.reading)).collect();
        let class = "class".to_owned();
        assert_eq!(shown, [("dns.ptr_query", None, &Reading::Gauge(2.0)), ("dns.refused", Some(&class), &Reading::Gauge(1.0))]);
    }
}
