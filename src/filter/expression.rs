//! Expressions as they were written.

use super::{FilterError, grammar};
use crate::model::quote;
use std::fmt::{self, Display, Formatter};

/// An expression that parses. Whether it fits any record is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// One of them holds; two at least.
    Or(Vec<Expression>),
    /// All of them hold; two at least.
    And(Vec<Expression>),
    /// It does not hold.
    Not(Box<Expression>),
    /// A field is as stated.
    Match(Match),
}

/// A statement about a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The way to the field, one name at least.
    pub selector: Vec<String>,
    /// What is stated.
    pub operator: Operator,
    /// With what it is compared; empty for [`Operator::IsEmpty`] and [`Operator::IsNotEmpty`].
    pub value: String,
}

/// What can be stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `V in S`, `S contains V`
    In,
    /// `V not in S`, `S not contains V`
    NotIn,
    /// `is empty`
    IsEmpty,
    /// `is not empty`
    IsNotEmpty,
    /// `matches`
    Matches,
    /// `not matches`
    NotMatches,
}

impl Operator {
    /// The operator's name in refusals.
    pub const fn as_str(self) -> &'static str {
        match self {
            Operator::Equal => "Equal",
            Operator::NotEqual => "Not Equal",
            Operator::In => "In",
            Operator::NotIn => "Not In",
            Operator::IsEmpty => "Is Empty",
            Operator::IsNotEmpty => "Is Not Empty",
            Operator::Matches => "Matches",
            Operator::NotMatches => "Not Matches",
        }
    }
}

impl Expression {
    /// Parses an expression.
    ///
    /// # Errors
    /// It does not parse, or is too long or nested too deeply.
    pub fn parse(text: &str) -> Result<Expression, FilterError> {
        grammar::parse(text)
    }

    /// How many regular expressions are in it.
    pub(super) fn regexes(&self) -> usize {
        match self {
            Expression::Or(parts) | Expression::And(parts) => parts.iter().map(Expression::regexes).sum(),
            Expression::Not(inner) => inner.regexes(),
            Expression::Match(one) => usize::from(matches!(one.operator, Operator::Matches | Operator::NotMatches)),
        }
    }
}

/// Writes a form that parses to the same expression.
impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Expression::Or(parts) => joined(f, parts, " or "),
            Expression::And(parts) => joined(f, parts, " and "),
            Expression::Not(inner) => write!(f, "not {}", Grouped(inner)),
            Expression::Match(one) => one.fmt(f),
        }
    }
}

fn joined(f: &mut Formatter<'_>, parts: &[Expression], word: &str) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(word)?;
        }
        Grouped(part).fmt(f)?;
    }
    Ok(())
}

/// An expression in parentheses unless it is one match.
struct Grouped<'a>(&'a Expression);

impl Display for Grouped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Expression::Match(one) => one.fmt(f),
            Expression::Not(_) | Expression::And(_) | Expression::Or(_) => write!(f, "({})", self.0),
        }
    }
}

impl Display for Match {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (path, value) = (Path(&self.selector), Literal(&self.value));
        match self.operator {
            Operator::Equal => write!(f, "{path} == {value}"),
            Operator::NotEqual => write!(f, "{path} != {value}"),
            Operator::In => write!(f, "{value} in {path}"),
            Operator::NotIn => write!(f, "{value} not in {path}"),
            Operator::IsEmpty => write!(f, "{path} is empty"),
            Operator::IsNotEmpty => write!(f, "{path} is not empty"),
            Operator::Matches => write!(f, "{path} matches {value}"),
            Operator::NotMatches => write!(f, "{path} not matches {value}"),
        }
    }
}

struct Path<'a>(&'a [String]);

impl Display for Path<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, name) in self.0.iter().enumerate() {
            match at {
                0 => f.write_str(name)?,
                _ => write!(f, "[{}]", Literal(name))?,
            }
        }
        Ok(())
    }
}

struct Literal<'a>(&'a str);

impl Display for Literal<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for (at, part) in self.0.split('"').enumerate() {
            // A literal ends at the first quote, even one behind a backslash.
            let between = if at > 0 { "\\x22" } else { "" };
            write!(f, "{between}{}", quote(part).trim_matches('"'))?;
        }
        f.write_str("\"")
    }
}
