//! Looking into the agents: how their checks stand, as they themselves see it.

use super::book::{Book, now};
use crate::cluster::Cluster;
use crate::invariants::catalog::observed::Inside;
use crate::runtime::KernelWait;
use crate::whole_agent::WholeAgent;
use crate::world::{self, Who};
use muster::agent::local::LocalView;
use muster::server::http::Backend;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Time between looks.
pub const GLANCE: Duration = Duration::from_millis(20);

/// Looks into all agents for as long as the world lasts.
pub async fn follow(cluster: Arc<Cluster<WholeAgent>>, book: Book) {
    let mut last: BTreeMap<(Who, u64), Arc<LocalView>> = BTreeMap::new();
    loop {
        for (who, agent) in cluster.agents() {
            let process = world::with(|w| w.host(who).process);
            let view = agent.0.local();
            let before = last.entry((who, process)).or_default();
            if !Arc::ptr_eq(before, &view) {
                note(&book, (who, process), before, &view);
                *before = view;
            }
        }
        KernelWait::after(GLANCE).await;
    }
}

fn note(book: &Book, (agent, process): (Who, u64), before: &LocalView, view: &LocalView) {
    let inside = |check: &Arc<str>, status| Inside { at: now(), agent, process, check: check.clone(), status };
    for (id, check) in &view.checks {
        if before.checks.get(id).is_none_or(|was| was.status != check.status) {
            book.inside(inside(id, Some(check.status)));
        }
    }
    for id in before.checks.keys().filter(|id| !view.checks.contains_key(*id)) {
        book.inside(inside(id, None));
    }
}
