//! A small machine to prove the laws on: it sends a request until it is answered, waiting longer each time. It can be built with a fault, one
//! for each law.

use super::specimen::Specimen;
use muster::model::{Deadline, Instant, Machine};
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof};
use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What is wrong with the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Acts on timeouts that are not due.
    ActsEarly,
    /// Asking for the deadline moves it.
    MovesWhenPolled,
    /// Draws from the process instead of its seed.
    DrawsAmbiently,
    /// Takes inputs although outputs are waiting.
    TakesUndrained,
    /// A handled timeout stays due.
    StandsStill,
    /// Says `None` and then says more.
    SpeaksAfterNone,
    /// Breaks a law of its own.
    OutgrowsItself,
}

/// What can happen.
#[derive(Debug, Clone)]
pub enum Input {
    /// Send this request from now on.
    Ask(u8),
    /// It was answered.
    Answered(u8),
}

/// Requests waiting for an answer.
#[derive(Debug)]
pub struct Retry {
    fault: Fault,
    jitter: u64,
    waiting: Vec<(u8, Cell<Instant>, u32)>,
    outputs: VecDeque<(u8, u64)>,
    hidden: Option<(u8, u64)>,
}

const MOST_WAITING: usize = 8;

impl Retry {
    fn send(&mut self, request: u8) {
        static AMBIENT: AtomicU64 = AtomicU64::new(0);
        let draw = if self.fault == Fault::DrawsAmbiently { AMBIENT.fetch_add(1, Ordering::Relaxed) } else { self.jitter };
        self.outputs.push_back((request, draw));
    }
}

impl Machine for Retry {
    type Input = Input;
    type Output = (u8, u64);

    fn handle(&mut self, now: Instant, input: Input) {
        assert!(self.outputs.is_empty() || self.fault == Fault::TakesUndrained, "outputs were not drained");
        match input {
            Input::Ask(request) if self.waiting.iter().any(|(r, _, _)| *r == request) => {}
            Input::Ask(_) if self.waiting.len() >= MOST_WAITING && self.fault != Fault::OutgrowsItself => {}
            Input::Ask(request) => {
                self.waiting.push((request, Cell::new(now + Duration::from_secs(1)), 0));
                self.send(request);
            }
            Input::Answered(request) => self.waiting.retain(|(r, _, _)| *r != request),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        let early = self.fault == Fault::ActsEarly;
        let due: Vec<usize> = (0..self.waiting.len()).filter(|i| early || self.waiting[*i].1.get() <= now).collect();
        for i in due {
            let (request, at, tries) = &mut self.waiting[i];
            *tries = (*tries + 1).min(6);
            if self.fault != Fault::StandsStill {
                at.set(now + Duration::from_secs(1 << *tries));
            }
            let request = *request;
            self.send(request);
        }
    }

    fn poll_output(&mut self) -> Option<(u8, u64)> {
        if self.fault == Fault::SpeaksAfterNone && self.hidden.is_none() && self.outputs.len() == 1 {
            self.hidden = self.outputs.pop_front();
            return None;
        }
        self.hidden.take().or_else(|| self.outputs.pop_front())
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        if self.fault == Fault::MovesWhenPolled {
            self.waiting.iter().for_each(|(_, at, _)| at.set(at.get() + Duration::from_nanos(1)));
        }
        self.waiting.iter().map(|(_, at, _)| at.get()).min().map(|at| Deadline { at, reason: "retry" })
    }

    fn check_invariants(&self) {
        assert!(self.waiting.len() <= MOST_WAITING, "more than {MOST_WAITING} requests wait");
    }
}

/// The machine without a fault.
pub struct Sound;

/// The machine with a fault.
pub struct Broken(pub Fault);

fn build(fault: Fault, seed: u64) -> Retry {
    Retry { fault, jitter: seed % 1000, waiting: Vec::new(), outputs: VecDeque::new(), hidden: None }
}

fn one_input() -> BoxedStrategy<Vec<Input>> {
    let input = prop_oneof![
        any::<u8>().prop_map(Input::Ask),
        (0..4u8).prop_map(Input::Ask),
        any::<u8>().prop_map(Input::Answered),
        Just(Input::Answered(1))
    ];
    input.prop_map(|input| vec![input]).boxed()
}

impl Specimen for Sound {
    type Input = Input;
    type Output = (u8, u64);
    type Machine = Retry;

    fn build(&self, seed: u64, _now: Instant) -> Retry {
        build(Fault::None, seed)
    }

    fn inputs(&self) -> BoxedStrategy<Vec<Input>> {
        one_input()
    }

    fn longest_pause(&self) -> Duration {
        Duration::from_secs(40)
    }
}

impl Specimen for Broken {
    type Input = Input;
    type Output = (u8, u64);
    type Machine = Retry;

    fn build(&self, seed: u64, _now: Instant) -> Retry {
        build(self.0, seed)
    }

    fn inputs(&self) -> BoxedStrategy<Vec<Input>> {
        one_input()
    }

    fn longest_pause(&self) -> Duration {
        Duration::from_secs(40)
    }
}
