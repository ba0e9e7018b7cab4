//! Why an expression was refused.

use super::{DEEPEST, LONGEST, MOST_REGEXES};
use crate::model::quote;

/// Why an expression was refused, in the words clients of Consul know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// It does not parse.
    #[error("{0}")]
    Syntax(String),
    /// It names a field that is not there. The selector is given as far as it is wrong.
    #[error("Selector {} is not valid", quote(.0))]
    Selector(String),
    /// It asks of a field what its kind cannot tell.
    #[error("Invalid match operator {} for selector {}", quote(.operator), quote(.selector))]
    Operator {
        /// What was asked, as [`super::Operator`] is shown.
        operator: String,
        /// Of which field.
        selector: String,
    },
    /// It compares a number or truth value with something else.
    #[error("Failed to coerce value {} for selector {}: {why}", quote(.value), quote(.selector))]
    Value {
        /// What it is compared with.
        value: String,
        /// Which field is.
        selector: String,
        /// What is wrong, in the words of Go's `strconv`.
        why: String,
    },
    /// It matches against what is no regular expression, or too large a one.
    #[error("Failed to compile regular expression {}: error parsing regexp: {why}", quote(.expression))]
    Regex {
        /// The regular expression.
        expression: String,
        /// What is wrong with it.
        why: String,
    },
    /// It is too long (ours).
    #[error("filter: expression of {0} bytes is longer than the {LONGEST} that are taken")]
    TooLong(usize),
    /// It is nested too deeply (ours).
    #[error("filter: expression is nested more deeply than the {DEEPEST} levels that are taken")]
    TooDeep,
    /// It holds too many regular expressions (ours).
    #[error("filter: expression has {0} regular expressions, more than the {MOST_REGEXES} that are taken")]
    TooManyRegexes(usize),
}
