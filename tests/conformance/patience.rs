//! How long a case may take.

use std::time::Duration;

/// Whose times count: those the case asks for, or short ones for a case that is expected to fail anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// As the case says.
    Full,
    /// Bounds are cut, so that a few hundred listed cases fail in seconds. Sleeps are played in full: they are part of what a case means.
    Short,
}

impl Patience {
    /// Short, unless `CONFORMANCE_PATIENCE=full` asks whether a listed case would pass with all its time.
    pub fn of_a_listed_case() -> Patience {
        match std::env::var("CONFORMANCE_PATIENCE").as_deref() {
            Ok("full") => Patience::Full,
            Ok(_) | Err(_) => Patience::Short,
        }
    }

    /// The time within which a step is tried again.
    pub fn until(self, asked: Duration) -> Duration {
        self.at_most(asked, Duration::from_millis(600))
    }

    /// The time within which a background request must return.
    pub fn within(self, asked: Duration) -> Duration {
        self.at_most(asked, Duration::from_secs(2))
    }

    /// The silence after which a request is given up.
    pub fn request(self, asked: Duration) -> Duration {
        self.at_most(asked, Duration::from_secs(5))
    }

    /// The time within which an agent must be ready.
    pub fn start(self) -> Duration {
        self.at_most(Duration::from_secs(30), Duration::from_secs(10))
    }

    /// How often an agent is started before it counts as failed: a port may have been taken in between.
    pub fn starts(self) -> usize {
        match self {
            Patience::Full => 2,
            Patience::Short => 1,
        }
    }

    fn at_most(self, asked: Duration, short: Duration) -> Duration {
        match self {
            Patience::Full => asked,
            Patience::Short => asked.min(short),
        }
    }
}
