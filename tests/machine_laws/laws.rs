//! The laws, and one function that tries them all on random lives.

use super::specimen::{Happening, Life, Specimen, lives};
use muster::model::{Deadline, Instant, Machine};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use std::cell::Cell;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// Outputs of one call beyond which a machine counts as never drained.
const MOST_OUTPUTS: usize = 100_000;

/// Calls at one instant beyond which a machine's deadline counts as standing still.
const MOST_CALLS_AT_ONE_INSTANT: usize = 1000;

/// Lives on which the machine must be seen to refuse an undrained driver.
const REFUSALS: u32 = 3;

/// Random lives tried for each machine.
const LIVES: u32 = 64;

/// Tries every law on random lives of the specimen. Panics with the law broken and the shortest life found that breaks it.
pub fn obeys<S: Specimen>(specimen: &S) {
    let refused = Cell::new(0);
    let config = Config { cases: LIVES, failure_persistence: None, max_shrink_iters: 5000, ..Config::default() };
    let tried = TestRunner::new(config).run(&lives(specimen), |life| {
        laws_of(specimen, &life)?;
        // Each refusal is a panic that prints itself: a few are enough.
        if refused.get() < REFUSALS && refuses_an_undrained_driver(specimen, &life)? == Refusal::Seen {
            refused.set(refused.get() + 1);
        }
        Ok(())
    });
    if let Err(broken) = tried {
        panic!("{broken}");
    }
    assert!(refused.get() > 0, "no life made the machine say anything: the law of draining was never tried");
}

fn laws_of<S: Specimen>(specimen: &S, life: &Life<S::Input>) -> Result<(), TestCaseError> {
    let reference = Driver::live(specimen, life, Manner::Plain)?;
    let again = Driver::live(specimen, life, Manner::Plain)?;
    same("the same inputs at the same times give the same outputs", &reference.heard, &again.heard)?;
    let peeked = Driver::live(specimen, life, Manner::PollingOften)?;
    same("poll_timeout changes nothing", &reference.heard, &peeked.heard)?;
    let hasty = Driver::live(specimen, life, Manner::WakingEarly)?;
    same("an early handle_timeout has no effect", &reference.heard, &hasty.heard)
}

fn same<T: PartialEq + Debug>(law: &str, expected: &[T], seen: &[T]) -> Result<(), TestCaseError> {
    match expected.iter().zip(seen).position(|(a, b)| a != b) {
        Some(at) => Err(TestCaseError::fail(format!("{law}: at {at} expected {:?}, saw {:?}", expected[at], seen[at]))),
        None if expected.len() != seen.len() => {
            Err(TestCaseError::fail(format!("{law}: expected {} decisions, saw {}", expected.len(), seen.len())))
        }
        None => Ok(()),
    }
}

/// What is seen of a machine from outside.
#[derive(Debug, PartialEq)]
enum Said<O> {
    Output(O),
    Deadline(Option<Deadline>),
}

/// How a driver goes about its work. Each must see the same decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// One call for each happening.
    Plain,
    /// Asks for the deadline again and again.
    PollingOften,
    /// Calls for timeouts that are not due, before and after everything.
    WakingEarly,
}

struct Driver<S: Specimen> {
    machine: S::Machine,
    now: Instant,
    manner: Manner,
    heard: Vec<(Instant, Said<S::Output>)>,
}

impl<S: Specimen> Driver<S> {
    fn new(specimen: &S, seed: u64, manner: Manner) -> Driver<S> {
        let now = Instant::ZERO + Duration::from_secs(1);
        Driver { machine: specimen.build(seed, now), now, manner, heard: Vec::new() }
    }

    /// Lives a whole life and keeps everything heard.
    fn live(specimen: &S, life: &Life<S::Input>, manner: Manner) -> Result<Driver<S>, TestCaseError> {
        let mut driver = Driver::new(specimen, life.seed, manner);
        driver.settle()?;
        for happening in &life.happenings {
            driver.meet(happening)?;
        }
        Ok(driver)
    }

    fn meet(&mut self, happening: &Happening<S::Input>) -> Result<(), TestCaseError> {
        match happening {
            Happening::Pause(time) => self.now += *time,
            Happening::Wake => self.wake()?,
            Happening::Due => {
                if let Some(deadline) = self.machine.poll_timeout() {
                    self.now = self.now.max(deadline.at);
                    self.wake()?;
                }
            }
            Happening::Input(input) => {
                self.machine.handle(self.now, input.clone());
                self.settle()?;
            }
        }
        Ok(())
    }

