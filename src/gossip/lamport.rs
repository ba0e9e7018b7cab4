//! Logical time (Lamport 1978): whoever fires after it heard bears a later time than what it heard.

/// Latest time believed. Clocks count up from zero, one event at a time, so a later one is a lie.
pub const MAX_LAMPORT: u64 = 1 << 48;

/// One member's logical clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Lamport {
    last: u64,
}

impl Lamport {
    /// One that goes on from where it was.
    pub fn of(last: u64) -> Lamport {
        Lamport { last: last.min(MAX_LAMPORT) }
    }

    /// The latest time fired or heard.
    pub fn last(self) -> u64 {
        self.last
    }

    /// The time of something new.
    pub fn tick(&mut self) -> u64 {
        // At the end of the range all are of one time: order is lost then, and nothing else.
        self.last = (self.last + 1).min(MAX_LAMPORT);
        self.last
    }

    /// Something of this time was heard.
    pub fn witness(&mut self, at: u64) {
        self.last = self.last.max(at.min(MAX_LAMPORT));
    }
}

#[cfg(test)]
mod tests {
    use super::{Lamport, MAX_LAMPORT};

    #[test]
    fn what_comes_after_what_was_heard_is_later() {
        let mut clock = Lamport::default();
        assert_eq!(clock.tick(), 1);
        clock.witness(40);
        clock.witness(3);
        assert_eq!(clock.tick(), 41);
    }

    #[test]
    fn a_lie_does_not_carry_the_clock_beyond_its_range() {
        let mut clock = Lamport::default();
        clock.witness(u64::MAX);
        assert_eq!((clock.tick(), clock.last()), (MAX_LAMPORT, MAX_LAMPORT));
    }
}
