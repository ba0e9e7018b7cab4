//! A history as text, one JSON object a line, so that a run can be judged later and elsewhere.
//!
//! ```text
//! {"client":1,"asked":"s1","key":"k","op":"put","value":"a","invoked":10,"outcome":"ok","returned":20,"took":true}
//! {"client":2,"asked":"s2","key":"k","op":"get","mode":"default","invoked":30,"outcome":"ok","returned":40,
//!  "found":{"value":"a","modify":7,"create":7},"index":7}
//! {"client":1,"asked":"s1","key":"k","op":"delete-cas","expect":7,"invoked":50,"outcome":"unknown"}
//! ```
//! Times are nanoseconds from any one start. An absent `found` in an answered get means that there was no such key.

use super::history::{Action, Found, Headers, History, Mode, Operation, Outcome};
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Write};
use std::sync::Arc;

/// Why a line was refused.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The file could not be read.
    #[error("line {line}: {source}")]
    Unreadable {
        /// Counted from 1.
        line: usize,
        /// The cause.
        source: io::Error,
    },
    /// Not JSON, or an unknown or missing field.
    #[error("line {line}: {source}")]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// The cause.
        source: serde_json::Error,
    },
    /// Fields that contradict each other.
    #[error("line {line}: {field} {rule}")]
    Contradiction {
        /// Counted from 1.
        line: usize,
        /// The field.
        field: &'static str,
        /// The rule it breaks.
        rule: &'static str,
    },
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Op {
    Put,
    Cas,
    Get,
    Delete,
    DeleteCas,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawMode {
    Default,
    Consistent,
    Stale,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawOutcome {
    Ok,
    Failed,
    Unknown,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFound {
    value: Arc<str>,
    #[serde(default)]
    modify: u64,
    #[serde(default)]
    create: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    client: u32,
    #[serde(default)]
    asked: Arc<str>,
    key: Arc<str>,
    op: Op,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expect: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<RawMode>,
    invoked: u64,
    outcome: RawOutcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    returned: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    took: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    found: Option<RawFound>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_contact_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    known_leader: Option<bool>,
}

type Rule = (&'static str, &'static str);

impl Line {
    fn parse(self) -> Result<Operation, Rule> {
        let action = self.action()?;
        let outcome = self.outcome(&action)?;
        Ok(Operation { client: self.client, asked: self.asked, key: self.key, action, invoked: self.invoked, outcome })
    }

    fn action(&self) -> Result<Action, Rule> {
        let value = || self.value.clone().ok_or(("value", "is missing"));
        let expect = || self.expect.ok_or(("expect", "is missing"));
        match self.op {
            Op::Put => Ok(Action::Put { value: value()? }),
            Op::Cas => Ok(Action::Cas { value: value()?, expect: expect()? }),
            Op::Delete => Ok(Action::Delete),
            Op::DeleteCas => match expect()? {
                0 => Err(("expect", "must be above 0 for delete-cas")),
                expect => Ok(Action::DeleteCas { expect }),
            },
            Op::Get => Ok(Action::Get {
                mode: match self.mode {
                    None | Some(RawMode::Default) => Mode::Default,
                    Some(RawMode::Consistent) => Mode::Consistent,
                    Some(RawMode::Stale) => Mode::Stale,
                },
            }),
        }
    }

    fn outcome(&self, action: &Action) -> Result<Outcome, Rule> {
        match self.outcome {
            RawOutcome::Failed => return Ok(Outcome::Failed),
            RawOutcome::Unknown => return Ok(Outcome::Unknown),
            RawOutcome::Ok => {}
        }
        let at = self.returned.ok_or(("returned", "is missing"))?;
        if at < self.invoked {
            return Err(("returned", "must not be before invoked"));
        }
        if action.writes() {
            let took = self.took.unwrap_or(true);
            if !took && matches!(action, Action::Put { .. } | Action::Delete) {
                return Err(("took", "must be true for put and delete"));
            }
            return Ok(Outcome::Wrote { at, took });
        }
        let found = self.found.as_ref();
        let found = found.map(|raw| Found { value: raw.value.clone(), modify: raw.modify, create: raw.create });
        let index = self.index.unwrap_or(0);
        Ok(Outcome::Read { at, found, headers: Headers { index, last_contact_ms: self.last_contact_ms, known_leader: self.known_leader } })
    }

    fn of(operation: &Operation) -> Line {
        let (op, expect, mode) = match &operation.action {
            Action::Put { .. } => (Op::Put, None, None),
            Action::Cas { expect, .. } => (Op::Cas, Some(*expect), None),
            Action::Delete => (Op::Delete, None, None),
            Action::DeleteCas { expect } => (Op::DeleteCas, Some(*expect), None),
            Action::Get { mode: Mode::Default } => (Op::Get, None, Some(RawMode::Default)),
            Action::Get { mode: Mode::Consistent } => (Op::Get, None, Some(RawMode::Consistent)),
            Action::Get { mode: Mode::Stale } => (Op::Get, None, Some(RawMode::Stale)),
        };
        let (outcome, took, read) = match &operation.outcome {
            Outcome::Wrote { took, .. } => (RawOutcome::Ok, Some(*took), None),
            Outcome::Read { found, headers, .. } => (RawOutcome::Ok, None, Some((found, headers))),
            Outcome::Failed => (RawOutcome::Failed, None, None),
            Outcome::Unknown => (RawOutcome::Unknown, None, None),
        };
        let raw = |found: &Found| RawFound { value: found.value.clone(), modify: found.modify, create: found.create };
        Line {
            client: operation.client,
            asked: operation.asked.clone(),
            key: operation.key.clone(),
            op,
            value: operation.action.value().cloned(),
            expect,
            mode,
            invoked: operation.invoked,
            outcome,
            returned: operation.returned(),
            took,
            found: read.and_then(|(found, _)| found.as_ref().map(raw)),
            index: read.map(|(_, headers)| headers.index),
            last_contact_ms: read.and_then(|(_, headers)| headers.last_contact_ms),
            known_leader: read.and_then(|(_, headers)| headers.known_leader),
        }
    }
}

/// Reads a history. Empty lines are skipped; anything not understood is an error that names its line.
pub fn read_lines(from: impl BufRead) -> Result<History, LineError> {
    let mut history = History::default();
    for (at, text) in from.lines().enumerate() {
        let line = at + 1;
        let text = text.map_err(|source| LineError::Unreadable { line, source })?;
        if text.trim().is_empty() {
            continue;
        }
        let raw: Line = serde_json::from_str(&text).map_err(|source| LineError::NotJson { line, source })?;
        let parsed = raw.parse().map_err(|(field, rule)| LineError::Contradiction { line, field, rule })?;
        history.operations.push(parsed);
    }
    Ok(history)
}

/// Writes a history as [`read_lines`] reads it.
pub fn write_lines(history: &History, mut to: impl Write) -> io::Result<()> {
    for operation in &history.operations {
        serde_json::to_writer(&mut to, &Line::of(operation))?;
        to.write_all(b"\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{read_lines, write_lines};

    const LINES: &str = r#"{"client":1,"asked":"s1","key":"k","op":"put","value":"a","invoked":10,"outcome":"ok","returned":20,"took":true}
{"client":2,"asked":"s2","key":"k","op":"get","mode":"stale","invoked":30,"outcome":"ok","returned":40,"found":{"value":"a","modify":7,"create":7},"index":7,"last_contact_ms":3,"known_leader":true}
{"client":2,"asked":"s2","key":"k","op":"get","mode":"consistent","invoked":41,"outcome":"ok","returned":45,"index":1}
{"client":1,"asked":"s1","key":"k","op":"delete-cas","expect":7,"invoked":50,"outcome":"unknown"}
{"client":1,"asked":"s1","key":"k","op":"cas","value":"b","expect":0,"invoked":60,"outcome":"failed"}
"#;

    #[test]
    fn what_is_written_is_what_was_read() {
        let history = read_lines(LINES.as_bytes()).unwrap();
        assert_eq!(history.operations.len(), 5);
        let mut out = Vec::new();
        write_lines(&history, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), LINES);
    }

    #[test]
    fn a_refused_line_says_its_number_the_field_and_the_rule() {
        let bad = "\n{\"client\":1,\"key\":\"k\",\"op\":\"cas\",\"value\":\"b\",\"invoked\":6,\"outcome\":\"unknown\"}";
        assert_eq!(read_lines(bad.as_bytes()).unwrap_err().to_string(), "line 2: expect is missing");
        let bad = r#"{"client":1,"key":"k","op":"put","value":"b","invoked":6,"outcome":"ok","returned":5}"#;
        assert_eq!(read_lines(bad.as_bytes()).unwrap_err().to_string(), "line 1: returned must not be before invoked");
        let bad = r#"{"client":1,"key":"k","op":"put","valeu":"b","invoked":6,"outcome":"ok"}"#;
        assert!(read_lines(bad.as_bytes()).unwrap_err().to_string().starts_with("line 1: unknown field `valeu`"));
    }
}
