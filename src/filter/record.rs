//! Records as an evaluation sees them: fields by name, borrowed from wherever they are.

use crate::model::Pairs;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Something an expression can be about.
pub trait Record {
    /// Hands the field of that name to `judge` and returns its verdict. A name the record's kind does not have is handed [`Value::Nothing`].
    ///
    /// The field is handed on rather than returned so that one that has to be made first needs no memory of its own.
    fn field(&self, name: &str, judge: &mut dyn FnMut(Value<'_>) -> bool) -> bool;
}

/// What a field holds.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// Nothing: no statement about it holds.
    Nothing,
    /// Text.
    Text(&'a str),
    /// A whole number.
    Integer(i64),
    /// A truth value.
    Boolean(bool),
    /// A list of texts.
    Texts(Texts<'a>),
    /// Texts by key.
    TextMap(&'a dyn TextMap),
    /// A record of its own.
    Record(&'a dyn Record),
    /// A list of records.
    Records(&'a dyn Records),
    /// Records by key.
    RecordMap(&'a dyn RecordMap),
}

/// A list of texts.
#[derive(Debug, Clone, Copy)]
pub enum Texts<'a> {
    /// Each of its own.
    Owned(&'a [String]),
    /// Each shared.
    Shared(&'a [Arc<str>]),
}

impl Texts<'_> {
    pub(super) fn contains(&self, text: &str) -> bool {
        match self {
            Texts::Owned(texts) => texts.iter().any(|one| one == text),
            Texts::Shared(texts) => texts.iter().any(|one| **one == *text),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Texts::Owned(texts) => texts.is_empty(),
            Texts::Shared(texts) => texts.is_empty(),
        }
    }
}

/// Texts by key.
pub trait TextMap {
    /// Whether there are none.
    fn is_empty(&self) -> bool;

    /// The text under a key.
    fn get(&self, key: &str) -> Option<&str>;
}

impl TextMap for BTreeMap<String, String> {
    fn is_empty(&self) -> bool {
        BTreeMap::is_empty(self)
    }

    fn get(&self, key: &str) -> Option<&str> {
        BTreeMap::get(self, key).map(String::as_str)
    }
}

impl TextMap for Pairs {
    fn is_empty(&self) -> bool {
        Pairs::is_empty(self)
    }

    fn get(&self, key: &str) -> Option<&str> {
        Pairs::get(self, key)
    }
}

/// A list of records.
pub trait Records {
    /// Whether there are none.
    fn is_empty(&self) -> bool;

    /// Whether `judge` takes any of them.
    fn any(&self, judge: &mut dyn FnMut(&dyn Record) -> bool) -> bool;
}

impl<T: Record> Records for Vec<T> {
    fn is_empty(&self) -> bool {
        Vec::is_empty(self)
    }

    fn any(&self, judge: &mut dyn FnMut(&dyn Record) -> bool) -> bool {
        self.iter().any(|record| judge(record))
    }
}

impl<T: Record> Record for Arc<T> {
    fn field(&self, name: &str, judge: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        (**self).field(name, judge)
    }
}

/// Records by key.
pub trait RecordMap {
    /// Whether there are none.
    fn is_empty(&self) -> bool;

    /// The record under a key.
    fn get(&self, key: &str) -> Option<&dyn Record>;
}

impl<T: Record> RecordMap for BTreeMap<String, T> {
    fn is_empty(&self) -> bool {
        BTreeMap::is_empty(self)
    }

    fn get(&self, key: &str) -> Option<&dyn Record> {
        BTreeMap::get(self, key).map(|record| record as &dyn Record)
    }
}
