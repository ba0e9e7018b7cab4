//! C1: a critical instance leaves every healthy view within its bound: interval + timeout + 1 s (TTL + 1 s; 1 s after an order), as long as its
//! agent is well and a majority of the servers too. See [`Probe::verdict_within`](super::observed::Probe::verdict_within) for where it comes from.

use super::excuse::{Excuses, Strictness};
use super::history::History;
use super::observed::{Look, Seen, Subject, Which};
use super::truth::{Bad, Truth};
use crate::invariants::Violation;

const ID: &str = "C1-critical-leaves";

pub(super) fn violations(seen: &Seen, history: &History, excuses: &Excuses<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for truth in Truth::all(seen) {
        for bad in truth.bad_times() {
            let held = bad.seen_by < bad.to && excuses.none(truth.instance.agent, bad.from, bad.seen_by, Strictness::Bound);
            if held {
                found.extend(on_servers(seen, history, excuses, &truth, &bad));
                found.extend(in_answers(seen, excuses, &truth, &bad));
            }
        }
    }
    found
}

/// Every server that is well has applied the change by then.
fn on_servers(seen: &Seen, history: &History, excuses: &Excuses<'_>, truth: &Truth<'_>, bad: &Bad) -> Vec<Violation> {
    let node = truth.instance.agent.to_string();
    let well = seen.servers.iter().filter(|server| excuses.none(**server, bad.from, bad.seen_by, Strictness::Bound));
    let shows = well.filter(|server| history.at(history.reached(**server, bad.seen_by)).passes(&node, &truth.instance.id) == Some(true));
    shows.map(|server| violation(truth, bad, &format!("server {server}"), bad.seen_by)).collect()
}

/// No answer that was asked for afterwards shows it.
fn in_answers(seen: &Seen, excuses: &Excuses<'_>, truth: &Truth<'_>, bad: &Bad) -> Vec<Violation> {
    let (node, id) = (truth.instance.agent.to_string(), &truth.instance.id);
    let begins = format!("{node}/{id}:");
    let asks = |look: &&Look| match &look.subject {
        Subject::Health { service, which: Which::Passing } => *service == truth.instance.service,
        Subject::Health { .. } | Subject::Instances { .. } | Subject::Services | Subject::Nodes => false,
    };
    let within = |look: &&Look| look.invoked >= bad.seen_by && look.returned <= bad.to;
    let well = |look: &&Look| excuses.none(look.asked, bad.from, look.returned, Strictness::Bound);
    let shows = |look: &&Look| look.lines.iter().any(|line| line.starts_with(&begins));
    let looks = seen.looks.iter().filter(asks).filter(within).filter(shows).filter(well);
    looks.map(|look| violation(truth, bad, &format!("{}, asked by {}", look.asked, look.watcher), look.returned)).collect()
}

fn violation(truth: &Truth<'_>, bad: &Bad, shown: &str, at: u64) -> Violation {
    let ms = |nanos: u64| nanos / 1_000_000;
    let says = format!(
        "{} of {} is still shown as passing by {shown} {} ms after {} ({} ms allowed)",
        truth.instance.id,
        truth.instance.agent,
        ms(at - bad.from),
        bad.why,
        ms(bad.seen_by - bad.from)
    );
    Violation { id: ID, says, at }
}
