//! Alias checks of services on other nodes: one blocking query a node, however many checks follow it.

use super::LocalAgent;
use crate::agent::local::{AliasTarget, LocalView, alias_target, verdict_of_rows};
use crate::agent::query::{Answer, Query, ReadMode, ReadOptions, Rows};
use crate::health::{CheckId, Verdict};
use crate::model::{CheckStatus, NodeName};
use crate::runtime::{Runtime, sleep};
use crate::server::Agent;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long a query waits for a change. A change that goes unnoticed because no server can be asked lasts no longer than that afterwards.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause after a first failure; it doubles up to [`LONGEST_PAUSE`], and up to as much again is added by chance.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The alias checks that follow a node: each with the id of the service it follows, empty for the node itself.
type Followers = BTreeSet<(CheckId, String)>;

/// The other nodes that are followed, by name in lower case.
fn followed(view: &LocalView, own: &NodeName) -> BTreeMap<String, Followers> {
    let mut nodes: BTreeMap<String, Followers> = BTreeMap::new();
    for (id, check) in &view.checks {
        if let Some(AliasTarget::Elsewhere { node, service }) = alias_target(&check.definition.probe, own) {
            nodes.entry(node.to_lowercase()).or_default().insert((id.clone(), service));
        }
    }
    nodes
}

impl<R: Runtime> Agent<R> {
    /// Keeps every alias check of another node as its target stands.
    pub(super) async fn follow_aliases(&self) {
        loop {
            let nodes = followed(&self.local().view(), &self.config().node_name);
            let following = nodes.iter().map(|(node, followers)| self.follow(node, followers).boxed());
            let mut following: FuturesUnordered<BoxFuture<'_, ()>> = following.collect();
            // Most changes are of no concern here.
            let changed = async {
                loop {
                    self.local().0.aliases.notified().await;
                    if followed(&self.local().view(), &self.config().node_name) != nodes {
                        return;
                    }
                }
            };
            tokio::select! {
                biased;
                () = changed => {}
                Some(()) = following.next(), if !following.is_empty() => {}
            }
        }
    }

    async fn follow(&self, node: &str, followers: &Followers) {
        let mut seen = 0;
        let mut pause = FIRST_PAUSE;
        loop {
            let mode = ReadMode::Stale { max_age: None };
            let options = ReadOptions { mode, min_index: seen, wait: Some(PATIENCE), ..ReadOptions::default() };
            match self.read(&Query::WholeNode { node: node.to_owned() }, &options, None).await {
                Ok(answered) => {
                    // An index that goes back is another cluster's, or a server's that lost its log.
                    seen = if answered.answer.marks.index < seen { 0 } else { answered.answer.marks.index.max(1) };
                    pause = FIRST_PAUSE;
                    self.local().settle_aliases(node, followers, &answered.answer);
                }
                Err(refusal) => {
                    tracing::debug!(node, %refusal, "the target of an alias check cannot be asked for");
                    let chance = R::random() % u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX).max(1);
                    sleep::<R>(pause + Duration::from_nanos(chance)).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }
}

impl<R: Runtime> LocalAgent<R> {
    fn settle_aliases(&self, node: &str, followers: &Followers, answer: &Answer) {
        for (check, service) in followers {
            let verdict = verdict(node, service, answer);
            self.step(|core, now| core.targeted(now, check.clone(), verdict, self));
        }
    }
}

/// How a target stands by what the catalog has of its node.
fn verdict(node: &str, service: &str, answer: &Answer) -> Verdict {
    match &answer.rows {
        Rows::WholeNode(Some(whole)) => verdict_of_rows(node, service, whole.services.iter().map(|row| row.id()), &whole.checks),
        _ => Verdict { status: CheckStatus::Critical, output: format!("Node {node} is not registered") },
    }
}
