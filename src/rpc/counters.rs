//! What went over the connections and what went wrong, counted for `/v1/agent/metrics`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Live counts since the start, of one [`Pool`](super::Pool) or one [`serve`](super::serve).
        #[derive(Debug, Default)]
        pub struct Counters { $($(#[$doc])* pub(super) $name: AtomicU64),* }

        /// The counts at one time.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Tally { $($(#[$doc])* pub $name: u64),* }

        impl Counters {
            /// The counts now. They are read one by one: under load two of them may be a call apart.
            pub fn tally(&self) -> Tally {
                Tally { $($name: self.$name.load(Relaxed)),* }
            }
        }
    };
}

counters! {
    /// Connections opened or accepted, hello included.
    connected,
    /// Dials that failed and hellos that were refused or did not come.
    refused,
    /// Connections turned away because their address had as many as it may.
    over_limit,
    /// Frames that made no sense; each closed its connection.
    malformed,
    /// Connections lost or dropped while calls were under way.
    lost,
    /// Requests sent or received.
    requests,
    /// Requests the caller gave up before their reply.
    abandoned,
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
