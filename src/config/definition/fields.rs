//! Takes an object's fields by name, in either way that definitions are written.

use super::error::{DefinitionError, Mistake};
use super::value::Value;
use crate::config::nearest;
use crate::model::duration;
use std::collections::BTreeMap;
use std::time::Duration;

/// How a definition is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// As the body of a request: Go's names without regard to case, durations as text or nanoseconds.
    Http,
    /// As a block of a configuration file: `snake_case` or Go's names, durations as text with a unit.
    File,
}

/// Go's types that a number may be too large for, or not whole.
const NUMBERS: [&str; 2] = ["int", "uint64"];

/// Objects that Consul decodes through a struct without a name, so that its errors name their fields alone.
const NAMELESS: [&str; 5] = ["ServiceDefinition", "CheckDefinition", "CheckType", "NodeService", "HealthCheckDefinition"];

/// A field and how it may be spelt.
#[derive(Debug)]
pub(crate) struct Field {
    /// Go's name, which is the field's name here.
    pub(crate) name: &'static str,
    /// In files, where it may also be written without the underscores.
    pub(crate) file: &'static str,
    /// What else it may be called, in requests and in files.
    aliases: &'static [&'static str],
}

/// A field whose name in files is not taken in requests.
pub(crate) const fn field(name: &'static str, file: &'static str) -> Field {
    Field { name, file, aliases: &[] }
}

/// A field with further names that are taken everywhere.
pub(crate) const fn aliased(name: &'static str, file: &'static str, aliases: &'static [&'static str]) -> Field {
    Field { name, file, aliases }
}

impl Field {
    fn is_called(&self, given: &str, dialect: Dialect) -> bool {
        let among_aliases = self.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(given));
        let spelt = match dialect {
            Dialect::Http => self.name.eq_ignore_ascii_case(given),
            Dialect::File => {
                let given = given.to_ascii_lowercase();
                given == self.file || given == self.file.replace('_', "")
            }
        };
        spelt || among_aliases
    }
}

/// The fields an object may have.
#[derive(Debug)]
pub(crate) struct Shape {
    /// What Go calls it, for errors.
    pub(crate) name: &'static str,
    /// Its fields, in groups that shapes share.
    pub(crate) fields: &'static [&'static [Field]],
}

impl Shape {
    /// `value` without the fields that an object of this shape does not have: for the few bodies in which Consul overlooks them.
    pub(crate) fn overlook_unknown(&self, value: &Value) -> Value {
        let is_known = |name: &str| self.fields.iter().copied().flatten().any(|field| field.is_called(name, Dialect::Http));
        match value {
            Value::Object(given) => Value::Object(given.iter().filter(|(name, _)| is_known(name)).cloned().collect()),
            other => other.clone(),
        }
    }
}

/// The fields of one object.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    pub(crate) dialect: Dialect,
    /// The object's own path, empty at the root.
    pub(crate) path: String,
    shape: &'static Shape,
    found: BTreeMap<&'static str, &'a Value>,
}

