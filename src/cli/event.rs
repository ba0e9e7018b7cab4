//! `event` and `query`: something for every agent.

use super::args::{FlagSpec, value};
use super::client::{Query, decoded, path};
use super::command::Call;
use super::report::{FORMAT, Format, Outcome, Report};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

const SCOPE: [FlagSpec; 3] = [
    value("node", "Regular expression: only for nodes in whose name it is found."),
    value("service", "Regular expression: only for nodes with a service in whose name it is found."),
    value("tag", "Regular expression: only for nodes with such a tag on that service."),
];

pub(super) fn event_flags() -> Vec<FlagSpec> {
    [&SCOPE[..], &[value("name", "Name of the event.")]].concat()
}

pub(super) fn query_flags() -> Vec<FlagSpec> {
    let own = [
        FORMAT,
        value("relay-factor", "Members each answer is also passed through, 0 to 5: for lossy networks."),
        value("timeout", "How long to wait; what suits the size of the pool unless set."),
        value("until", "Share of the members that is enough, such as 90%; all unless set."),
    ];
    [&SCOPE[..], &own].concat()
}

fn scoped(call: &Call<'_>) -> Query {
    let scope = ["node", "service", "tag"];
    scope.into_iter().fold(Query::default(), |query, name| query.with_some(name, call.args.value(name)))
}

#[derive(Deserialize)]
struct Fired {
    #[serde(rename = "ID")]
    id: String,
}

pub(super) fn fire(call: &Call<'_>) -> Outcome {
    let Some(name) = call.args.value("name").filter(|name| !name.is_empty()) else {
        return Err("Event name must be specified: -name=deploy".to_owned());
    };
    let payload = match call.args.words.as_slice() {
        [] => Vec::new(),
        [payload] => payload.clone().into_bytes(),
        [_, more @ ..] => return Err(format!("Too many command line arguments: {} beside the payload", more.len())),
    };
    let query = scoped(call).with_some("dc", call.args.value("datacenter"));
    let answer = call.client()?.succeed("PUT", &format!("/v1/event/fire/{}", path(name)), query, payload);
    let fired: Fired = decoded(&answer.map_err(|e| format!("Error firing event: {e}"))?)?;
    Ok(Report::line(format!("Event ID: {}", fired.id)))
}

/// What came back to a question.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answers {
    members: usize,
    acks: Vec<String>,
    silent: Vec<String>,
    answers: Vec<Answer>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    node: String,
    payload: Option<String>,
}

impl Answer {
    fn text(&self) -> String {
        let bytes = STANDARD.decode(self.payload.as_deref().unwrap_or_default()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).trim_end().to_owned()
    }
}

pub(super) fn query(call: &Call<'_>) -> Outcome {
    let (name, payload) = match call.args.words.as_slice() {
        [name] => (name, Vec::new()),
        [name, payload] => (name, payload.clone().into_bytes()),
        other => return Err(format!("query takes a name and perhaps a payload, not {} arguments", other.len())),
    };
    let own = ["relay-factor", "timeout", "until"];
    let query = own.into_iter().fold(scoped(call), |query, name| query.with_some(name, call.args.value(name)));
    let answer = call.client()?.succeed("PUT", &format!("/v1/event/query/{}", path(name)), query, payload);
    let answers: Answers = decoded(&answer.map_err(|e| format!("Error asking: {e}"))?)?;
    let code = if answers.silent.is_empty() { 0 } else { 2 };
    let report = match Format::of(&call.args)? {
        Format::Json => Report::json(&answers),
        Format::Pretty => Report::text(told(&answers)),
    };
    Ok(Report { code, ..report })
}

fn told(answers: &Answers) -> String {
    let mut text: String = answers.answers.iter().map(|answer| format!("{}: {}\n", answer.node, answer.text())).collect();
    let (acks, spoke) = (answers.acks.len(), answers.members.saturating_sub(answers.silent.len()));
    text.push_str(&format!("{} answered, {acks} acknowledged, {spoke} of {} members spoke\n", answers.answers.len(), answers.members));
    if !answers.silent.is_empty() {
        text.push_str(&format!("Silent: {}\n", answers.silent.join(", ")));
    }
    text
}
