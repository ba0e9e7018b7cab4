//! The newest answer of every view that anybody subscribes to.

use super::delta::Delta;
use crate::agent::query::{Answer, Query};
use crate::model::Index;
use crate::state::State;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// The newest answer of every view that anybody subscribes to: each change is looked at once, however many there are.
#[derive(Debug, Default)]
pub struct Board {
    posted: BTreeMap<Query, Posted>,
    /// Highest serial number given out.
    serial: u64,
}

#[derive(Debug)]
struct Posted {
    sheet: Arc<Sheet>,
    /// The state up to which the sheet is known to be the newest.
    checked: Index,
}

/// One answer of a view.
#[derive(Debug)]
pub(super) struct Sheet {
    /// Grows with every sheet; no two have the same.
    pub(super) serial: u64,
    pub(super) answer: Answer,
    /// The serial number of the sheet before, and what makes that one into this one.
    pub(super) step: Option<(u64, Bytes)>,
    whole: OnceLock<Option<Bytes>>,
}

impl Sheet {
    /// All of it, for who has nothing; `None` if its rows are of a kind that no view has.
    pub(super) fn whole(&self) -> Option<Bytes> {
        self.whole.get_or_init(|| Some(Delta::whole(&self.answer)?.encode())).clone()
    }
}

impl Board {
    /// Views that somebody subscribes to.
    pub fn len(&self) -> usize {
        self.posted.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.posted.is_empty()
    }

    /// The answer of a view in `state`, which has applied `index`, or in a later state that somebody else has shown meanwhile; and the index of the state
    /// it is known to be right for.
    pub(super) fn sheet(&mut self, view: &Query, index: Index, state: &State) -> (Arc<Sheet>, Index) {
        let Some(posted) = self.posted.get_mut(view) else {
            self.serial += 1;
            let sheet = Arc::new(Sheet { serial: self.serial, answer: view.answer(state), step: None, whole: OnceLock::new() });
            self.posted.insert(view.clone(), Posted { sheet: sheet.clone(), checked: index });
            return (sheet, index);
        };
        if posted.checked >= index {
            return (posted.sheet.clone(), posted.checked);
        }
        posted.checked = index;
        // What has not changed has the same index of its last change, as long as the history is the same; it is within a server's life.
        let old = &posted.sheet;
        let answer = match view.marks(state) {
            Some(marks) if marks == old.answer.marks => return (old.clone(), index),
            Some(marks) if marks.changed == old.answer.marks.changed => Answer { marks, rows: old.answer.rows.clone() },
            Some(_) | None => view.answer(state),
        };
        let delta = Delta::between(&old.answer, &answer);
        if delta.as_ref().is_none_or(|delta| !delta.is_idle(&old.answer)) {
            self.serial += 1;
            let step = delta.map(|delta| (old.serial, delta.encode()));
            posted.sheet = Arc::new(Sheet { serial: self.serial, answer, step, whole: OnceLock::new() });
        }
        (posted.sheet.clone(), index)
    }

    /// Takes down what nobody holds any more.
    pub fn tidy(&mut self) {
        self.posted.retain(|_, posted| Arc::strong_count(&posted.sheet) > 1);
    }
}
