//! A leader's watch: timers set, renewed, restored, found due, ended or not, at random.

use super::specimen::Specimen;
use muster::agent::expiry::{Fate, Input, Output, Proof, Rows, Rules, Sight, Watch};
use muster::model::{Instant, Key, SessionId};
use muster::state::timers::{Span, Timer};
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Strategy, prop_oneof};
use proptest::sample::select;
use std::time::Duration;

/// A watch over a handful of timers.
pub struct OfExpiry;

impl Specimen for OfExpiry {
    type Input = Input;
    type Output = Output;
    type Machine = Watch;

    fn build(&self, seed: u64, now: Instant) -> Watch {
        Watch::new(Rules { session_permille: 1_000 + u32::try_from(seed % 1_001).expect("small") }, now)
    }

    fn inputs(&self) -> BoxedStrategy<Vec<Input>> {
        let restores = prop_oneof![3 => 0u64..1, 1 => 1u64..4];
        let rows = (0u64..20, vec((timer(), 0u64..6, 1u64..4), 0..5), restores).prop_map(|(as_of, timers, restored_at)| {
            let row = |(timer, seconds, since)| (timer, Span { length: Duration::from_secs(seconds), since });
            Input::Timers(Sight { as_of, rows: timers.into_iter().map(row).collect::<Rows>(), restored_at })
        });
        let proof = select(vec![Proof::Leads, Proof::Leads, Proof::Unknown]).prop_map(Input::Proof);
        let fate = select(vec![Fate::Committed, Fate::Refused, Fate::Unknown]).prop_map(Input::Fate);
        prop_oneof![4 => rows, 3 => timer().prop_map(Input::Renew), 4 => proof, 3 => fate].prop_map(|input| vec![input]).boxed()
    }

    fn longest_pause(&self) -> Duration {
        Duration::from_secs(4)
    }
}

fn timer() -> impl Strategy<Value = Timer> {
    let id = || (0u128..3).prop_map(SessionId::from_u128);
    prop_oneof![
        id().prop_map(Timer::Session),
        id().prop_map(Timer::LockDelay),
        select(vec!["a", "b"]).prop_map(|key| Timer::Key(Key::from(key))),
    ]
}
