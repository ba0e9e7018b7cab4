//! What a file says before anyone asks whether it makes sense: JSON and HCL both become a [`Tree`].

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// Keys and values of one object.
pub type Object = BTreeMap<String, Tree>;

/// A value without a schema.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// JSON's `null`: as if the key were not there.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// An object or block.
    Object(Object),
}

impl Tree {
    /// Parses JSON. Blank text is an empty object, as Consul takes it.
    pub fn from_json(text: &str) -> Result<Object, String> {
        let text = text.trim_start_matches('\u{feff}');
        if text.trim().is_empty() {
            return Ok(Object::new());
        }
        match serde_json::from_str(text).map_err(|e| e.to_string())? {
            Tree::Object(object) => Ok(object),
            other => Err(format!("expected an object {{...}}, found {}", other.kind())),
        }
    }

    /// Adds `value` under `key`. Repeated blocks become a list, as HCL has it; of anything else the last one counts.
    pub fn put(object: &mut Object, key: String, value: Tree) {
        let value = match (object.remove(&key), value) {
            (Some(first @ Tree::Object(_)), second @ Tree::Object(_)) => Tree::List(vec![first, second]),
            (Some(Tree::List(mut blocks)), block @ Tree::Object(_)) if matches!(blocks.last(), Some(Tree::Object(_))) => {
                blocks.push(block);
                Tree::List(blocks)
            }
            (_, value) => value,
        };
        object.insert(key, value);
    }

    /// What sort of value it is, for errors.
    pub fn kind(&self) -> &'static str {
        match self {
            Tree::Null => "null",
            Tree::Bool(_) => "a boolean",
            Tree::Int(_) | Tree::Float(_) => "a number",
            Tree::Text(_) => "a string",
            Tree::List(_) => "a list",
            Tree::Object(_) => "a block",
        }
    }

    /// Whether it says nothing: null, false, zero, empty.
    pub fn is_blank(&self) -> bool {
        match self {
            Tree::Null => true,
            Tree::Bool(on) => !on,
            Tree::Int(n) => *n == 0,
            Tree::Float(x) => *x == 0.0,
            Tree::Text(text) => text.is_empty(),
            Tree::List(items) => items.iter().all(Tree::is_blank),
            Tree::Object(object) => object.values().all(Tree::is_blank),
        }
    }
}

/// The value as it would be written, cut to 80 characters.
impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tree::Null => f.write_str("null"),
            Tree::Bool(on) => on.fmt(f),
            Tree::Int(n) => n.fmt(f),
            Tree::Float(x) => x.fmt(f),
            Tree::Text(text) if text.chars().count() > 80 => write!(f, "{:?}...", text.chars().take(80).collect::<String>()),
            Tree::Text(text) => write!(f, "{text:?}"),
            Tree::List(_) => f.write_str("[...]"),
            Tree::Object(_) => f.write_str("{...}"),
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, on: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(on))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Tree, E> {
        Ok(Tree::Int(n))
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<Tree, E> {
        Ok(i64::try_from(n).map_or(Tree::Float(n as f64), Tree::Int))
    }

    fn visit_f64<E>(self, x: f64) -> Result<Tree, E> {
        Ok(Tree::Float(x))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut object = Object::new();
        while let Some((key, value)) = map.next_entry()? {
            Tree::put(&mut object, key, value);
        }
        Ok(Tree::Object(object))
    }
}
