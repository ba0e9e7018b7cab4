//! Programs that look at the catalog: by blocking queries, one after the other, or again and again.

use super::answer::read;
use super::book::{Book, now};
use super::plan::{CatalogPlan, Watcher};
use crate::draws::Draws;
use crate::invariants::catalog::observed::{Look, Staleness, Subject, Which};
use crate::runtime::Sim;
use crate::workload::Connection;
use bytes::Bytes;
use hyper::Method;
use muster::runtime::sleep;
use std::sync::Arc;
use std::time::Duration;

/// How long an answer is waited for beyond the wait that was asked for: without a leader the answer takes 7 s.
const PATIENCE: Duration = Duration::from_secs(9);
/// Pause after a bad answer.
const AGAIN: Duration = Duration::from_millis(400);

/// The life of watcher `number`.
pub async fn watch(number: u32, plan: Arc<CatalogPlan>, book: Book) {
    let watcher = &plan.watchers[number as usize];
    let mut draws = Draws::new(plan.base.seed, "watcher", u64::from(number));
    let mut connection = Connection::new(watcher.asked);
    let mut after = 0;
    sleep::<Sim>(Duration::from_millis(draws.within(100..4_000))).await;
    while book.passed() < plan.until {
        let seen = look(number, watcher, &mut connection, &book, after).await;
        match (seen, watcher.wait) {
            (Some(index), Some(_)) => after = index,
            (Some(_), None) => sleep::<Sim>(Duration::from_millis(draws.within(200..900))).await,
            (None, _) => sleep::<Sim>(AGAIN).await,
        }
    }
}

/// One read; its index if it was answered.
async fn look(number: u32, watcher: &Watcher, connection: &mut Connection, book: &Book, after: u64) -> Option<u64> {
    let wait = watcher.wait.filter(|_| after > 0).unwrap_or_default();
    let path = path(watcher, after, wait);
    let invoked = now();
    let reply = connection.ask(Method::GET, &path, Bytes::new(), PATIENCE + wait + wait / 16).await.ok()?;
    match read(&reply, &watcher.subject) {
        Ok(Some((index, lines))) => {
            let (asked, subject, staleness) = (watcher.asked, watcher.subject.clone(), watcher.staleness);
            let wait = wait.as_nanos() as u64;
            book.look(Look { watcher: number, asked, subject, staleness, after, wait, invoked, returned: now(), index, lines });
            Some(index)
        }
        Ok(None) => None,
        Err(says) => {
            book.malformed(format!("{} {path}: {says}", watcher.asked));
            None
        }
    }
}

fn path(watcher: &Watcher, after: u64, wait: Duration) -> String {
    let mut path = match &watcher.subject {
        Subject::Health { service, which } => format!("/v1/health/service/{service}?{}", parameters(which, "Service.Tags")),
        Subject::Instances { service, which } => format!("/v1/catalog/service/{service}?{}", parameters(which, "ServiceTags")),
        Subject::Services => "/v1/catalog/services?".to_owned(),
        Subject::Nodes => "/v1/catalog/nodes?".to_owned(),
    };
    path.push_str(match watcher.staleness {
        Staleness::Fresh => "",
        Staleness::Stale => "stale&",
        Staleness::Cached => "cached&",
    });
    if after > 0 {
        path.push_str(&format!("index={after}&wait={}ms", wait.as_millis()));
    }
    path.trim_end_matches(['&', '?']).to_owned()
}

fn parameters(which: &Which, selector: &str) -> String {
    match which {
        Which::All => String::new(),
        Which::Passing => "passing&".to_owned(),
        Which::Tagged(tag) => format!("tag={tag}&"),
        Which::Filtered(tag) => format!("filter=%22{tag}%22%20in%20{selector}&"),
    }
}
