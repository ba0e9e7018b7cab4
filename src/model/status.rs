//! How a check stands.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// How a check stands, as an agent judges it. Ordered from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CheckStatus {
    /// All is well.
    Passing,
    /// Not well, still usable.
    Warning,
    /// Not usable.
    Critical,
}

impl CheckStatus {
    /// The word clients see.
    pub const fn as_str(self) -> &'static str {
        match self {
            CheckStatus::Passing => "passing",
            CheckStatus::Warning => "warning",
            CheckStatus::Critical => "critical",
        }
    }

    /// The status a word names.
    pub fn parse(word: &str) -> Option<CheckStatus> {
        [CheckStatus::Passing, CheckStatus::Warning, CheckStatus::Critical].into_iter().find(|status| status.as_str() == word)
    }
}

impl fmt::Display for CheckStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a check stands, as the catalog has it: whoever registers there may write any word, which is then as good as not passing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CatalogStatus {
    /// One that agents use.
    Known(CheckStatus),
    /// Another word.
    Word(Arc<str>),
}

impl CatalogStatus {
    /// The status of that word; the empty one, as of a check that nobody has run yet, is critical.
    pub fn parse(word: &str) -> CatalogStatus {
        match CheckStatus::parse(word) {
            Some(status) => CatalogStatus::Known(status),
            None if word.is_empty() => CatalogStatus::Known(CheckStatus::Critical),
            None => CatalogStatus::Word(word.into()),
        }
    }

    /// The word clients see.
    pub fn as_str(&self) -> &str {
        match self {
            CatalogStatus::Known(status) => status.as_str(),
            CatalogStatus::Word(word) => word,
        }
    }

    /// Whether it is [`CheckStatus::Passing`].
    pub fn is_passing(&self) -> bool {
        *self == CheckStatus::Passing
    }

    /// Whether it is [`CheckStatus::Critical`].
    pub fn is_critical(&self) -> bool {
        *self == CheckStatus::Critical
    }
}

impl PartialEq<CheckStatus> for CatalogStatus {
    fn eq(&self, other: &CheckStatus) -> bool {
        matches!(self, CatalogStatus::Known(status) if status == other)
    }
}

impl From<CheckStatus> for CatalogStatus {
    fn from(status: CheckStatus) -> CatalogStatus {
        CatalogStatus::Known(status)
    }
}

#[cfg(test)]
mod tests {
    use super::{CatalogStatus, CheckStatus};

    #[test]
    fn a_word_nobody_uses_is_kept_and_does_not_pass() {
        let weird = CatalogStatus::parse("weird");
        assert_eq!((weird.as_str(), weird.is_passing()), ("weird", false));
        assert_eq!(CatalogStatus::parse(""), CheckStatus::Critical);
        assert!(CatalogStatus::parse("passing").is_passing());
    }

    #[test]
    fn the_worse_of_two_is_the_greater() {
        assert!(CheckStatus::Critical > CheckStatus::Warning && CheckStatus::Warning > CheckStatus::Passing);
    }
}
