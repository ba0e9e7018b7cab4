//! The trace: every observable event of a run, folded into 128 bits as it happens.
//!
//! Two runs with the same hash did the same things at the same virtual times. What is folded: every send, delivery, timer, connection
//! change, disk operation and fault, with its virtual time, its node, two numbers and the content's digest. Log lines are printed with the
//! trace but not folded, so that the hash does not depend on whether anyone looks.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;

const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013B;
const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;

/// A digest of `bytes`: FNV-1a over words, with a shift that carries high bits down again.
pub fn digest(bytes: &[u8]) -> u128 {
    fold(BASIS, bytes)
}

fn fold_word(hash: u128, word: u64) -> u128 {
    let hash = (hash ^ u128::from(word)).wrapping_mul(PRIME);
    hash ^ (hash >> 67)
}

fn fold(mut hash: u128, bytes: &[u8]) -> u128 {
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        hash = fold_word(hash, u64::from_le_bytes(word.try_into().expect("eight bytes")));
    }
    for byte in words.remainder() {
        hash = (hash ^ u128::from(*byte)).wrapping_mul(PRIME);
    }
    fold_word(hash, bytes.len() as u64)
}

/// One event.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// What happened: `tcp.write`, `disk.sync`, `fault.cut`, ...
    pub kind: &'static str,
    /// Two numbers whose meaning depends on the kind.
    pub numbers: [u64; 2],
    /// Length of the content in bytes.
    pub len: usize,
    /// [`digest`] of the content; 0 if there is none.
    pub digest: u128,
}

impl Entry {
    /// An event without content.
    pub fn plain(kind: &'static str, a: u64, b: u64) -> Entry {
        Entry { kind, numbers: [a, b], len: 0, digest: 0 }
    }

    /// An event with content.
    pub fn with(kind: &'static str, a: u64, b: u64, content: &[u8]) -> Entry {
        Entry { kind, numbers: [a, b], len: content.len(), digest: digest(content) }
    }
}

/// The running hash, the counts, and the text if somebody reads it.
pub struct Trace {
    hash: u128,
    events: u64,
    by_kind: BTreeMap<&'static str, u64>,
    text: Option<Box<dyn Write + Send>>,
}

impl Trace {
    /// An empty trace; lines go to `text`.
    pub fn new(text: Option<Box<dyn Write + Send>>) -> Trace {
        Trace { hash: BASIS, events: 0, by_kind: BTreeMap::new(), text }
    }

    /// Folds in an event of node `who` at `now` nanoseconds of virtual time.
    pub fn record(&mut self, now: u64, who: u8, entry: Entry) {
        let mut hash = fold(self.hash, entry.kind.as_bytes());
        let [a, b] = entry.numbers;
        for word in [now, u64::from(who), a, b, entry.digest as u64, (entry.digest >> 64) as u64] {
            hash = fold_word(hash, word);
        }
        self.hash = hash;
        self.events += 1;
        *self.by_kind.entry(entry.kind).or_default() += 1;
        if self.text.is_some() {
            self.line(now, who, format_args!("{} {a} {b} len={} {:016x}", entry.kind, entry.len, entry.digest as u64));
        }
    }

    /// Prints a line that is not part of the hash.
    pub fn line(&mut self, now: u64, who: u8, line: fmt::Arguments<'_>) {
        if let Some(text) = &mut self.text {
            // A reader that went away (`| head`) does not change the run.
            let _ = writeln!(text, "{:>4}.{:09} n{who} {line}", now / 1_000_000_000, now % 1_000_000_000);
        }
    }

    /// Whether lines are read by anybody.
    pub fn is_read(&self) -> bool {
        self.text.is_some()
    }

    /// The hash of everything so far.
    pub fn hash(&self) -> u128 {
        self.hash
    }

    /// Events so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Events so far of each kind.
    pub fn by_kind(&self) -> &BTreeMap<&'static str, u64> {
        &self.by_kind
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Trace, digest};

    fn hash_of(now: u64, entry: Entry) -> u128 {
        let mut trace = Trace::new(None);
        trace.record(now, 1, entry);
        trace.hash()
    }

    #[test]
    fn time_kind_numbers_and_content_all_change_the_hash() {
        let base = hash_of(1, Entry::with("send", 1, 2, b"abc"));
        assert_eq!(base, hash_of(1, Entry::with("send", 1, 2, b"abc")));
        assert_ne!(base, hash_of(2, Entry::with("send", 1, 2, b"abc")));
        assert_ne!(base, hash_of(1, Entry::with("sent", 1, 2, b"abc")));
        assert_ne!(base, hash_of(1, Entry::with("send", 2, 1, b"abc")));
        assert_ne!(base, hash_of(1, Entry::with("send", 1, 2, b"abd")));
    }

    #[test]
    fn a_digest_tells_lengths_of_zeros_apart() {
        assert_ne!(digest(&[0; 8]), digest(&[0; 16]));
        assert_ne!(digest(&[0; 3]), digest(&[0; 4]));
    }
}
