//! The search for a legal order of the operations on one key, in portions.
//!
//! Calls and returns stand in one list ordered by time. The search places the first call that fits, takes it and its return out of the
//! list and starts over; at a return whose call has no place it takes the last placement back. A configuration (placed set, state) that
//! was left once is not entered again. Lists are vectors of indexes; nothing is allocated while searching but the memory and the stack.

use super::compile::{Alike, Step};
use super::register::{Need, Register};
use super::seen::{Seen, Visit};
use std::collections::BTreeMap;

/// How far a search has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Steps are left to try.
    Going,
    /// There is a legal order.
    Linearizable,
    /// There is none.
    Illegal,
    /// The memory is full: there may be one.
    OutOfRoom,
}

/// The deepest the search came before it had to turn back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deepest {
    /// The steps placed, in order.
    pub placed: Vec<u32>,
    /// The step whose return came before it had a place.
    pub stuck: u32,
}

const HEAD: u32 = 0;
const END: u32 = u32::MAX;

/// A search under way.
#[derive(Debug)]
pub struct Search<S> {
    steps: Vec<Step>,
    /// Node 0 is the head, `1..=n` the calls, `n+1..=2n` the returns.
    next: Vec<u32>,
    previous: Vec<u32>,
    at: u32,
    state: Register,
    stack: Vec<(u32, Register)>,
    placed: Vec<bool>,
    /// For a step of a group, the one of it that was requested just before and has to be placed first.
    twin: Vec<Option<u32>>,
    required_left: usize,
    seen: S,
    progress: Progress,
    spent: u64,
    deepest: Option<Deepest>,
}

impl<S: Seen> Search<S> {
    /// A search over `steps` that remembers at most `room` configurations.
    pub fn new(steps: Vec<Step>, room: usize) -> Search<S> {
        let nodes = 2 * steps.len() + 1;
        assert!(nodes < END as usize, "a history of one key is held in 32-bit indexes");
        let required_left = steps.iter().filter(|s| s.need == Need::Required).count();
        let mut search = Search {
            next: vec![END; nodes],
            previous: vec![END; nodes],
            at: HEAD,
            state: Register::default(),
            stack: Vec::new(),
            placed: vec![false; steps.len()],
            twin: vec![None; steps.len()],
            required_left,
            seen: S::with_room(room),
            progress: if required_left == 0 { Progress::Linearizable } else { Progress::Going },
            spent: 0,
            deepest: None,
            steps,
        };
        search.link();
        search.at = search.next[HEAD as usize];
        search
    }

    /// The same, keeping the longest order that was found.
    pub fn explaining(steps: Vec<Step>, room: usize) -> Search<S> {
        Search { deepest: Some(Deepest::default()), ..Search::new(steps, room) }
    }

    /// Calls stand before returns of the same time: operations that touch are concurrent.
    fn link(&mut self) {
        let n = self.steps.len() as u32;
        let mut order: Vec<(u64, u32)> = Vec::with_capacity(2 * self.steps.len());
        for (node, step) in (1u32..).zip(&self.steps) {
            order.push((step.invoked, node));
            if step.need == Need::Required {
                order.push((step.returned, node + n));
            }
        }
        order.sort_unstable();
        let mut last = HEAD;
        let mut groups: BTreeMap<Alike, u32> = BTreeMap::new();
        for (_, node) in order {
            if node <= n
                && let Some(alike) = self.steps[node as usize - 1].alike
            {
                self.twin[node as usize - 1] = groups.insert(alike, node - 1);
            }
            self.next[last as usize] = node;
            self.previous[node as usize] = last;
            last = node;
        }
    }

    /// Takes up to `budget` steps. What is decided stays decided.
    pub fn run(&mut self, budget: u64) -> Progress {
        let mut left = budget;
        while self.progress == Progress::Going && left > 0 {
            left -= 1;
            self.progress = self.step();
        }
        self.spent += budget - left;
        self.progress
    }

    /// Steps taken since this was last asked.
    pub fn take_spent(&mut self) -> u64 {
        std::mem::take(&mut self.spent)
    }

    /// The longest order that was found, if it was asked for.
    pub fn deepest(&self) -> Option<&Deepest> {
        self.deepest.as_ref()
    }

    fn step(&mut self) -> Progress {
        let n = self.steps.len() as u32;
        assert_ne!(self.at, END, "a required step that is not placed has its return in the list");
        if self.at > n {
            return self.turn_back(self.at - n - 1);
        }
        let step = self.steps[self.at as usize - 1];
        let twin_waits = self.twin[self.at as usize - 1].is_some_and(|twin| !self.placed[twin as usize]);
        if !twin_waits && let Some(state) = self.state.step(step.effect, step.need) {
            self.seen.toggle(self.at - 1);
            match self.seen.visit(state) {
                Visit::New => return self.place(state, step.need),
                Visit::Full => return Progress::OutOfRoom,
                Visit::Known => self.seen.toggle(self.at - 1),
            }
        }
        self.at = self.next[self.at as usize];
        Progress::Going
    }

    fn place(&mut self, state: Register, need: Need) -> Progress {
        self.stack.push((self.at, self.state));
        self.placed[self.at as usize - 1] = true;
        self.state = state;
        self.unlink(self.at);
        if need == Need::Required {
            self.unlink(self.at + self.steps.len() as u32);
            self.required_left -= 1;
            if self.required_left == 0 {
                return Progress::Linearizable;
            }
        }
        self.at = self.next[HEAD as usize];
        Progress::Going
    }

    fn turn_back(&mut self, stuck: u32) -> Progress {
        if let Some(deepest) = &mut self.deepest
            && (self.stack.len() > deepest.placed.len() || deepest.placed.is_empty())
        {
            *deepest = Deepest { placed: self.stack.iter().map(|(node, _)| node - 1).collect(), stuck };
        }
        let Some((node, state)) = self.stack.pop() else { return Progress::Illegal };
        self.state = state;
        self.placed[node as usize - 1] = false;
        self.seen.toggle(node - 1);
        if self.steps[node as usize - 1].need == Need::Required {
            self.relink(node + self.steps.len() as u32);
            self.required_left += 1;
        }
        self.relink(node);
        self.at = self.next[node as usize];
        Progress::Going
    }

    fn unlink(&mut self, node: u32) {
        let (before, after) = (self.previous[node as usize], self.next[node as usize]);
        self.next[before as usize] = after;
        if after != END {
            self.previous[after as usize] = before;
        }
    }

    /// Undoes the latest [`Self::unlink`] that is not undone (Knuth's dancing links).
    fn relink(&mut self, node: u32) {
        let (before, after) = (self.previous[node as usize], self.next[node as usize]);
        self.next[before as usize] = node;
        if after != END {
            self.previous[after as usize] = node;
        }
    }
}
