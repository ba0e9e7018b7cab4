//! What an expression can ask of a kind of record.

use super::{FilterError, Operator};

/// A field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name, as selectors write it.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

impl Field {
    /// A field.
    pub const fn new(name: &'static str, kind: Kind) -> Field {
        Field { name, kind }
    }
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A truth value.
    Boolean,
    /// A list of texts.
    Texts,
    /// Texts by key.
    TextMap,
    /// A record of its own.
    Record(&'static [Field]),
    /// A list of records: a selector through it holds if it holds for any of them.
    Records(&'static [Field]),
    /// Records by key.
    RecordMap(&'static [Field]),
}

impl Kind {
    fn can(self, operator: Operator) -> bool {
        match operator {
            Operator::Equal | Operator::NotEqual => matches!(self, Kind::Text | Kind::Integer | Kind::Boolean),
            Operator::In | Operator::NotIn => matches!(self, Kind::Text | Kind::Texts | Kind::TextMap | Kind::RecordMap(_)),
            Operator::IsEmpty | Operator::IsNotEmpty => {
                matches!(self, Kind::Texts | Kind::TextMap | Kind::Records(_) | Kind::RecordMap(_))
            }
            Operator::Matches | Operator::NotMatches => matches!(self, Kind::Text),
        }
    }
}

/// A step of a selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// To a field of a record.
    Field(&'static str),
    /// To what a map has under a key.
    Key(Box<str>),
}

/// Finds a selector's way through the fields, and what is at its end.
pub(super) fn resolve(selector: &[String], fields: &'static [Field]) -> Result<(Vec<Step>, Kind), FilterError> {
    let mut kind = Kind::Record(fields);
    let mut steps = Vec::with_capacity(selector.len());
    for (at, name) in selector.iter().enumerate() {
        let unknown = || FilterError::Selector(selector[..=at].join("."));
        kind = match kind {
            Kind::Record(fields) | Kind::Records(fields) => {
                let field = fields.iter().find(|field| field.name == name).ok_or_else(unknown)?;
                steps.push(Step::Field(field.name));
                field.kind
            }
            Kind::TextMap => {
                steps.push(Step::Key(name.as_str().into()));
                Kind::Text
            }
            Kind::RecordMap(fields) => {
                steps.push(Step::Key(name.as_str().into()));
                Kind::Record(fields)
            }
            Kind::Text | Kind::Integer | Kind::Boolean | Kind::Texts => return Err(unknown()),
        };
    }
    Ok((steps, kind))
}

/// Whether a field at the end of a selector can tell what is asked of it.
pub(super) fn check(selector: &[String], kind: Kind, operator: Operator) -> Result<(), FilterError> {
    if kind.can(operator) {
        return Ok(());
    }
    Err(FilterError::Operator { operator: operator.as_str().to_owned(), selector: selector.join(".") })
}
