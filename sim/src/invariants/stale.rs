//! K3: a stale read is a state that really was; on one server's process they never go backwards; and in a settled cluster it is no older
//! than its `X-Consul-Lastcontact` says.
//!
//! While faults strike the header can mislead without anyone's fault: what the leader sent may have waited in a frozen server's sockets.
//! A client agent asks one server after the other, so its answers may go back.

use super::observation::{Boot, Record};
use super::{Reference, Violation};
use crate::checker::{Action, Found, Headers, History, Mode, Nanos, Operation, Outcome};
use muster::model::Index;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What the leader's message, applying and the way of the answer may add to the age that the headers tell.
const SLACK: Nanos = 500_000_000;

struct StaleRead<'a> {
    operation: &'a Operation,
    at: Nanos,
    found: Option<&'a Found>,
    headers: Headers,
}

pub(super) fn violations(history: &History, record: &Record, reference: &Reference) -> Vec<Violation> {
    let mut reads: Vec<StaleRead<'_>> = history.operations.iter().filter_map(stale_read).collect();
    reads.sort_by_key(|read| read.at);
    let mut found = Vec::new();
    for read in &reads {
        found.extend(unreal(read, reference));
        if read.operation.invoked >= record.settled_from() {
            found.extend(older_than_told(read, reference));
        }
    }
    let servers: BTreeSet<String> = record.servers().iter().map(ToString::to_string).collect();
    reads.retain(|read| servers.contains(&*read.operation.asked));
    found.extend(backwards(&reads, &record.boots));
    found
}

fn stale_read(operation: &Operation) -> Option<StaleRead<'_>> {
    match (&operation.action, &operation.outcome) {
        (Action::Get { mode: Mode::Stale }, Outcome::Read { at, found, headers }) => {
            Some(StaleRead { operation, at: *at, found: found.as_ref(), headers: *headers })
        }
        (Action::Get { .. } | Action::Put { .. } | Action::Cas { .. } | Action::Delete | Action::DeleteCas { .. }, _) => None,
    }
}

fn unreal(read: &StaleRead<'_>, reference: &Reference) -> Option<Violation> {
    let was = reference.at(&read.operation.key, read.headers.index);
    (was.as_ref() != read.found).then(|| {
        let says = format!(
            "a stale read of {} at {} shows {:?} under X-Consul-Index {}, where it was {was:?}",
            read.operation.key, read.operation.asked, read.found, read.headers.index
        );
        Violation { id: "K3-stale-honesty", says, at: read.at }
    })
}

/// The answer holds every change that was committed before its server last heard from the leader, as the headers tell it.
fn older_than_told(read: &StaleRead<'_>, reference: &Reference) -> Option<Violation> {
    let age = read.headers.last_contact_ms?.saturating_mul(1_000_000).saturating_add(SLACK);
    // The age is of some moment between request and answer; the request's is the safe one.
    let told = read.operation.invoked.checked_sub(age)?;
    let missed = reference.changed_after(&read.operation.key, read.headers.index)?;
    (reference.first_applied(missed)? < told).then(|| {
        let says = format!(
            "a stale read of {} at {} says that it is {} ms old, but misses index {missed}",
            read.operation.key,
            read.operation.asked,
            read.headers.last_contact_ms.unwrap_or_default()
        );
        Violation { id: "K3-stale-honesty", says, at: read.at }
    })
}

/// Agent, key and number of the agent's process.
type Line<'a> = (&'a Arc<str>, &'a Arc<str>, usize);

fn backwards(reads: &[StaleRead<'_>], boots: &[Boot]) -> Vec<Violation> {
    // The answers so far, of which only those before a request count.
    let mut answered: BTreeMap<Line<'_>, Vec<(Nanos, Index)>> = BTreeMap::new();
    let mut found = Vec::new();
    for read in reads {
        let process = |at: Nanos| boots.iter().filter(|b| b.agent.to_string() == *read.operation.asked && b.at <= at).count();
        let (before, after) = (process(read.operation.invoked), process(read.at));
        if before != after {
            continue;
        }
        let earlier = answered.entry((&read.operation.asked, &read.operation.key, after)).or_default();
        let floor = earlier.iter().filter(|(at, _)| *at < read.operation.invoked).map(|(_, index)| *index).max().unwrap_or(0);
        if read.headers.index < floor {
            let says = format!(
                "a stale read of {} at {} went back from index {floor} to {}",
                read.operation.key, read.operation.asked, read.headers.index
            );
            found.push(Violation { id: "K3-stale-order", says, at: read.at });
        }
        earlier.push((read.at, read.headers.index));
    }
    found
}
