//! From the operations on one key to the steps of a search.

use super::history::{Action, Nanos, Operation, Outcome};
use super::register::{Effect, Need};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One operation, ready to be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Which of the operations it was made from.
    pub source: usize,
    /// What it does.
    pub effect: Effect,
    /// Whether it must find a place.
    pub need: Need,
    /// It takes its place after this time.
    pub invoked: Nanos,
    /// And before this one; the end of time if it is optional.
    pub returned: Nanos,
    /// What is known about its time.
    pub standing: Standing,
    /// The group of optional steps in which each can stand for any other that was requested before.
    pub alike: Option<Alike>,
}

/// What is known about when an operation took its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Between its request and its answer.
    Timed,
    /// At any time after its request, or never: it was not answered.
    Unanswered,
    /// At any time or never: even that freedom does not help.
    Free,
}

/// Optional writes that only differ in when they were requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alike {
    /// Puts of a value that nobody read.
    Nameless,
    /// Deletes.
    Gone,
}

/// The steps of operations on one key. Left out is what says nothing: failed requests, unanswered reads, stale reads.
pub fn steps(operations: &[&Operation]) -> Vec<Step> {
    let mut values = Values::default();
    for operation in operations {
        values.learn(operation);
    }
    let step = |(source, operation): (usize, &&Operation)| {
        let (effect, need) = values.effect(operation)?;
        let (invoked, returned) = (operation.invoked, operation.returned().unwrap_or(Nanos::MAX));
        let standing = if need == Need::Required { Standing::Timed } else { Standing::Unanswered };
        Some(Step { source, effect, need, invoked, returned, standing, alike: None })
    };
    operations.iter().enumerate().filter_map(step).collect()
}

/// The values of one key as numbers, and the version each was seen to have.
#[derive(Debug, Default)]
struct Values {
    known: BTreeMap<Arc<str>, Value>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Value {
    number: u32,
    writers: u32,
    version: u64,
    disputed: bool,
}

impl Values {
    fn entry(&mut self, text: &Arc<str>) -> &mut Value {
        let number = self.known.len() as u32 + 1;
        self.known.entry(text.clone()).or_insert(Value { number, ..Value::default() })
    }

    fn learn(&mut self, operation: &Operation) {
        if let Some(written) = operation.action.value() {
            self.entry(written).writers += u32::from(operation.outcome != Outcome::Failed);
        }
        if !operation.is_linearizable() {
            return;
        }
        if let Outcome::Read { found: Some(found), .. } = &operation.outcome {
            let modify = found.modify;
            let value = self.entry(&found.value);
            value.disputed |= value.version != 0 && modify != 0 && value.version != modify;
            value.version = value.version.max(modify);
        }
    }

    /// The value's number and, if it was written once and all readers agree, its version.
    fn number(&self, text: &Arc<str>) -> (u32, u64) {
        let value = self.known.get(text).copied().unwrap_or_default();
        let version = if value.writers == 1 && !value.disputed { value.version } else { 0 };
        (value.number, version)
    }

    fn effect(&self, operation: &Operation) -> Option<(Effect, Need)> {
        if !operation.is_linearizable() {
            return None;
        }
        match &operation.outcome {
            Outcome::Failed => None,
            Outcome::Unknown => Some((self.write(&operation.action, Took::Yes)?, Need::Optional)),
            Outcome::Wrote { took, .. } => {
                let took = if *took { Took::Yes } else { Took::No };
                Some((self.write(&operation.action, took)?, Need::Required))
            }
            Outcome::Read { found: None, .. } => Some((Effect::ReadAbsent, Need::Required)),
            Outcome::Read { found: Some(found), .. } => {
                let (value, _) = self.number(&found.value);
                Some((Effect::Read { value, version: found.modify }, Need::Required))
            }
        }
    }

    fn write(&self, action: &Action, took: Took) -> Option<Effect> {
        match (action, took) {
            (Action::Get { .. }, _) => None,
            (Action::Put { value }, _) => {
                let (value, version) = self.number(value);
                Some(Effect::Put { value, version })
            }
            (Action::Cas { value, expect }, Took::Yes) => {
                let (value, version) = self.number(value);
                Some(Effect::Cas { expect: *expect, value, version })
            }
            (Action::Cas { expect, .. }, Took::No) => Some(Effect::CasRefused { expect: *expect }),
            (Action::Delete, _) => Some(Effect::Delete),
            (Action::DeleteCas { expect }, Took::Yes) => Some(Effect::DeleteCas { expect: *expect }),
            (Action::DeleteCas { expect }, Took::No) => Some(Effect::DeleteCasRefused { expect: *expect }),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Took {
    Yes,
    No,
}
