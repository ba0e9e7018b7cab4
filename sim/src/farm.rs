//! Many runs, some at once, reported in the order of their seeds.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

/// Computes `work` for every seed on `jobs` threads and hands the results to `done` in order. `done` ends it early with `false`.
///
/// # Panics
/// If `work` panics, or the operating system gives no thread.
pub fn each<T: Send>(seeds: Range<u64>, jobs: usize, work: impl Fn(u64) -> T + Sync, mut done: impl FnMut(u64, T) -> bool) {
    let next = AtomicU64::new(seeds.start);
    let (tx, rx) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            let (tx, next, work) = (tx.clone(), &next, &work);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || tx.send((seed, work(seed))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(tx);
        let mut early = BTreeMap::new();
        let mut expected = seeds.start;
        for (seed, value) in rx {
            early.insert(seed, value);
            while let Some(value) = early.remove(&expected) {
                if !done(expected, value) {
                    next.store(seeds.end, Ordering::Relaxed);
                    return;
                }
                expected += 1;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::each;

    #[test]
    fn results_come_in_order_whatever_the_number_of_threads() {
        for jobs in [1, 4] {
            let mut seen = Vec::new();
            each(
                3..20,
                jobs,
                |seed| seed * 2,
                |seed, double| {
                    seen.push((seed, double));
                    true
                },
            );
            assert!(seen.into_iter().eq((3..20).map(|seed| (seed, seed * 2))));
        }
    }

    #[test]
    fn it_ends_when_told_to() {
        let mut seen = 0;
        each(
            0..1_000_000_000,
            2,
            |seed| seed,
            |seed, _| {
                seen += 1;
                seed < 4
            },
        );
        assert_eq!(seen, 5);
    }
}
