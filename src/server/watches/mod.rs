//! Watches of the configuration: each is a task that looks, waits for news, and gives them to its handler, one run after the other; what changes
//! while a handler runs is told together.

mod handler;

use super::Agent;
use crate::agent::watches::{document, query};
use crate::api::read::{ReadMode, ReadOptions};
use crate::config::{ScriptChecks, Target, Watch};
use crate::gossip::UserEvent;
use crate::runtime::{Runtime, sleep};
use crate::server::http::Backend;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Pause after the first failure in a row; it grows with the square of their number, up to the longest (Consul's).
const PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(180);

/// The watches that run.
#[derive(Debug)]
pub(super) struct Watching<R: Runtime> {
    tasks: Mutex<BTreeMap<String, R::JoinHandle<()>>>,
    /// Who answers which question.
    answerers: Mutex<Vec<Watch>>,
}

impl<R: Runtime> Default for Watching<R> {
    fn default() -> Watching<R> {
        Watching { tasks: Mutex::default(), answerers: Mutex::default() }
    }
}

impl<R: Runtime> Watching<R> {
    /// Ends all of them, handlers included.
    pub fn end(&self) {
        std::mem::take(&mut *self.tasks.lock().expect("no panic while held")).values().for_each(R::abort);
    }

    /// Who answers the question of this name.
    pub fn answerer(&self, name: &str) -> Option<Watch> {
        let answerers = self.answerers.lock().expect("no panic while held");
        answerers.iter().find(|watch| matches!(&watch.target, Target::Query(asked) if asked == name)).cloned()
    }
}

impl<R: Runtime> Agent<R> {
    /// Runs exactly these from now on. One that runs already goes on as it is: its handler is not told again what it knows.
    pub(super) fn apply_watches(&self, watches: &[Watch]) {
        let mut wanted: BTreeMap<String, &Watch> = BTreeMap::new();
        let mut answerers = Vec::new();
        for watch in watches {
            if self.may_run(watch) {
                match watch.target {
                    Target::Query(_) => answerers.push(watch.clone()),
                    _ => drop(wanted.insert(format!("{watch:?}"), watch)),
                }
            }
        }
        *self.0.watching.answerers.lock().expect("no panic while held") = answerers;
        let mut tasks = self.0.watching.tasks.lock().expect("no panic while held");
        let gone = tasks.extract_if(.., |name, _| !wanted.contains_key(name));
        gone.for_each(|(_, task)| R::abort(&task));
        for (name, watch) in wanted {
            let (agent, watch) = (self.clone(), watch.clone());
            tasks.entry(name).or_insert_with(|| R::spawn(async move { agent.watch(watch).await }));
        }
    }

    /// Whoever reaches the gossip port can fire events and ask: programs are run for that only where the operator lets definitions run any.
    fn may_run(&self, watch: &Watch) -> bool {
        let from_outside = matches!(watch.target, Target::Event(_) | Target::Query(_));
        let refused = from_outside && watch.runs_program() && self.config().check_tuning.scripts == ScriptChecks::Off;
        if refused {
            tracing::warn!(watch = watch.target.label(), "not run: its handler is a program; enable_local_script_checks lets it run");
        }
        !refused
    }

    async fn watch(&self, watch: Watch) {
        match query(&watch.target) {
            Some(_) => self.watch_state(&watch).await,
            None => self.watch_events(&watch).await,
        }
    }

    async fn watch_state(&self, watch: &Watch) {
        let Some(query) = query(&watch.target) else { return };
        let mode = if watch.stale { ReadMode::Stale { max_age: None } } else { ReadMode::Default };
        let (mut index, mut told, mut failures) = (0, None, 0u32);
        loop {
            let options = ReadOptions { mode, min_index: index, ..ReadOptions::default() };
            let found = match Backend::read(self, query.clone(), options).await {
                Ok(answered) => document(&watch.target, &answered.answer.rows, &self.config().datacenter)
                    .map(|text| (answered.answer.marks.index, text)),
                Err(error) => {
                    tracing::warn!(watch = watch.target.label(), %error, "watch failed");
                    None
                }
            };
            let Some((now, text)) = found else {
                failures += 1;
                sleep::<R>((PAUSE * failures.saturating_mul(failures)).min(LONGEST_PAUSE)).await;
                continue;
            };
            failures = 0;
            // One that went back is another state's: everything is asked for anew.
            index = if now < index { 0 } else { now.max(1) };
            let is_news = if told.is_none() { watch.initial } else { told.as_ref() != Some(&text) };
            if is_news {
                self.hand_over(watch, &text, index).await;
            }
            told = Some(text);
        }
    }

    async fn watch_events(&self, watch: &Watch) {
        let Target::Event(name) = &watch.target else { return };
        let mut rings = self.0.events.watch();
        let (mut last, mut first) = (None, true);
        loop {
            let ring = rings.borrow_and_update().clone();
            let fresh: Vec<Arc<UserEvent>> = ring.after(last, name.as_deref()).cloned().collect();
            if let Some(newest) = fresh.last() {
                last = Some(newest.id);
                if watch.initial || !first {
                    self.hand_over_events(watch, &fresh).await;
                }
            }
            first = false;
            if rings.changed().await.is_err() {
                return;
            }
        }
    }
}
