//! Floor 1: `filter=` expressions: parsed once, applied to any record that can name its fields.
//!
//! The language, its quirks and its error texts are those of `go-bexpr` 0.1, which Consul 1.10 uses. Its parser tries alternatives without
//! remembering, so that nested parentheses cost it exponential time; ours takes linear time and, at its bounds, refuses.

mod coerce;
mod error;
mod evaluate;
mod expression;
mod fields;
mod grammar;
mod record;
mod scan;

pub use error::FilterError;
pub use expression::{Expression, Match, Operator};
pub use fields::{Field, Kind};
pub use record::{Record, RecordMap, Records, TextMap, Texts, Value};

use evaluate::Node;

/// The longest expression, in bytes.
pub const LONGEST: usize = 8 * 1_024;

/// How deeply parentheses and `not`s may be nested.
pub const DEEPEST: usize = 64;

/// The most memory a compiled regular expression may take, in bytes.
pub const LARGEST_REGEX: usize = 256 * 1_024;

/// How many regular expressions there may be in one expression.
pub const MOST_REGEXES: usize = 16;

/// An expression made ready for records of one kind.
#[derive(Debug, Clone)]
pub struct Filter {
    root: Node,
}

impl Filter {
    /// Parses an expression about records with these fields.
    ///
    /// # Errors
    /// It does not parse, names a field that is not there, asks of a field what its kind cannot tell, or exceeds a bound.
    pub fn parse(text: &str, fields: &'static [Field]) -> Result<Filter, FilterError> {
        let expression = Expression::parse(text)?;
        let regexes = expression.regexes();
        if regexes > MOST_REGEXES {
            return Err(FilterError::TooManyRegexes(regexes));
        }
        Ok(Filter { root: Node::compile(&expression, fields)? })
    }

    /// Whether a record is wanted. It must have the fields the expression was parsed for.
    pub fn takes(&self, record: &dyn Record) -> bool {
        self.root.takes(record)
    }
}

#[cfg(test)]
mod tests;
