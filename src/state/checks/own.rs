//! The checks of one instance, or of a node itself, where whoever reads the row finds them.

use super::Check;
use std::sync::Arc;

/// Checks by id: none or one, as a rule. Sixteen bytes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Own {
    /// No check.
    #[default]
    None,
    /// One check.
    One(Arc<Check>),
    /// More than one.
    Many(Arc<Vec<Arc<Check>>>),
}

impl Own {
    /// All of them.
    pub(crate) fn as_slice(&self) -> &[Arc<Check>] {
        match self {
            Own::None => &[],
            Own::One(check) => std::slice::from_ref(check),
            Own::Many(checks) => checks,
        }
    }
}

impl FromIterator<Arc<Check>> for Own {
    fn from_iter<I: IntoIterator<Item = Arc<Check>>>(checks: I) -> Own {
        let mut checks = checks.into_iter();
        match (checks.next(), checks.next()) {
            (None, _) => Own::None,
            (Some(check), None) => Own::One(check),
            (Some(first), Some(second)) => Own::Many(Arc::new([first, second].into_iter().chain(checks).collect())),
        }
    }
}
