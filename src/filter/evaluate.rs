//! Expressions made ready for one kind of record, and applied.

use super::coerce::{boolean, integer};
use super::fields::{self, Field, Kind, Step};
use super::{Expression, FilterError, LARGEST_REGEX, Match, Operator, Record, Value};
use regex::{Regex, RegexBuilder};

/// How deeply groups of a regular expression may be nested.
const DEEPEST_REGEX: u32 = 100;

/// An expression whose selectors are found and whose values have the type of their fields.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Any(Vec<Node>),
    All(Vec<Node>),
    Not(Box<Node>),
    Test(Test),
}

/// A statement about a field.
#[derive(Debug, Clone)]
pub(super) struct Test {
    steps: Vec<Step>,
    asked: Asked,
    sense: Sense,
    /// What it is if a map has nothing under a key of the selector.
    absent: bool,
}

/// What is asked of a field.
#[derive(Debug, Clone)]
enum Asked {
    Text(String),
    Integer(i64),
    Boolean(bool),
    /// A text in it, an element or a key.
    Has(String),
    Empty,
    Regex(Regex),
}

/// Whether the answer counts as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sense {
    Plain,
    Negated,
}

impl Node {
    pub(super) fn compile(expression: &Expression, fields: &'static [Field]) -> Result<Node, FilterError> {
        let all = |parts: &[Expression]| parts.iter().map(|part| Node::compile(part, fields)).collect::<Result<Vec<Node>, _>>();
        Ok(match expression {
            Expression::Or(parts) => Node::Any(all(parts)?),
            Expression::And(parts) => Node::All(all(parts)?),
            Expression::Not(inner) => Node::Not(Box::new(Node::compile(inner, fields)?)),
            Expression::Match(one) => Node::Test(Test::compile(one, fields)?),
        })
    }

    pub(super) fn takes(&self, record: &dyn Record) -> bool {
        match self {
            Node::Any(parts) => parts.iter().any(|part| part.takes(record)),
            Node::All(parts) => parts.iter().all(|part| part.takes(record)),
            Node::Not(inner) => !inner.takes(record),
            Node::Test(test) => test.holds(Value::Record(record), &test.steps),
        }
    }
}

impl Test {
    fn compile(one: &Match, fields: &'static [Field]) -> Result<Test, FilterError> {
        let (steps, kind) = fields::resolve(&one.selector, fields)?;
        fields::check(&one.selector, kind, one.operator)?;
        let sense = match one.operator {
            Operator::Equal | Operator::In | Operator::IsEmpty | Operator::Matches => Sense::Plain,
            Operator::NotEqual | Operator::NotIn | Operator::IsNotEmpty | Operator::NotMatches => Sense::Negated,
        };
        // `matches` too holds of what is not there: the original forgot it among those that do not.
        let absent = !matches!(one.operator, Operator::Equal | Operator::In | Operator::IsNotEmpty);
        Ok(Test { steps, asked: Asked::compile(one, kind)?, sense, absent })
    }

    fn holds(&self, value: Value<'_>, steps: &[Step]) -> bool {
        match (value, steps.split_first()) {
            (value, None) => self.answer(value),
            (Value::Record(record), Some((Step::Field(name), rest))) => record.field(name, &mut |value| self.holds(value, rest)),
            (Value::Records(records), Some((Step::Field(_), _))) => records.any(&mut |record| self.holds(Value::Record(record), steps)),
            (Value::TextMap(map), Some((Step::Key(key), rest))) => match map.get(key) {
                Some(text) => self.holds(Value::Text(text), rest),
                None => self.absent,
            },
            (Value::RecordMap(map), Some((Step::Key(key), rest))) => match map.get(key) {
                Some(record) => self.holds(Value::Record(record), rest),
                None => self.absent,
            },
            // The record is not of the kind the expression was made for.
            (_, Some(_)) => false,
        }
    }

    fn answer(&self, value: Value<'_>) -> bool {
        let holds = match (&self.asked, value) {
            (Asked::Text(asked), Value::Text(text)) => asked == text,
            (Asked::Integer(asked), Value::Integer(number)) => *asked == number,
            (Asked::Boolean(asked), Value::Boolean(truth)) => *asked == truth,
            (Asked::Has(asked), Value::Text(text)) => text.contains(asked.as_str()),
            (Asked::Has(asked), Value::Texts(texts)) => texts.contains(asked),
            (Asked::Has(asked), Value::TextMap(map)) => map.get(asked).is_some(),
            (Asked::Has(asked), Value::RecordMap(map)) => map.get(asked).is_some(),
            (Asked::Empty, Value::Texts(texts)) => texts.is_empty(),
            (Asked::Empty, Value::TextMap(map)) => map.is_empty(),
            (Asked::Empty, Value::Records(records)) => records.is_empty(),
            (Asked::Empty, Value::RecordMap(map)) => map.is_empty(),
            (Asked::Regex(regex), Value::Text(text)) => regex.is_match(text),
            // As above: no statement about it holds, negated or not.
            _ => return false,
        };
        holds == (self.sense == Sense::Plain)
    }
}

impl Asked {
    fn compile(one: &Match, kind: Kind) -> Result<Asked, FilterError> {
        let value = || one.value.clone();
        let refused = |why| FilterError::Value { value: value(), selector: one.selector.join("."), why };
        Ok(match one.operator {
            Operator::IsEmpty | Operator::IsNotEmpty => Asked::Empty,
            Operator::In | Operator::NotIn => Asked::Has(value()),
            Operator::Matches | Operator::NotMatches => Asked::Regex(regex(&one.value)?),
            Operator::Equal | Operator::NotEqual => match kind {
                Kind::Integer => Asked::Integer(integer(&one.value).map_err(refused)?),
                Kind::Boolean => Asked::Boolean(boolean(&one.value).map_err(refused)?),
                // No other kind is compared: `fields::check` has seen to that.
                Kind::Text | Kind::Texts | Kind::TextMap | Kind::Record(_) | Kind::Records(_) | Kind::RecordMap(_) => Asked::Text(value()),
            },
        })
    }
}

/// A regular expression of RE2's language, matched in linear time.
fn regex(expression: &str) -> Result<Regex, FilterError> {
    let built = RegexBuilder::new(expression).size_limit(LARGEST_REGEX).nest_limit(DEEPEST_REGEX).build();
    built.map_err(|error| {
        let why = match &error {
            regex::Error::CompiledTooBig(_) => "expression too large".to_owned(),
            // The last line tells what is wrong; those before it draw where.
            error => error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
        };
        FilterError::Regex { expression: expression.to_owned(), why }
    })
}
