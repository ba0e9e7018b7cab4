//! Compares what came with what a case expects. Every function returns the differences: none when it matches.

use super::variables::Variables;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::cmp::Ordering;

const UUID: &str = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";
const TIME: &str = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$";
const DURATION: &str = r"^(-?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+|0)$";

/// What is looked at: a value, or nothing where there is no such key or header.
pub type Sight<'a> = Option<&'a Value>;

/// The differences between `want` and `got`, each beginning with its place `at`.
///
/// # Panics
/// On a matcher that does not exist: that is a bug of the corpus.
pub fn differences(want: &Value, got: Sight<'_>, variables: &Variables, at: &str) -> Vec<String> {
    Comparison { variables, at }.compare(want, got)
}

/// `value` as it is shown in a difference.
pub fn brief(value: Sight<'_>, limit: usize) -> String {
    let text = value.map_or_else(|| "<absent>".to_owned(), Value::to_string);
    match text.char_indices().nth(limit) {
        None => text,
        Some((end, _)) => format!("{}... ({} chars)", &text[..end], text.chars().count()),
    }
}

struct Comparison<'a> {
    variables: &'a Variables,
    at: &'a str,
}

impl Comparison<'_> {
    fn compare(&self, want: &Value, got: Sight<'_>) -> Vec<String> {
        match want {
            Value::String(text) if text.starts_with('$') => self.by_text(text, got),
            Value::Object(map) => match map.iter().next() {
                Some((operator, argument)) if map.len() == 1 && operator.starts_with('$') => self.by_operator(operator, argument, got),
                Some(_) | None => self.object(map, got),
            },
            Value::Array(items) => match got.and_then(Value::as_array) {
                Some(list) if list.len() == items.len() => self.item_by_item(items, list),
                Some(_) | None => self.expected(&brief(Some(want), 400), got),
            },
            plain => self.verdict(got.is_some_and(|got| equal(plain, got)), plain, got),
        }
    }

    fn compare_at(&self, at: &str, want: &Value, got: Sight<'_>) -> Vec<String> {
        differences(want, got, self.variables, at)
    }

    fn matches(&self, want: &Value, got: Sight<'_>) -> bool {
        self.compare(want, got).is_empty()
    }

    fn expected(&self, what: &str, got: Sight<'_>) -> Vec<String> {
        vec![format!("{}: expected {what}, got {}", self.at, brief(got, 400))]
    }

    fn verdict(&self, holds: bool, want: &Value, got: Sight<'_>) -> Vec<String> {
        if holds { Vec::new() } else { self.expected(&brief(Some(want), 400), got) }
    }

    fn by_text(&self, matcher: &str, got: Sight<'_>) -> Vec<String> {
        let (kind, argument) = matcher[1..].split_once(':').unwrap_or((&matcher[1..], ""));
        let text = got.and_then(Value::as_str);
        let holds = match kind {
            kind if argument.is_empty() && is_of_kind(kind, got).is_some() => is_of_kind(kind, got) == Some(true),
            "re" => text.is_some_and(|text| found(&searched(argument), text)),
            "has" => text.is_some_and(|text| text.contains(argument)),
            "b64" => text == Some(STANDARD.encode(argument).as_str()),
            "gt" | "ge" | "lt" | "le" | "eq" | "ne" => return self.against_variable(kind, argument, got),
            _ => panic!("unknown matcher {matcher:?}"),
        };
        self.verdict(holds, &json!(matcher), got)
    }

    fn against_variable(&self, relation: &str, name: &str, got: Sight<'_>) -> Vec<String> {
        let Some(reference) = self.variables.get(name) else {
            return self.expected(&format!("${relation}:{name} (variable not set)"), got);
        };
        let equality = matches!(relation, "eq" | "ne") && is_integer(reference) == got.is_some_and(is_integer);
        let ordering = match got {
            Some(got) if equality => Some(if equal(reference, got) { Ordering::Equal } else { Ordering::Less }),
            None if equality => Some(Ordering::Less),
            Some(got) => as_whole_number(got).zip(as_whole_number(reference)).map(|(value, reference)| value.cmp(&reference)),
            None => None,
        };
        let holds = ordering.is_some_and(|ordering| match relation {
            "gt" => ordering.is_gt(),
            "ge" => ordering.is_ge(),
            "lt" => ordering.is_lt(),
            "le" => ordering.is_le(),
            "eq" => ordering.is_eq(),
            _ => ordering.is_ne(),
        });
        if holds { Vec::new() } else { self.expected(&format!("${relation}:{name} (= {})", brief(Some(reference), 400)), got) }
    }

    fn by_operator(&self, operator: &str, argument: &Value, got: Sight<'_>) -> Vec<String> {
        let alternatives = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        let want = || json!({ operator: argument });
        match operator {
            "$lit" => self.verdict(got.is_some_and(|got| equal(argument, got)), &want(), got),
            "$not" => self.verdict(!self.matches(argument, got), &want(), got),
            "$all" => alternatives.iter().flat_map(|m| self.compare(m, got)).collect(),
            "$oneof" => self.verdict(alternatives.iter().any(|m| self.matches(m, got)), &want(), got),
            "$json" => match got.and_then(Value::as_str).and_then(|text| serde_json::from_str::<Value>(text).ok()) {
                Some(inner) => self.compare_at(&format!("{}<json>", self.at), argument, Some(&inner)),
                None => self.expected("embedded JSON", got),
            },
            "$range" => self.verdict(in_range(alternatives, got), &want(), got),
            "$subset" | "$keys" => match got.and_then(Value::as_object) {
                Some(map) => self.of_object(operator, argument, map),
                None => self.expected("an object", got),
            },
            "$len" => match got.and_then(length) {
                Some(length) => self.compare_at(&format!("{}<length>", self.at), argument, Some(&json!(length))),
                None => self.expected("something with a length", got),
            },
            "$each" | "$excludes" | "$unordered" | "$includes" => match got.and_then(Value::as_array) {
                Some(list) => self.of_list(operator, argument, alternatives, list),
                None => self.expected("a list", got),
            },
            _ => panic!("unknown matcher {operator:?}"),
        }
    }

    fn of_object(&self, operator: &str, argument: &Value, map: &Map<String, Value>) -> Vec<String> {
        if operator == "$keys" {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            return self.compare_at(&format!("{}<keys>", self.at), argument, Some(&json!(keys)));
        }
        let wanted = argument.as_object().unwrap_or_else(|| panic!("$subset takes an object, not {argument}"));
        self.key_by_key(wanted, map)
    }

    fn of_list(&self, operator: &str, argument: &Value, wanted: &[Value], list: &[Value]) -> Vec<String> {
        let places = list.iter().enumerate().map(|(i, item)| (format!("{}[{i}]", self.at), item));
        match operator {
            "$each" => places.flat_map(|(at, item)| self.compare_at(&at, argument, Some(item))).collect(),
            "$excludes" => places
                .filter(|(_, item)| wanted.iter().any(|w| self.matches(w, Some(item))))
                .map(|(at, item)| format!("{at}: did not expect {}", brief(Some(item), 400)))
                .collect(),
            "$unordered" if list.len() != wanted.len() => {
                let what = format!("{} items in any order: {}", wanted.len(), brief(Some(argument), 400));
                self.expected(&what, Some(&json!(list)))
            }
            _ => self.by_different_items(wanted, list),
        }
    }

    /// Each of `wanted` must find an item of its own: a matching of a bipartite graph, by augmenting paths.
    fn by_different_items(&self, wanted: &[Value], list: &[Value]) -> Vec<String> {
        let fits: Vec<Vec<usize>> = wanted.iter().map(|w| (0..list.len()).filter(|i| self.matches(w, Some(&list[*i]))).collect()).collect();
        let mut owner = vec![None; list.len()];
        let unplaced = (0..wanted.len()).filter(|w| !place(*w, &fits, &mut owner, &mut vec![false; list.len()]));
        unplaced
            .map(|w| format!("{}: nothing matches {} in {}", self.at, brief(Some(&wanted[w]), 400), brief(Some(&json!(list)), 1200)))
            .collect()
    }

    fn object(&self, wanted: &Map<String, Value>, got: Sight<'_>) -> Vec<String> {
        let Some(map) = got.and_then(Value::as_object) else {
            return self.expected(&brief(Some(&Value::Object(wanted.clone())), 400), got);
        };
        let mut out = self.key_by_key(wanted, map);
        let unexpected = map.iter().filter(|(key, _)| !wanted.contains_key(*key));
        out.extend(unexpected.map(|(key, value)| format!("{}.{key}: unexpected, got {}", self.at, brief(Some(value), 400))));
        out
    }

    fn key_by_key(&self, wanted: &Map<String, Value>, map: &Map<String, Value>) -> Vec<String> {
        wanted.iter().flat_map(|(key, want)| self.compare_at(&format!("{}.{key}", self.at), want, map.get(key))).collect()
    }

    fn item_by_item(&self, wanted: &[Value], list: &[Value]) -> Vec<String> {
        let pairs = wanted.iter().zip(list).enumerate();
        pairs.flat_map(|(i, (want, item))| self.compare_at(&format!("{}[{i}]", self.at), want, Some(item))).collect()
    }
}

