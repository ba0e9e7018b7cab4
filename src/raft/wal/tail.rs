//! The newest entries, kept in memory as they were appended: almost every read is of these.

use std::collections::VecDeque;
use std::ops::Range;

/// Bytes of entries kept, as they were encoded; one entry is kept whatever its size.
const BYTES: usize = 8 << 20;
/// Entries kept.
const ENTRIES: usize = 16 << 10;

/// The newest entries in order.
#[derive(Debug)]
pub(super) struct Tail<E> {
    /// Index of the first kept.
    first: u64,
    entries: VecDeque<(E, usize)>,
    bytes: usize,
}

impl<E> Default for Tail<E> {
    fn default() -> Tail<E> {
        Tail { first: 0, entries: VecDeque::new(), bytes: 0 }
    }
}

impl<E: Clone> Tail<E> {
    /// Adds entry `index`, which follows the last one; if it does not, what was kept is of no use any more.
    pub(super) fn push(&mut self, index: u64, entry: E, bytes: usize) {
        if index != self.first + self.entries.len() as u64 {
            *self = Tail { first: index, ..Tail::default() };
        }
        self.entries.push_back((entry, bytes));
        self.bytes += bytes;
        while self.entries.len() > 1 && (self.bytes > BYTES || self.entries.len() > ENTRIES) {
            self.pop_front();
        }
    }

    fn pop_front(&mut self) {
        if let Some((_, bytes)) = self.entries.pop_front() {
            self.bytes -= bytes;
            self.first += 1;
        }
    }

    /// Drops what comes after `index`.
    pub(super) fn truncate_after(&mut self, index: u64) {
        while self.first + self.entries.len() as u64 > index + 1
            && let Some((_, bytes)) = self.entries.pop_back()
        {
            self.bytes -= bytes;
        }
    }

    /// Drops what comes up to `index`.
    pub(super) fn purge(&mut self, index: u64) {
        while self.first <= index && !self.entries.is_empty() {
            self.pop_front();
        }
    }

    /// Clones of the entries of `range`, if its first is kept; as many as are there and fit `bound` bytes, at least one.
    pub(super) fn read(&self, range: Range<u64>, bound: usize) -> Option<Vec<E>> {
        let skip = usize::try_from(range.start.checked_sub(self.first)?).ok()?;
        if skip >= self.entries.len() {
            return None;
        }
        let wanted = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let mut sum = 0;
        let fits = |(_, bytes): &&(E, usize)| {
            sum += bytes;
            sum == *bytes || sum <= bound
        };
        Some(self.entries.iter().skip(skip).take(wanted).take_while(fits).map(|(entry, _)| entry.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{BYTES, Tail};

    fn tail(range: std::ops::RangeInclusive<u64>) -> Tail<u64> {
        let mut tail = Tail::default();
        range.for_each(|index| tail.push(index, index * 10, 100));
        tail
    }

    #[test]
    fn kept_entries_are_read_and_others_are_not() {
        assert_eq!(tail(5..=9).read(6..9, 1000), Some(vec![60, 70, 80]));
        assert_eq!(tail(5..=9).read(8..20, 1000), Some(vec![80, 90]));
        assert_eq!(tail(5..=9).read(4..6, 1000), None);
        assert_eq!(tail(5..=9).read(10..11, 1000), None);
    }

    #[test]
    fn a_read_ends_at_its_bound_but_not_before_its_first_entry() {
        assert_eq!(tail(5..=9).read(5..10, 250), Some(vec![50, 60]));
        assert_eq!(tail(5..=9).read(5..10, 1), Some(vec![50]));
    }

    #[test]
    fn truncated_and_purged_entries_are_gone() {
        let mut tail = tail(5..=9);
        tail.truncate_after(7);
        tail.purge(5);
        assert_eq!(tail.read(6..10, 1000), Some(vec![60, 70]));
        assert_eq!(tail.read(5..6, 1000), None);
        tail.push(8, 1, 1);
        assert_eq!(tail.read(7..9, 1000), Some(vec![70, 1]));
        tail.truncate_after(2);
        assert_eq!(tail.read(6..10, 1000), None);
        tail.push(3, 3, 1);
        assert_eq!(tail.read(3..4, 1000), Some(vec![3]));
    }

    #[test]
    fn the_oldest_entries_go_when_the_bytes_run_out() {
        let mut tail = Tail::default();
        (1..=5u64).for_each(|index| tail.push(index, index, BYTES / 2));
        assert_eq!(tail.read(3..4, 1), None);
        assert_eq!(tail.read(4..6, usize::MAX), Some(vec![4, 5]));
        tail.push(6, 6, BYTES * 3);
        assert_eq!(tail.read(6..7, 1), Some(vec![6]));
    }
}
