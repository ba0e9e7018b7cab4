//! The end of a text whose length nobody knows.

/// The last bytes of what was written, and how many there were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    limit: usize,
    kept: Vec<u8>,
    written: u64,
}

impl Tail {
    /// Keeps up to `limit` bytes. Nothing is allocated before something is written, and never more than twice the limit.
    pub fn new(limit: usize) -> Tail {
        Tail { limit, kept: Vec::new(), written: 0 }
    }

    /// The most bytes kept.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Takes the next bytes.
    pub fn write(&mut self, bytes: &[u8]) {
        self.written = self.written.saturating_add(bytes.len() as u64);
        let bytes = &bytes[bytes.len().saturating_sub(self.limit)..];
        if self.kept.len() + bytes.len() > self.limit.saturating_mul(2) {
            // Moving at most `limit` bytes for each `limit` bytes written: constant work for each byte.
            let keep = self.limit - bytes.len();
            self.kept.drain(..self.kept.len() - keep);
        }
        self.kept.extend_from_slice(bytes);
    }

    /// The last bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.kept[self.kept.len().saturating_sub(self.limit)..]
    }

    /// How many bytes were written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Whether bytes were dropped.
    pub fn is_cut(&self) -> bool {
        self.written > self.bytes().len() as u64
    }

    /// The last bytes as text; what is not UTF-8 becomes U+FFFD.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::Tail;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_tail_is_the_end_of_all_that_was_written(limit in 0usize..20, pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..12)) {
            let mut tail = Tail::new(limit);
            let mut all = Vec::new();
            for piece in &pieces {
                tail.write(piece);
                all.extend_from_slice(piece);
                prop_assert_eq!(tail.bytes(), &all[all.len().saturating_sub(limit)..]);
                prop_assert_eq!((tail.written(), tail.is_cut()), (all.len() as u64, all.len() > limit));
                prop_assert!(tail.kept.len() <= 2 * limit);
            }
        }
    }
}
