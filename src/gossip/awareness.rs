//! Lifeguard's local health (section IV-A): how much this agent should doubt itself before it doubts others.

use std::time::Duration;

/// A score from 0 (healthy) up; our own timeouts stretch by score + 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Awareness {
    score: u32,
    max: u32,
}

impl Awareness {
    /// Starts healthy. The score stays below `max` (and at 0 if `max` is 0 or 1: stretching off).
    pub const fn new(max: u32) -> Awareness {
        Awareness { score: 0, max }
    }

    pub const fn score(self) -> u32 {
        self.score
    }

    /// Signs of our own trouble: a failed probe, missing nacks, having to refute, having stood still.
    pub fn worsen(&mut self, by: u32) {
        self.score = self.score.saturating_add(by).min(self.max.saturating_sub(1));
    }

    /// A probe went well.
    pub fn recover(&mut self) {
        self.score = self.score.saturating_sub(1);
    }

    pub fn stretch(self, timeout: Duration) -> Duration {
        timeout.saturating_mul(self.score + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::Awareness;
    use std::time::Duration;

    #[test]
    fn timeouts_stretch_with_the_score_and_both_are_bounded() {
        let mut awareness = Awareness::new(8);
        assert_eq!(awareness.stretch(Duration::from_secs(1)), Duration::from_secs(1));
        awareness.worsen(3);
        assert_eq!(awareness.stretch(Duration::from_secs(1)), Duration::from_secs(4));
        awareness.worsen(u32::MAX);
        assert_eq!(awareness.stretch(Duration::from_secs(1)), Duration::from_secs(8));
        (0..9).for_each(|_| awareness.recover());
        assert_eq!(awareness.score(), 0);
    }
}
