//! `${name}` in strings: values saved by earlier steps, and some that are drawn when they are first named.

use super::Failure;
use super::fixtures::Fixtures;
use rand::{Rng, RngExt};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The variables of one play of a case.
#[derive(Debug, Clone)]
pub struct Variables {
    values: BTreeMap<String, Value>,
    bodies: BTreeMap<String, Vec<u8>>,
    fixtures: Arc<Fixtures>,
}

impl Variables {
    /// No variables but those drawn on demand.
    pub fn new(fixtures: Arc<Fixtures>) -> Variables {
        Variables { values: BTreeMap::new(), bodies: BTreeMap::new(), fixtures }
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.values.insert(name.to_owned(), value.into());
    }

    /// The variable's value if it is set.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// The variable's value as text; empty if it is not set.
    pub fn text_of(&self, name: &str) -> String {
        self.get(name).map(written_out).unwrap_or_default()
    }

    /// Keeps raw bytes under a name, for `body_var`.
    pub fn keep_body(&mut self, name: &str, body: Vec<u8>) {
        self.bodies.insert(name.to_owned(), body);
    }

    /// The bytes kept under a name.
    pub fn body(&self, name: &str) -> Result<Vec<u8>, Failure> {
        self.bodies.get(name).cloned().ok_or_else(|| Failure::new(format!("no body was saved as {name:?}")))
    }

    /// `value` with every variable in it replaced, in keys too, and every `{"$repeat": N, "item": ..}` written out.
    pub fn substitute(&mut self, value: &Value) -> Result<Value, Failure> {
        match value {
            Value::String(text) => match whole(text) {
                Some(name) => self.look_up(name),
                None => self.substitute_text(text).map(Value::String),
            },
            Value::Array(items) => items.iter().map(|item| self.substitute(item)).collect::<Result<_, _>>().map(Value::Array),
            Value::Object(map) => match repetition(map) {
                Some((times, item)) => self.repeated(times, item),
                None => self.substitute_object(map).map(Value::Object),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(value.clone()),
        }
    }

    /// [`substitute`](Variables::substitute) on an object.
    pub fn substitute_object(&mut self, map: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
        map.iter().map(|(key, value)| Ok((self.substitute_text(key)?, self.substitute(value)?))).collect()
    }

    /// `text` with every variable in it written out.
    pub fn substitute_text(&mut self, text: &str) -> Result<String, Failure> {
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(start) = rest.find("${") {
            let Some(length) = rest[start + 2..].find('}').filter(|length| *length > 0) else { break };
            out.push_str(&rest[..start]);
            out.push_str(&written_out(&self.look_up(&rest[start + 2..start + 2 + length])?));
            rest = &rest[start + 2 + length + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    /// The items have a scope of their own: what is drawn in one is not seen by the next.
    fn repeated(&mut self, times: u64, item: &Value) -> Result<Value, Failure> {
        let one = |i| {
            let mut scope = self.clone();
            scope.set("i", i);
            scope.substitute(item)
        };
        (0..times).map(one).collect::<Result<_, _>>().map(Value::Array)
    }

    fn look_up(&mut self, name: &str) -> Result<Value, Failure> {
        if let Some(value) = self.values.get(name) {
            return Ok(value.clone());
        }
        let (kind, argument) = name.split_once(':').unwrap_or((name, ""));
        match kind {
            "uuid" => Ok(self.drawn(name, json!(random_uuid()))),
            "ip" => {
                let [a, b, c] = std::array::from_fn(|_| rand::rng().random_range(1..250u8));
                Ok(self.drawn(name, json!(format!("10.{a}.{b}.{c}"))))
            }
            "rip" => {
                let address = self.address(argument)?;
                Ok(json!(address.rsplit('.').collect::<Vec<_>>().join(".")))
            }
            "iphex" => {
                let address = self.address(argument)?;
                Ok(json!(address.split('.').map(|octet| format!("{:02x}", octet.parse::<u8>().unwrap_or(0))).collect::<String>()))
            }
            "tcp" => Ok(json!(self.fixtures.port(&format!("{}{argument}", self.text_of("u")))?)),
            unknown => Err(Failure::new(format!("variable ${{{unknown}}} is not set"))),
        }
    }

    fn address(&mut self, argument: &str) -> Result<String, Failure> {
        self.look_up(&format!("ip:{argument}")).map(|v| written_out(&v))
    }

    fn drawn(&mut self, name: &str, value: Value) -> Value {
        self.values.insert(name.to_owned(), value.clone());
        value
    }
}

/// Six hex digits, for names that must not meet those of another case.
pub fn six_hex_digits() -> String {
    format!("{:06x}", rand::rng().random_range(0..1u32 << 24))
}

fn random_uuid() -> String {
    let mut bytes = [0u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// The name if the text is one `${name}` and nothing else.
fn whole(text: &str) -> Option<&str> {
    text.strip_prefix("${")?.strip_suffix('}').filter(|name| !name.is_empty() && !name.contains('}'))
}

fn repetition(map: &Map<String, Value>) -> Option<(u64, &Value)> {
    let times = map.get("$repeat")?.as_u64()?;
    (map.len() == 2).then(|| map.get("item"))?.map(|item| (times, item))
}

fn written_out(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}