fn place(w: usize, fits: &[Vec<usize>], owner: &mut [Option<usize>], seen: &mut [bool]) -> bool {
    for &item in &fits[w] {
        if std::mem::replace(&mut seen[item], true) {
            continue;
        }
        if owner[item].is_none_or(|other| place(other, fits, owner, seen)) {
            owner[item] = Some(w);
            return true;
        }
    }
    false
}

/// Whether a value is of the kind named; `None` if there is no such kind.
fn is_of_kind(kind: &str, got: Sight<'_>) -> Option<bool> {
    let text = got.and_then(Value::as_str);
    Some(match kind {
        "any" => got.is_some(),
        "absent" => got.is_none(),
        "uuid" => text.is_some_and(|t| found(UUID, t)),
        "time" => text.is_some_and(|t| found(TIME, t)),
        "dur" => text.is_some_and(|t| found(DURATION, t)),
        "index" => got.and_then(Value::as_u64).or_else(|| text.filter(|t| found("^[0-9]+$", t))?.parse().ok()).is_some_and(|n| n > 0),
        "int" => got.is_some_and(is_integer) || text.is_some_and(|t| found("^-?[0-9]+$", t)),
        "num" => got.is_some_and(Value::is_number),
        "bool" => got.is_some_and(Value::is_boolean),
        "str" => text.is_some(),
        "nonempty" => got.is_some_and(|got| !is_empty(got)),
        "empty" => got.is_some_and(is_empty),
        "none" => got.is_none_or(|got| is_empty(got) || got == &json!(false) || got.as_f64() == Some(0.0)),
        _ => return None,
    })
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || length(value) == Some(0)
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(items) => Some(items.len()),
        Value::Object(map) => Some(map.len()),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.is_u64()
}

