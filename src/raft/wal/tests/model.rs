//! Random lives of a log on a disk that loses power, against the list of all states it has been in.

use super::disk::{Draws, ModelDisk};
use super::{TestWal, bodies, id, open};
use crate::raft::wal::EntryId;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a log says it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct State {
    vote: Option<Vec<u8>>,
    purged: Option<EntryId>,
    entries: BTreeMap<u64, (u64, Vec<u8>)>,
}

impl State {
    fn next(&self) -> u64 {
        let last = self.entries.keys().next_back().copied();
        last.max(self.purged.map(|purged| purged.index)).map_or(0, |last| last + 1)
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Entries of these lengths as one batch; then so many turns for the flusher.
    Append(Vec<usize>, u8),
    Vote,
    /// Drop this many of the last entries, then append one of a new term.
    Overwrite(usize),
    /// Purge this many of the first entries.
    Purge(usize),
    /// Wait until all is durable.
    Settle,
    Restart,
    PowerLoss(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (prop::collection::vec(0..300usize, 1..4), 0..6u8).prop_map(|(lengths, turns)| Step::Append(lengths, turns)),
        1 => Just(Step::Vote),
        2 => (0..6usize).prop_map(Step::Overwrite),
        2 => (1..8usize).prop_map(Step::Purge),
        2 => Just(Step::Settle),
        1 => Just(Step::Restart),
        3 => any::<u64>().prop_map(Step::PowerLoss),
    ]
}

struct Life {
    disk: ModelDisk,
    wal: TestWal,
    /// Every state the log has been in since the last start, one a record.
    states: Vec<State>,
    /// How many of them are known durable: recovery must find this one or a later.
    acknowledged: Arc<AtomicUsize>,
    term: u64,
}

impl Life {
    async fn begin() -> Life {
        let disk = ModelDisk::new();
        let wal = open(&disk).await;
        Life { disk, wal, states: vec![State::default()], acknowledged: Arc::default(), term: 1 }
    }

    fn current(&self) -> State {
        self.states.last().expect("never empty").clone()
    }

    async fn append(&mut self, lengths: &[usize]) {
        let mut state = self.current();
        let mut batch = Vec::new();
        for &length in lengths {
            let index = state.next();
            let body = vec![(index * 7 + self.term) as u8; length];
            state.entries.insert(index, (self.term, body.clone()));
            self.states.push(state.clone());
            batch.push((id(index, self.term), body));
        }
        let (acknowledged, durable) = (self.acknowledged.clone(), self.states.len() - 1);
        let entries = batch.into_iter().map(|(id, body)| (id, move |out: &mut Vec<u8>| out.extend(body)));
        let done = move |outcome: Result<(), _>| {
            if outcome.is_ok() {
                acknowledged.fetch_max(durable, Ordering::Relaxed);
            }
        };
        self.wal.append(entries, Box::new(done)).await.expect("the log is well");
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Append(lengths, turns) => {
                self.append(lengths).await;
                for _ in 0..*turns {
                    tokio::task::yield_now().await;
                }
            }
            Step::Vote => {
                let mut state = self.current();
                let vote = format!("vote {}", self.states.len()).into_bytes();
                state.vote = Some(vote.clone());
                self.states.push(state);
                self.wal.save_vote(&vote).await.expect("the log is well");
                self.acknowledged.fetch_max(self.states.len() - 1, Ordering::Relaxed);
            }
            Step::Overwrite(count) => {
                let mut state = self.current();
                let from = state.next() - (*count).min(state.entries.len()) as u64;
                state.entries.split_off(&from);
                self.states.push(state);
                self.wal.truncate_from(from).await.expect("the log is well");
                self.term += 1;
                self.append(&[20]).await;
            }
            Step::Purge(count) => {
                let mut state = self.current();
                let Some((&index, &(term, _))) = state.entries.iter().nth((*count).min(state.entries.len()).saturating_sub(1)) else {
                    return;
                };
                state.entries = state.entries.split_off(&(index + 1));
                state.purged = Some(id(index, term));
                self.states.push(state);
                self.wal.purge(id(index, term)).await.expect("the log is well");
            }
            Step::Settle => {
                let target = self.states.len() - 1;
                self.wal.append_bodies(&[]).await.expect("the log is well").await.expect("it is told").expect("the log is well");
                self.acknowledged.fetch_max(target, Ordering::Relaxed);
            }
            Step::Restart => {
                self.acknowledged.store(self.states.len() - 1, Ordering::Relaxed);
                self.come_back(self.disk.restart()).await;
            }
            Step::PowerLoss(seed) => self.come_back(self.disk.lose_power(&mut Draws(*seed))).await,
        }
    }

    /// Opens the log again and finds the state it is in among those it may be in.
    async fn come_back(&mut self, disk: ModelDisk) {
        self.disk = disk;
        self.wal = open(&self.disk).await;
        let found = self.seen().await;
        let floor = self.acknowledged.load(Ordering::Relaxed);
        let at = self.states.iter().skip(floor).position(|state| *state == found);
        assert!(at.is_some(), "recovered {found:?}\nwhich is none of the states from {floor} on: {:#?}", &self.states[floor..]);
        self.states = vec![found];
        self.acknowledged = Arc::default();
    }

    async fn seen(&self) -> State {
        let entries = bodies(&self.wal).await;
        let range = self.wal.shared.state().live.range();
        assert_eq!(entries.len() as u64, range.end - range.start, "every entry can be read");
        let raw = self.wal.reader().read(range, usize::MAX).await.expect("the log is well");
        State {
            vote: self.wal.vote().map(|vote| vote.to_vec()),
            purged: self.wal.purged(),
            entries: raw.into_iter().map(|entry| (entry.id.index, (entry.id.term, entry.body.to_vec()))).collect(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_log_comes_back_as_a_prefix_of_what_was_written_with_all_that_was_acknowledged(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut life = Life::begin().await;
            for step in &steps {
                life.step(step).await;
                assert_eq!(life.seen().await, life.current(), "after {step:?}");
            }
            life.step(&Step::PowerLoss(steps.len() as u64)).await;
        });
    }
}
