//! The steps of a case, parsed: what one of them does.

use super::Failure;
use super::http::Request;
use super::patience::Patience;
use super::variables::Variables;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;
use serde_json::{Map, Value};
use std::time::Duration;

/// What a step does, its variables already replaced.
#[derive(Debug, Clone)]
pub enum Action {
    /// Waits.
    Sleep(Duration),
    /// Sets variables.
    Set(Map<String, Value>),
    /// Changes what a fixture answers.
    Fixture(Map<String, Value>),
    /// Looks at the requests the fixture server has seen at a path.
    Requests(String),
    /// Writes a file of the case's folder.
    Write {
        /// The file's name.
        name: String,
        /// What is written.
        content: String,
    },
    /// Writes or removes a file of the agent's configuration.
    ConfigFile {
        /// The file's name.
        name: String,
        /// What is written; `null` removes the file.
        content: Value,
    },
    /// Ends the agent with a signal and starts it again.
    Restart(Signal),
    /// Asks one DNS question.
    Dns(Map<String, Value>),
    /// Waits for a background request.
    Join {
        /// The request's name.
        id: String,
        /// How long it may take from now on.
        within: Duration,
    },
    /// Sees that a background request has not returned.
    Pending(String),
    /// Starts a request and goes on.
    Background {
        /// The request's name.
        id: String,
        /// The request.
        request: Request,
    },
    /// One HTTP request.
    Http(Request),
}

/// A step: what it does and what is judged and saved.
#[derive(Debug, Clone)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// What its result must match.
    pub expect: Map<String, Value>,
    /// Variables to save and where from.
    pub save: Map<String, Value>,
    /// How long it is tried again.
    pub until: Duration,
}

impl Step {
    /// Parses a step, replacing its variables by what they are now.
    pub fn parse(raw: &Map<String, Value>, variables: &mut Variables, patience: Patience) -> Result<Step, Failure> {
        let save = raw.get("save").and_then(Value::as_object).cloned().unwrap_or_default();
        let judged = raw.iter().filter(|(key, _)| *key != "save").map(|(key, value)| (key.clone(), value.clone())).collect();
        let step = variables.substitute_object(&judged)?;
        let expect = step.get("expect").and_then(Value::as_object).cloned().unwrap_or_default();
        let until = patience.until(millis(&step, "until_ms", 0));
        Ok(Step { action: Action::parse(&step, variables, patience)?, expect, save, until })
    }
}

impl Action {
    fn parse(step: &Map<String, Value>, variables: &Variables, patience: Patience) -> Result<Action, Failure> {
        let text = |key: &str| step.get(key).and_then(Value::as_str).map(str::to_owned);
        let object = |key: &str| step.get(key).and_then(Value::as_object).cloned();
        if step.contains_key("sleep_ms") {
            Ok(Action::Sleep(millis(step, "sleep_ms", 0)))
        } else if let Some(values) = object("set") {
            Ok(Action::Set(values))
        } else if let Some(fixture) = object("fixture") {
            Ok(Action::Fixture(fixture))
        } else if let Some(path) = text("requests") {
            Ok(Action::Requests(path))
        } else if let Some(name) = text("write") {
            Ok(Action::Write { name, content: text("content").unwrap_or_default() })
        } else if let Some(name) = text("config_file") {
            Ok(Action::ConfigFile { name, content: step.get("content").cloned().unwrap_or_default() })
        } else if let Some(how) = text("restart") {
            Ok(Action::Restart(if how == "kill" { Signal::KILL } else { Signal::INT }))
        } else if let Some(question) = object("dns") {
            Ok(Action::Dns(question))
        } else if let Some(id) = text("join") {
            Ok(Action::Join { id, within: patience.within(millis(step, "within_ms", 5000)) })
        } else if let Some(id) = text("pending") {
            Ok(Action::Pending(id))
        } else if let Some(path) = text("path") {
            let request = request(step, path, variables, patience)?;
            Ok(text("background").map_or_else(|| Action::Http(request.clone()), |id| Action::Background { id, request: request.clone() }))
        } else {
            Err(Failure::new(format!("a step of no known kind: {}", Value::Object(step.clone()))))
        }
    }
}

fn request(step: &Map<String, Value>, path: String, variables: &Variables, patience: Patience) -> Result<Request, Failure> {
    let header = |(name, value): (&String, &Value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    Ok(Request {
        method: step.get("method").and_then(Value::as_str).unwrap_or("GET").to_owned(),
        path,
        headers: step.get("headers").and_then(Value::as_object).into_iter().flatten().map(header).collect(),
        body: body(step, variables)?,
        patience: patience.request(millis(step, "timeout_ms", 30_000)),
    })
}

fn body(step: &Map<String, Value>, variables: &Variables) -> Result<Option<Vec<u8>>, Failure> {
    let text = |key: &str| step.get(key).and_then(Value::as_str);
    if let Some(json) = step.get("body") {
        Ok(Some(json.to_string().into_bytes()))
    } else if let Some(plain) = text("text") {
        Ok(Some(plain.as_bytes().to_vec()))
    } else if let Some(encoded) = text("b64") {
        STANDARD.decode(encoded).map(Some).map_err(|e| Failure::new(format!("b64: {e}")))
    } else if let Some(fill) = step.get("fill") {
        let times = fill["times"].as_u64().unwrap_or(0) as usize;
        Ok(Some(fill["with"].as_str().unwrap_or_default().repeat(times).into_bytes()))
    } else {
        text("body_var").map(|name| variables.body(name)).transpose()
    }
}

fn millis(step: &Map<String, Value>, key: &str, otherwise: u64) -> Duration {
    Duration::from_millis(step.get(key).and_then(Value::as_u64).unwrap_or(otherwise))
}
