//! One word for the checks of a service.

use super::LocalCheck;
use super::maintenance::is_maintenance;
use crate::model::CheckStatus;

/// How a service stands with its node, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Every check passes, or there is none.
    Passing,
    /// One warns.
    Warning,
    /// One is critical.
    Critical,
    /// It or its node was taken out of use.
    Maintenance,
}

impl Standing {
    /// The worst of these checks.
    pub fn of<'a>(checks: impl Iterator<Item = &'a LocalCheck>) -> Standing {
        checks.map(Standing::of_one).max().unwrap_or(Standing::Passing)
    }

    fn of_one(check: &LocalCheck) -> Standing {
        match check.status {
            _ if is_maintenance(&check.definition.id) => Standing::Maintenance,
            CheckStatus::Passing => Standing::Passing,
            CheckStatus::Warning => Standing::Warning,
            CheckStatus::Critical => Standing::Critical,
        }
    }

    /// The word clients see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Standing::Passing => "passing",
            Standing::Warning => "warning",
            Standing::Critical => "critical",
            Standing::Maintenance => "maintenance",
        }
    }
}
