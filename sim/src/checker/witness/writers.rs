//! Every acknowledged write is in the log once, every refused one never.

use super::log::{Attempts, Coverage, Log};
use super::{Broken, Law, broken, told};
use crate::checker::history::{History, Operation, Outcome};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many requests wrote each value under each key.
pub struct Writers {
    count: BTreeMap<(Arc<str>, Arc<str>), u32>,
}

impl Writers {
    /// Counts the writers in a history.
    pub fn of(history: &History) -> Writers {
        let mut count = BTreeMap::new();
        for operation in &history.operations {
            if let Some(value) = operation.action.value() {
                *count.entry((operation.key.clone(), value.clone())).or_default() += 1;
            }
        }
        Writers { count }
    }

    /// Whether one request only wrote this value there.
    pub fn is_unique(&self, key: &Arc<str>, value: &Arc<str>) -> bool {
        self.count.get(&(key.clone(), value.clone())) == Some(&1)
    }
}

/// Holds every request whose value is its own against the log.
pub fn check(history: &History, log: &Log) -> Result<(), Broken> {
    if log.coverage == Coverage::Observed {
        return Ok(());
    }
    let writers = Writers::of(history);
    let nothing = Attempts::default();
    for (at, operation) in history.operations.iter().enumerate() {
        let Some(value) = operation.action.value().filter(|value| writers.is_unique(&operation.key, value)) else { continue };
        let attempts = log.puts.get(&(operation.key.clone(), value.clone())).unwrap_or(&nothing);
        let (law, rule) = match judge(operation, attempts) {
            Ok(()) => continue,
            Err(found) => found,
        };
        let says = format!("{} {rule}; it took effect at {:?} and was refused at {:?}", told(operation), attempts.took, attempts.refused);
        return Err(broken(history, at, law, says));
    }
    Ok(())
}

fn judge(operation: &Operation, attempts: &Attempts) -> Result<(), (Law, &'static str)> {
    let times = attempts.took.len();
    match &operation.outcome {
        _ if times > 1 => Err((Law::AtMostOnce, "took effect more than once")),
        Outcome::Failed if times > 0 => Err((Law::AtMostOnce, "was refused, yet it took effect")),
        Outcome::Wrote { took: true, .. } if times == 0 => Err((Law::AcknowledgedIsCommitted, "was acknowledged and is not in the log")),
        Outcome::Wrote { took: false, .. } if times > 0 => Err((Law::CasHonesty, "was answered false, yet it took effect")),
        Outcome::Failed | Outcome::Unknown | Outcome::Wrote { .. } | Outcome::Read { .. } => Ok(()),
    }
}