fn as_whole_number(value: &Value) -> Option<i128> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(_) => {
            value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from)).or_else(|| value.as_f64().map(|f| f as i128))
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn in_range(bounds: &[Value], got: Sight<'_>) -> bool {
    let [low, high] = bounds else { panic!("$range takes two bounds") };
    let number = got.and_then(|got| got.as_f64().or_else(|| got.as_str()?.trim().parse().ok()));
    number.is_some_and(|n| low.as_f64().is_some_and(|low| low <= n) && high.as_f64().is_some_and(|high| n <= high))
}

/// JSON has one kind of number: 1 and 1.0 are equal.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || (x.is_f64() || y.is_f64()) && x.as_f64() == y.as_f64(),
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| equal(x, y)),
        (Value::Object(x), Value::Object(y)) => x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| equal(v, w))),
        (a, b) => a == b,
    }
}

/// The corpus's expressions: `.` takes any character, and a final `$` also stands before a last line's end.
fn searched(expression: &str) -> String {
    match expression.strip_suffix('$') {
        Some(start) if !start.ends_with('\\') => format!("(?s){start}\\n?$"),
        Some(_) | None => format!("(?s){expression}"),
    }
}

fn found(expression: &str, text: &str) -> bool {
    regex::Regex::new(expression).unwrap_or_else(|e| panic!("{expression}: {e}")).is_match(text)
}
