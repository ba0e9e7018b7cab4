//! `/v1/agent/monitor`: which lines of the agent's log a client wants, and how a line is written.

use super::params::Params;
use super::{ApiError, date};
use crate::model::{Timestamp, quote};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// How grave a line is, from the gravest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something will, unless somebody looks after it.
    Warn,
    /// What an operator wants to have known.
    Info,
    /// What a developer asks first.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    /// The level of that name, in any case.
    pub fn parse(name: &str) -> Option<Level> {
        match name.to_ascii_lowercase().as_str() {
            "error" | "err" => Some(Level::Error),
            "warn" => Some(Level::Warn),
            "info" => Some(Level::Info),
            "debug" => Some(Level::Debug),
            "trace" => Some(Level::Trace),
            _ => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        }
    }
}

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `2021-01-01T00:00:00.000Z [INFO]  agent: message: key=value`.
    Text,
    /// One object a line (`logjson`).
    Json,
}

/// What a client asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Monitor {
    /// No line less grave (`loglevel`).
    pub level: Level,
    /// How lines are written.
    pub form: Form,
}

/// Reads the parameters of a request.
///
/// # Errors
/// 400 for a level nobody knows.
pub fn monitor(params: &Params<'_>) -> Result<Monitor, ApiError> {
    let name = params.value("loglevel").unwrap_or("info");
    let level = Level::parse(name).ok_or_else(|| ApiError::bad_request(format!("Unknown log level: {name}")))?;
    Ok(Monitor { level, form: if params.has("logjson") { Form::Json } else { Form::Text } })
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written.
    pub time: Timestamp,
    /// How grave it is.
    pub level: Level,
    /// Which part of the agent says so: `agent`, `agent.raft`, ..
    pub module: String,
    /// The sentence.
    pub message: String,
    /// Names and values that belong to it, in order.
    pub fields: Vec<(String, String)>,
}

/// Longest line sent, in bytes; what is above is cut.
const LONGEST: usize = 16 * 1024;

impl LogLine {
    /// The line with its newline.
    pub fn write(&self, form: Form) -> String {
        let mut line = match form {
            Form::Text => self.text(),
            Form::Json => serde_json::to_string(&Object(self)).expect("names and texts"),
        };
        if form == Form::Text && line.len() > LONGEST {
            line.truncate(line.floor_char_boundary(LONGEST));
            line.push_str("...");
        }
        line.push('\n');
        line
    }

    fn text(&self) -> String {
        let nanos = self.time.as_unix_nanos();
        let seconds = date::rfc3339(nanos / 1_000_000_000);
        let level = format!("[{}]", self.level.as_str().to_ascii_uppercase());
        let mut text = format!(
            "{}.{:03}Z {level:<7} {}: {}",
            seconds.trim_end_matches('Z'),
            nanos / 1_000_000 % 1_000,
            self.module,
            on_one_line(&self.message)
        );
        for (at, (name, value)) in self.fields.iter().enumerate() {
            text.push_str(if at == 0 && !self.message.is_empty() { ": " } else { " " });
            text.push_str(name);
            text.push('=');
            if value.is_empty() || value.chars().any(|c| c.is_whitespace() || c.is_control() || "\"=\\".contains(c)) {
                text.push_str(&quote(value));
            } else {
                text.push_str(value);
            }
        }
        text
    }
}

/// A sentence that spans lines would look like several.
fn on_one_line(text: &str) -> String {
    text.replace('\n', "\\n").replace('\r', "\\r")
}

/// The line as an object: what it is about under names that begin with `@`, then its fields.
struct Object<'a>(&'a LogLine);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let LogLine { time, level, module, message, fields } = self.0;
        let nanos = time.as_unix_nanos();
        let seconds = date::rfc3339(nanos / 1_000_000_000);
        let mut object: BTreeMap<&str, &str> = fields.iter().map(|(name, value)| (name.as_str(), cut(value))).collect();
        let timestamp = format!("{}.{:06}Z", seconds.trim_end_matches('Z'), nanos / 1_000 % 1_000_000);
        object.extend([("@level", level.as_str()), ("@message", cut(message)), ("@module", module), ("@timestamp", &timestamp)]);
        object.serialize(to)
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST)]
}

#[cfg(test)]
mod tests {
    use super::{Form, Level, LogLine, Monitor, monitor};
    use crate::api::params::Params;
    use crate::model::Timestamp;

    fn line(level: Level, message: &str, fields: &[(&str, &str)]) -> LogLine {
        LogLine {
            time: Timestamp::from_unix_nanos(1_609_459_200_012_345_678),
            level,
            module: "agent".to_owned(),
            message: message.to_owned(),
            fields: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        }
    }

    #[test]
    fn levels_are_asked_for_in_any_case_and_info_is_what_nobody_asks_for() {
        let asked = |query: &str| monitor(&Params::parse(query));
        assert_eq!(asked(""), Ok(Monitor { level: Level::Info, form: Form::Text }));
        assert_eq!(asked("loglevel=ERR&logjson"), Ok(Monitor { level: Level::Error, form: Form::Json }));
        assert_eq!(asked("loglevel=Trace").unwrap().level, Level::Trace);
        let refused = asked("loglevel=zz").unwrap_err();
        assert_eq!((refused.status, refused.text.as_ref()), (400, "Unknown log level: zz"));
    }

    #[test]
    fn a_line_is_time_level_module_message_and_fields() {
        assert_eq!(
            line(Level::Info, "joined", &[("node", "a"), ("why", "two words"), ("none", ""), ("q", "x=\"y\"")]).write(Form::Text),
            "2021-01-01T00:00:00.012Z [INFO]  agent: joined: node=a why=\"two words\" none=\"\" q=\"x=\\\"y\\\"\"\n"
        );
        assert_eq!(line(Level::Error, "a\nb", &[]).write(Form::Text), "2021-01-01T00:00:00.012Z [ERROR] agent: a\\nb\n");
    }

    #[test]
    fn a_line_as_json_is_one_object() {
        assert_eq!(
            line(Level::Warn, "joi\"ned", &[("node", "a")]).write(Form::Json),
            "{\"@level\":\"warn\",\"@message\":\"joi\\\"ned\",\"@module\":\"agent\",\"@timestamp\":\"2021-01-01T00:00:00.012345Z\",\"node\":\"a\"}\n"
        );
    }

    #[test]
    fn a_line_without_end_is_cut_between_characters() {
        let long = line(Level::Info, &"\u{e9}".repeat(20_000), &[("f", &"\u{e9}".repeat(20_000))]);
        assert!(long.write(Form::Text).len() < 17_000 && long.write(Form::Text).ends_with("...\n"));
        assert!(long.write(Form::Json).len() < 34_000);
    }
}