    /// Handles what is due until nothing is.
    fn wake(&mut self) -> Result<(), TestCaseError> {
        for _ in 0..MOST_CALLS_AT_ONE_INSTANT {
            self.machine.handle_timeout(self.now);
            self.settle()?;
            if self.machine.poll_timeout().is_none_or(|deadline| deadline.at > self.now) {
                return Ok(());
            }
        }
        let standing = self.machine.poll_timeout();
        Err(TestCaseError::fail(format!("a due timeout that was handled moves on: {standing:?} stands still at {:?}", self.now)))
    }

    /// Drains the machine, as every driver does after every call.
    fn settle(&mut self) -> Result<(), TestCaseError> {
        self.drain()?;
        let deadline = self.machine.poll_timeout();
        self.heard.push((self.now, Said::Deadline(deadline)));
        match self.manner {
            Manner::Plain => {}
            Manner::PollingOften => {
                for _ in 0..3 {
                    same("poll_timeout changes nothing", &[deadline], &[self.machine.poll_timeout()])?;
                }
            }
            Manner::WakingEarly if deadline.is_none_or(|deadline| deadline.at > self.now) => {
                self.machine.handle_timeout(self.now);
                if let Some(output) = self.machine.poll_output() {
                    return Err(TestCaseError::fail(format!("an early handle_timeout has no effect: it gave {output:?}")));
                }
                same("an early handle_timeout has no effect", &[deadline], &[self.machine.poll_timeout()])?;
            }
            Manner::WakingEarly => {}
        }
        self.machine.check_invariants();
        Ok(())
    }

    fn drain(&mut self) -> Result<(), TestCaseError> {
        for _ in 0..MOST_OUTPUTS {
            match self.machine.poll_output() {
                Some(output) => self.heard.push((self.now, Said::Output(output))),
                None if self.machine.poll_output().is_some() => {
                    return Err(TestCaseError::fail("outputs are drained to None: more came after it"));
                }
                None => return Ok(()),
            }
        }
        Err(TestCaseError::fail(format!("outputs are drained to None: {MOST_OUTPUTS} came without it")))
    }
}

/// Whether a life gave the occasion to refuse.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// The machine spoke, was not drained, and panicked.
    Seen,
    /// It never spoke.
    NoOccasion,
}

/// At the first input of the life that makes the machine speak, leaves the outputs where they are and gives the input again.
fn refuses_an_undrained_driver<S: Specimen>(specimen: &S, life: &Life<S::Input>) -> Result<Refusal, TestCaseError> {
    let mut inputs = Vec::new();
    for happening in &life.happenings {
        if let Happening::Input(input) = happening {
            inputs.push(input);
        }
    }
    for (told, input) in inputs.iter().enumerate() {
        if !Driver::told(specimen, life.seed, &inputs[..told])?.speaks_on(input) {
            continue;
        }
        // Seeing that an output waits takes it, so another machine with the same past is given the inputs unseen.
        let mut machine = Driver::told(specimen, life.seed, &inputs[..told])?;
        machine.machine.handle(machine.now, (*input).clone());
        let again = catch_unwind(AssertUnwindSafe(|| machine.machine.handle(machine.now, (*input).clone())));
        let law = "handle panics when the outputs of the last call were not drained";
        return again.map_or(Ok(Refusal::Seen), |()| Err(TestCaseError::fail(law)));
    }
    Ok(Refusal::NoOccasion)
}

impl<S: Specimen> Driver<S> {
    /// A machine that has been given these inputs, drained after each.
    fn told(specimen: &S, seed: u64, inputs: &[&S::Input]) -> Result<Driver<S>, TestCaseError> {
        let mut driver = Driver::new(specimen, seed, Manner::Plain);
        driver.drain()?;
        for input in inputs {
            driver.machine.handle(driver.now, (*input).clone());
            driver.drain()?;
        }
        Ok(driver)
    }

    fn speaks_on(mut self, input: &S::Input) -> bool {
        self.machine.handle(self.now, input.clone());
        self.machine.poll_output().is_some()
    }
}
