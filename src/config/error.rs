//! Why a configuration was refused: everything that is wrong with it at once, each by key, value and rule.

use std::fmt;

/// One thing wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The text is not JSON or HCL.
    #[error("{0}")]
    Syntax(String),
    /// A key nobody knows, by its dotted name. The wording up to the semicolon is what tools built on Consul look for.
    #[error("invalid config key {key}{}", hint(.nearest))]
    UnknownKey {
        /// The dotted name.
        key: String,
        /// The known key most like it.
        nearest: Option<&'static str>,
    },
    /// A value of the wrong type, out of bounds or at odds with another key.
    #[error("{key} {value} {rule}")]
    Value {
        /// The dotted name.
        key: String,
        /// What was given, as it would be written.
        value: String,
        /// The rule it breaks.
        rule: String,
    },
    /// A rule over several keys, or one whose wording operators know from Consul.
    #[error("{0}")]
    Rule(String),
    /// A key that asks for protection which is not there: starting anyway would open what was meant to be closed.
    #[error(
        "{key} asks for {what}, which this version does not have: refusing to start rather than run unprotected. Remove {key} to start without"
    )]
    Unprotected {
        /// The dotted name.
        key: &'static str,
        /// What it would have given.
        what: &'static str,
    },
}

fn hint(nearest: &Option<&'static str>) -> String {
    nearest.map(|known| format!("; did you mean {known}?")).unwrap_or_default()
}

impl Problem {
    /// A value that breaks a rule.
    pub(super) fn value(key: &str, value: impl fmt::Display, rule: impl Into<String>) -> Problem {
        Problem::Value { key: key.to_owned(), value: value.to_string(), rule: rule.into() }
    }
}

/// A refused configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file, fragment or flag that was not understood; `None` when all of them together break a rule.
    pub source: Option<String>,
    /// What is wrong, in the order it was found. Never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = &self.source {
            write!(f, "failed to parse {source}: ")?;
        } else if let [only] = self.problems.as_slice() {
            return only.fmt(f);
        }
        let count = self.problems.len();
        write!(f, "{count} error{} occurred:", if count == 1 { "" } else { "s" })?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n\t* {problem}"))
    }
}

impl std::error::Error for ConfigError {}