impl<'a> Fields<'a> {
    /// Takes an object apart. Null has no fields; a field that is not in the shape is refused by name.
    pub(crate) fn open(value: &'a Value, shape: &'static Shape, dialect: Dialect, path: String) -> Result<Fields<'a>, DefinitionError> {
        let mut fields = Fields { dialect, path, shape, found: BTreeMap::new() };
        match value {
            Value::Null => {}
            Value::Object(given) => fields.take_in(given)?,
            // HCL makes a list of a repeated block.
            Value::List(blocks) if dialect == Dialect::File && !blocks.is_empty() => {
                for block in blocks {
                    let Value::Object(given) = block else { return Err(fields.no_object(block)) };
                    fields.take_in(given)?;
                }
            }
            Value::Bool(_) | Value::Int(_) | Value::Big(_) | Value::Float(_) | Value::Text(_) | Value::List(_) => {
                return Err(fields.no_object(value));
            }
        }
        Ok(fields)
    }

    fn no_object(&self, found: &Value) -> DefinitionError {
        let text = match self.dialect {
            Dialect::Http => format!("json: cannot unmarshal {} into Go value of type structs.{}", found.json_kind(), self.shape.name),
            Dialect::File => format!("must be a block, not {}", found.kind()),
        };
        DefinitionError::unreadable(self.path.clone(), text)
    }

    fn take_in(&mut self, given: &'a [(String, Value)]) -> Result<(), DefinitionError> {
        for (name, value) in given {
            let known = self.shape.fields.iter().copied().flatten().find(|field| field.is_called(name, self.dialect));
            let known = known.ok_or_else(|| self.unknown(name))?;
            if *value != Value::Null {
                self.found.insert(known.name, value);
            }
        }
        Ok(())
    }

    fn unknown(&self, name: &str) -> DefinitionError {
        let field = self.path_to(name);
        match self.dialect {
            Dialect::Http => DefinitionError::unreadable(field, format!("json: unknown field {}", crate::model::quote(name))),
            Dialect::File => {
                let known = self.shape.fields.iter().copied().flatten().map(|field| field.file);
                let near = nearest(&name.to_ascii_lowercase(), known);
                let text = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
                DefinitionError { mistake: Mistake::UnknownKey, field, text }
            }
        }
    }

    fn path_to(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// A field's path, as its dialect spells it.
    pub(crate) fn path_of(&self, field: &'static str) -> String {
        let known = self.shape.fields.iter().copied().flatten().find(|known| known.name == field);
        let known = known.unwrap_or_else(|| panic!("{} has no field {field}", self.shape.name));
        self.path_to(match self.dialect {
            Dialect::Http => known.name,
            Dialect::File => known.file,
        })
    }

    /// A field's value, if it is given and not null.
    pub(crate) fn given(&self, field: &'static str) -> Option<&'a Value> {
        debug_assert!(self.shape.fields.iter().copied().flatten().any(|known| known.name == field), "{field}");
        self.found.get(field).copied()
    }

    /// That a field breaks a rule.
    pub(crate) fn broken(&self, field: &'static str, text: impl Into<String>) -> DefinitionError {
        DefinitionError::rule(self.path_of(field), text)
    }

    /// That a value is of the wrong type: Go's name of the right one, and ours.
    fn wrong(&self, field: &'static str, value: &Value, go: &str, ours: &str) -> DefinitionError {
        let text = match self.dialect {
            Dialect::Http => {
                let kind = if NUMBERS.contains(&go) { value.json_kind_or_number() } else { value.json_kind().to_owned() };
                let within = if NAMELESS.contains(&self.shape.name) { "" } else { self.shape.name };
                format!("json: cannot unmarshal {kind} into Go struct field {within}.{field} of type {go}")
            }
            Dialect::File => format!("must be {ours}, not {}", value.kind()),
        };
        DefinitionError::unreadable(self.path_of(field), text)
    }

    /// A text; empty if it is not given.
    pub(crate) fn text(&self, field: &'static str) -> Result<String, DefinitionError> {
        match self.given(field) {
            None => Ok(String::new()),
            Some(Value::Text(text)) => Ok(text.clone()),
            Some(other) => Err(self.wrong(field, other, "string", "a string")),
        }
    }

    /// A switch.
    pub(crate) fn switch(&self, field: &'static str) -> Result<Option<bool>, DefinitionError> {
        match self.given(field) {
            None => Ok(None),
            Some(Value::Bool(on)) => Ok(Some(*on)),
            Some(other) => Err(self.wrong(field, other, "bool", "true or false")),
        }
    }

    /// A whole number.
    pub(crate) fn int(&self, field: &'static str) -> Result<Option<i64>, DefinitionError> {
        match self.given(field) {
            None => Ok(None),
            Some(Value::Int(n)) => Ok(Some(*n)),
            Some(other) => Err(self.wrong(field, other, "int", "a whole number")),
        }
    }

    /// A number of 64 bits without a sign.
    pub(crate) fn unsigned(&self, field: &'static str) -> Result<Option<u64>, DefinitionError> {
        match self.given(field) {
            None => Ok(None),
            Some(Value::Int(n)) if *n >= 0 => Ok(Some(n.unsigned_abs())),
            Some(Value::Big(n)) => Ok(Some(*n)),
            Some(other) => Err(self.wrong(field, other, "uint64", "a whole number, zero or more")),
        }
    }

    /// How often; below zero is refused, which Consul takes for zero.
    pub(crate) fn count(&self, field: &'static str) -> Result<Option<u32>, DefinitionError> {
        let Some(n) = self.int(field)? else { return Ok(None) };
        let count = u32::try_from(n).map_err(|_| self.broken(field, format!("{n} must be between 0 and {}", u32::MAX)))?;
        Ok(Some(count))
    }

    /// A duration; zero if it is not given, and zero too if it is negative, as everything that asks takes it.
    pub(crate) fn span(&self, field: &'static str) -> Result<Duration, DefinitionError> {
        let nanos = |nanos: f64| Duration::from_nanos(nanos as u64);
        match (self.given(field), self.dialect) {
            (None, _) => Ok(Duration::ZERO),
            (Some(Value::Int(n)), Dialect::Http) => Ok(Duration::from_nanos(u64::try_from(*n).unwrap_or(0))),
            (Some(Value::Big(n)), Dialect::Http) => Ok(Duration::from_nanos(*n)),
            (Some(Value::Float(x)), Dialect::Http) => Ok(nanos(*x)),
            (Some(Value::Text(text)), _) => match duration::parse(text) {
                Ok(span) => Ok(span),
                Err(duration::DurationError::Negative(_)) => Ok(Duration::ZERO),
                Err(error) => Err(DefinitionError::unreadable(self.path_of(field), error.to_string())),
            },
            (Some(other), _) => Err(self.wrong(field, other, "time.Duration", "a string with a unit, like \"10s\"")),
        }
    }

    /// A list of texts.
    pub(crate) fn texts(&self, field: &'static str) -> Result<Vec<String>, DefinitionError> {
        match self.given(field) {
            None => Ok(Vec::new()),
            Some(value) => self.texts_in(field, value),
        }
    }

    fn texts_in(&self, field: &'static str, value: &Value) -> Result<Vec<String>, DefinitionError> {
        let Value::List(items) = value else { return Err(self.wrong(field, value, "[]string", "a list of strings")) };
        let text = |item: &Value| match item {
            Value::Text(text) => Ok(text.clone()),
            // Go's decoder leaves the item as it was: empty.
            Value::Null => Ok(String::new()),
            other => Err(self.wrong(field, other, "string", "a list of strings")),
        };
        items.iter().map(text).collect()
    }

    /// The pairs of a map; a repeated key's last value counts.
    pub(crate) fn pairs(&self, field: &'static str) -> Result<Vec<(&'a String, &'a Value)>, DefinitionError> {
        match self.given(field) {
            None => Ok(Vec::new()),
            Some(Value::Object(pairs)) => Ok(pairs.iter().map(|(key, value)| (key, value)).collect()),
            Some(Value::List(blocks)) if self.dialect == Dialect::File => {
                let mut all = Vec::new();
                for block in blocks {
                    let Value::Object(pairs) = block else { return Err(self.wrong(field, block, "map", "a block")) };
                    all.extend(pairs.iter().map(|(key, value)| (key, value)));
                }
                Ok(all)
            }
            Some(other) => Err(self.wrong(field, other, "map[string]string", "a block")),
        }
    }

    /// A map of texts.
    pub(crate) fn text_map(&self, field: &'static str) -> Result<BTreeMap<String, String>, DefinitionError> {
        let mut map = BTreeMap::new();
        for (key, value) in self.pairs(field)? {
            let text = match value {
                Value::Text(text) => text.clone(),
                Value::Null => String::new(),
                other => return Err(self.wrong(field, other, "string", "a block of strings")),
            };
            map.insert(key.clone(), text);
        }
        Ok(map)
    }

    /// A map of lists of texts.
    pub(crate) fn texts_map(&self, field: &'static str) -> Result<BTreeMap<String, Vec<String>>, DefinitionError> {
        let pairs = self.pairs(field)?.into_iter();
        pairs.filter(|(_, value)| **value != Value::Null).map(|(key, value)| Ok((key.clone(), self.texts_in(field, value)?))).collect()
    }

    /// The items of a list of objects with their paths. In a file one object may stand for a list of one.
    pub(crate) fn objects(&self, field: &'static str) -> Result<Vec<(&'a Value, String)>, DefinitionError> {
        let path = self.path_of(field);
        match self.given(field) {
            None => Ok(Vec::new()),
            Some(Value::List(items)) => {
                let items = items.iter().enumerate().filter(|(_, item)| **item != Value::Null);
                Ok(items.map(|(at, item)| (item, format!("{path}[{at}]"))).collect())
            }
            Some(one @ Value::Object(_)) if self.dialect == Dialect::File => Ok(vec![(one, path)]),
            Some(other) => Err(self.wrong(field, other, "[]*structs.CheckType", "a list of blocks")),
        }
    }
}
