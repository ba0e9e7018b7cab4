//! What the laws need to know of a machine.

use muster::model::{Instant, Machine};
use proptest::prelude::{BoxedStrategy, Strategy, any, prop_oneof};
use proptest::strategy::LazyJust;
use std::fmt::Debug;
use std::time::Duration;

/// A kind of machine and how to provoke it.
pub trait Specimen {
    /// What it takes.
    type Input: Clone + Debug + 'static;
    /// What it decides.
    type Output: PartialEq + Debug;
    /// The machine.
    type Machine: Machine<Input = Self::Input, Output = Self::Output>;

    /// A new machine; the same one for the same seed.
    fn build(&self, seed: u64, now: Instant) -> Self::Machine;

    /// Any inputs it may be given, sensible or not: one, or a few that belong together. Only what the machine's own rules for its driver forbid is left
    /// out.
    fn inputs(&self) -> BoxedStrategy<Vec<Self::Input>>;

    /// The longest time worth letting pass between two inputs.
    fn longest_pause(&self) -> Duration;
}

/// One thing that happens to a machine.
#[derive(Debug, Clone)]
pub enum Happening<I> {
    /// Time passes, without the deadlines on the way: a driver that slept too long.
    Pause(Duration),
    /// Time passes up to the next deadline, which is then handled.
    Due,
    /// The driver calls for timeouts whether or not one is due.
    Wake,
    /// An input comes.
    Input(I),
}

/// A life of a machine: its seed, and what happens to it.
#[derive(Debug, Clone)]
pub struct Life<I> {
    /// Decides the machine's own draws.
    pub seed: u64,
    /// In order.
    pub happenings: Vec<Happening<I>>,
}

/// Lives of a specimen.
pub fn lives<S: Specimen>(specimen: &S) -> BoxedStrategy<Life<S::Input>> {
    let longest = u64::try_from(specimen.longest_pause().as_nanos()).unwrap_or(u64::MAX).max(1);
    let happenings = prop_oneof![
        2 => (0..longest).prop_map(|nanos| vec![Happening::Pause(Duration::from_nanos(nanos))]),
        3 => LazyJust::new(|| vec![Happening::Due]),
        1 => LazyJust::new(|| vec![Happening::Wake]),
        4 => specimen.inputs().prop_map(|inputs| inputs.into_iter().map(Happening::Input).collect()),
    ];
    let lives = (any::<u64>(), proptest::collection::vec(happenings, 1..60));
    lives.prop_map(|(seed, happenings)| Life { seed, happenings: happenings.concat() }).boxed()
}
