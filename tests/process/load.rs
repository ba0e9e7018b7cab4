//! Writers that never stop of their own accord.

use super::put;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// One writer for each of some agents; every write has a key of its own, `w/<number>`, with the number as its value.
pub(super) struct Load {
    enough: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU32>,
    writers: Vec<JoinHandle<Vec<Written>>>,
}

/// An acknowledged write.
pub(super) struct Written {
    pub(super) number: u32,
    pub(super) at: Instant,
}

impl Load {
    pub(super) fn on<'a>(agents: impl Iterator<Item = &'a super::Agent>) -> Load {
        let (enough, acknowledged, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let writers = agents.map(|agent| {
            let (enough, acknowledged, next, address) = (enough.clone(), acknowledged.clone(), next.clone(), agent.http.clone());
            thread::spawn(move || {
                let mut written = Vec::new();
                while !enough.load(Ordering::Acquire) {
                    let number = next.fetch_add(1, Ordering::AcqRel);
                    if put(&address, &format!("w/{number}"), &number.to_string()) {
                        written.push(Written { number, at: Instant::now() });
                        acknowledged.fetch_add(1, Ordering::AcqRel);
                    }
                }
                written
            })
        });
        Load { writers: writers.collect(), enough, acknowledged }
    }

    /// How many writes have been acknowledged so far.
    pub(super) fn acknowledged(&self) -> u32 {
        self.acknowledged.load(Ordering::Acquire)
    }

    /// Ends it: what was acknowledged, in the order of time.
    pub(super) fn stop(mut self) -> Vec<Written> {
        self.enough.store(true, Ordering::Release);
        let ended = std::mem::take(&mut self.writers).into_iter();
        let mut written: Vec<Written> = ended.flat_map(|writer| writer.join().expect("a writer does not panic")).collect();
        written.sort_by_key(|write| write.at);
        written
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.enough.store(true, Ordering::Release);
    }
}

/// The longest time from `since` on in which nothing was acknowledged.
pub(super) fn longest_gap(written: &[Written], since: Instant) -> Duration {
    let times = [since].into_iter().chain(written.iter().map(|write| write.at).filter(|at| *at > since)).collect::<Vec<_>>();
    times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
}
