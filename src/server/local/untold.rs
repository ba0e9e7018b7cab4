//! Writes to the catalog that come to nothing again and again: whoever operates the agent must hear of that, and once is enough.

use crate::server::wire::Refusal;
use crate::state::CatalogCommand;
use std::collections::BTreeMap;

/// Failures in a row, for the same reason, after which it is told. The first may be a change of leaders, which mends itself.
const TELL_AT: u32 = 2;

/// Most rows remembered. What fails beyond is not told before another row succeeds.
const MOST_ROWS: usize = 1024;

/// What could not be told to the catalog, by the row, and why.
#[derive(Debug, Default)]
pub(super) struct Untold {
    rows: BTreeMap<String, Failure>,
}

#[derive(Debug)]
struct Failure {
    reason: String,
    times: u32,
}

impl Untold {
    /// A write of this row failed. Whether that is to be told now: once for each row and reason.
    pub fn failed(&mut self, row: &str, refusal: &Refusal) -> bool {
        let reason = match refusal {
            // There is nobody to be told, which is told elsewhere.
            Refusal::NotLeader(_) | Refusal::NoLeader | Refusal::NoServers | Refusal::NoPath => return false,
            Refusal::Full(reason) | Refusal::Unknown(reason) | Refusal::Refused(reason) => reason,
        };
        if self.rows.len() >= MOST_ROWS && !self.rows.contains_key(row) {
            return false;
        }
        let failure = self.rows.entry(row.to_owned()).or_insert_with(|| Failure { reason: String::new(), times: 0 });
        if failure.reason != *reason {
            *failure = Failure { reason: reason.clone(), times: 0 };
        }
        failure.times = failure.times.saturating_add(1);
        failure.times == TELL_AT
    }

    /// A write of this row got through.
    pub fn told(&mut self, row: &str) {
        self.rows.remove(row);
    }
}

/// What a write is about, as the log names it: the service, or the first of its checks, or the node.
pub(super) fn row_of(command: &CatalogCommand) -> String {
    match command {
        CatalogCommand::Register { service: Some(service), .. } => format!("service {:?}", service.id),
        CatalogCommand::Register { service: None, checks, .. } => match checks.first() {
            Some(check) => format!("check {:?}", check.id),
            None => "the node".to_owned(),
        },
        CatalogCommand::DeregisterNode { .. } => "the node".to_owned(),
        CatalogCommand::DeregisterService { service, .. } => format!("service {service:?}"),
        CatalogCommand::DeregisterCheck { check, .. } => format!("check {check:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_ROWS, Untold};
    use crate::server::wire::Refusal;

    fn full(why: &str) -> Refusal {
        Refusal::Full(why.to_owned())
    }

    #[test]
    fn what_fails_again_is_told_once_for_each_reason() {
        let mut untold = Untold::default();
        let told: Vec<bool> = ["disk", "disk", "disk", "size", "size", "disk"].iter().map(|why| untold.failed("a", &full(why))).collect();
        assert_eq!(told, [false, true, false, false, true, false]);
        assert!(!untold.failed("b", &full("size")), "another row counts for itself");
    }

    #[test]
    fn a_row_that_got_through_begins_anew() {
        let mut untold = Untold::default();
        for _ in 0..3 {
            assert!(!untold.failed("a", &full("disk")));
            assert!(untold.failed("a", &full("disk")));
            untold.told("a");
        }
    }

    #[test]
    fn nobody_to_tell_is_no_refusal() {
        let mut untold = Untold::default();
        for refusal in [Refusal::NoLeader, Refusal::NoServers, Refusal::NoPath, Refusal::NotLeader(None)] {
            assert!((0..5).all(|_| !untold.failed("a", &refusal)));
        }
    }

    #[test]
    fn rows_are_bounded() {
        let mut untold = Untold::default();
        for n in 0..=MOST_ROWS {
            untold.failed(&n.to_string(), &full("disk"));
        }
        assert_eq!(untold.rows.len(), MOST_ROWS);
        assert!(untold.failed("0", &full("disk")), "those that are known are still told");
    }
}
