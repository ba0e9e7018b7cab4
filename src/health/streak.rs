//! How many results in a row it takes.

use crate::model::{CheckStatus, Thresholds};

/// Results of a kind in a row. Before the first result both counts stand as if they were reached: the first result always counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Streak {
    /// Nothing was found yet.
    #[default]
    Fresh,
    /// So many successes (passing or warning) in a row.
    Good(u32),
    /// So many failures in a row.
    Bad(u32),
}

impl Streak {
    /// Counts a result. Gives the status to take on; `None` if the old one stands until there are more of the kind.
    pub fn count(&mut self, found: CheckStatus, thresholds: &Thresholds) -> Option<CheckStatus> {
        match found {
            CheckStatus::Passing | CheckStatus::Warning => {
                let reached = self.good() >= thresholds.success_before_passing;
                reached.then_some(found)
            }
            CheckStatus::Critical => {
                let failures = self.bad();
                let warning = thresholds.failures_before_warning.unwrap_or(thresholds.failures_before_critical);
                match failures {
                    n if n >= thresholds.failures_before_critical => Some(CheckStatus::Critical),
                    n if n >= warning => Some(CheckStatus::Warning),
                    _ => None,
                }
            }
        }
    }

    fn good(&mut self) -> u32 {
        let count = match *self {
            Streak::Fresh => u32::MAX,
            Streak::Good(count) => count.saturating_add(1),
            Streak::Bad(_) => 1,
        };
        *self = Streak::Good(count);
        count
    }

    fn bad(&mut self) -> u32 {
        let count = match *self {
            Streak::Fresh => u32::MAX,
            Streak::Bad(count) => count.saturating_add(1),
            Streak::Good(_) => 1,
        };
        *self = Streak::Bad(count);
        count
    }
}

#[cfg(test)]
mod tests {
    use super::Streak;
    use crate::model::CheckStatus::{self, Critical, Passing, Warning};
    use crate::model::Thresholds;

    fn told(found: &[CheckStatus], thresholds: Thresholds) -> Vec<Option<CheckStatus>> {
        let mut streak = Streak::default();
        found.iter().map(|status| streak.count(*status, &thresholds)).collect()
    }

    #[test]
    fn the_first_result_counts_whatever_the_thresholds_are() {
        let slow = Thresholds { success_before_passing: 3, failures_before_warning: None, failures_before_critical: 3 };
        assert_eq!(told(&[Passing], slow), [Some(Passing)]);
        assert_eq!(told(&[Critical], slow), [Some(Critical)]);
    }

    #[test]
    fn without_thresholds_every_result_counts() {
        let all = [Passing, Critical, Warning, Critical, Passing];
        assert_eq!(told(&all, Thresholds::default()), all.map(Some));
    }

    #[test]
    fn failures_warn_first_and_are_critical_later() {
        let thresholds = Thresholds { success_before_passing: 2, failures_before_warning: Some(2), failures_before_critical: 4 };
        let found = [Passing, Critical, Critical, Critical, Critical, Critical, Warning, Passing];
        let expected = [Some(Passing), None, Some(Warning), Some(Warning), Some(Critical), Some(Critical), None, Some(Passing)];
        assert_eq!(told(&found, thresholds), expected);
    }

    #[test]
    fn a_success_in_between_begins_the_count_of_failures_anew() {
        let thresholds = Thresholds { success_before_passing: 0, failures_before_warning: None, failures_before_critical: 2 };
        let found = [Passing, Critical, Warning, Critical, Critical];
        assert_eq!(told(&found, thresholds), [Some(Passing), None, Some(Warning), None, Some(Critical)]);
    }

    #[test]
    fn a_warning_counts_as_a_success() {
        let thresholds = Thresholds { success_before_passing: 2, failures_before_warning: None, failures_before_critical: 0 };
        assert_eq!(told(&[Critical, Warning, Passing], thresholds), [Some(Critical), None, Some(Passing)]);
    }
}
