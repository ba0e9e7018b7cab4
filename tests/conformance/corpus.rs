//! The cases as they stand in the files. A malformed corpus is our own bug, so everything here panics with the file's name.

use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::Path;

/// One case: steps against an agent of a kind.
#[derive(Debug, Clone)]
pub struct Case {
    /// `area/slug`, unique.
    pub name: String,
    /// What clients rely on here.
    pub why: String,
    /// The kind of agent it needs.
    pub agent: AgentSpec,
    /// Played in order and judged.
    pub steps: Vec<Value>,
    /// Played afterwards whatever came of the steps, never judged.
    pub cleanup: Vec<Value>,
}

/// What a case says about its agent, merged with what its file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AgentSpec(pub Map<String, Value>);

impl AgentSpec {
    /// The key by which equal agents are shared.
    pub fn key(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }

    /// Whether the agent is started with `-dev`.
    pub fn dev(&self) -> bool {
        self.flag("dev", true)
    }

    /// Whether to wait for the agent's own health check and not only for a leader.
    pub fn ready(&self) -> bool {
        self.flag("ready", true)
    }

    /// The token used to see whether the agent is ready.
    pub fn token(&self) -> Option<&str> {
        self.0.get("token").and_then(Value::as_str)
    }

    /// The object under `key`, empty when there is none.
    pub fn object(&self, key: &str) -> Map<String, Value> {
        self.0.get(key).and_then(Value::as_object).cloned().unwrap_or_default()
    }

    fn flag(&self, key: &str, otherwise: bool) -> bool {
        self.0.get(key).and_then(Value::as_bool).unwrap_or(otherwise)
    }
}

impl Case {
    /// Whether the case gets an agent of its own.
    pub fn wants_its_own_agent(&self) -> bool {
        let meddles = |step: &Value| step.get("restart").is_some() || step.get("config_file").is_some();
        self.agent.flag("fresh", false) || self.steps.iter().any(meddles)
    }

    fn parse(file: &str, shared: &Map<String, Value>, case: &Value) -> Case {
        let text = |key: &str| case.get(key).and_then(Value::as_str).map(str::to_owned);
        let list = |key: &str| case.get(key).and_then(Value::as_array).cloned();
        let own = case.get("agent").and_then(Value::as_object).cloned().unwrap_or_default();
        let name = text("name").unwrap_or_else(|| panic!("{file}: a case without a name"));
        let steps = list("steps").unwrap_or_else(|| panic!("{file}: {name}: no steps"));
        Case {
            why: text("why").unwrap_or_default(),
            agent: AgentSpec(merged(shared, &own)),
            cleanup: list("cleanup").unwrap_or_default(),
            name,
            steps,
        }
    }
}

/// `over` laid upon `under`: objects are merged key by key, anything else is replaced.
pub fn merged(under: &Map<String, Value>, over: &Map<String, Value>) -> Map<String, Value> {
    let mut out = under.clone();
    for (key, value) in over {
        let value = match (out.get(key), value) {
            (Some(Value::Object(below)), Value::Object(above)) => Value::Object(merged(below, above)),
            _ => value.clone(),
        };
        out.insert(key.clone(), value);
    }
    out
}

/// All cases of a folder, by file name and in the order of the file.
pub fn load(folder: &Path) -> Vec<Case> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> =
        entries.map(|e| e.expect("a readable folder").path()).filter(|p| p.extension().is_some_and(|x| x == "json")).collect();
    files.sort();
    let cases: Vec<Case> = files.iter().flat_map(|file| load_file(file)).collect();
    let mut names = BTreeSet::new();
    for case in &cases {
        assert!(names.insert(&case.name), "two cases are called {}", case.name);
    }
    cases
}

fn load_file(path: &Path) -> Vec<Case> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{file}: {e}"));
    let document: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{file}: {e}"));
    let shared = document.get("agent").and_then(Value::as_object).cloned().unwrap_or_default();
    let cases = document.get("cases").and_then(Value::as_array).unwrap_or_else(|| panic!("{file}: no list of cases"));
    cases.iter().map(|case| Case::parse(&file, &shared, case)).collect()
}
