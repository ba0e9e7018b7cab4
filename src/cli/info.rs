//! `info`: the agent's inner figures.

use super::client::Query;
use super::command::Call;
use super::report::{Outcome, Report};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Agent {
    stats: BTreeMap<String, BTreeMap<String, String>>,
}

pub(super) fn run(call: &Call<'_>) -> Outcome {
    call.args.no_words()?;
    let agent: Agent = call.client()?.json("/v1/agent/self", Query::default()).map_err(|e| format!("Error querying agent: {e}"))?;
    let mut text = String::new();
    for (name, figures) in agent.stats {
        text.push_str(&format!("{name}:\n"));
        text.extend(figures.iter().map(|(key, value)| format!("\t{key} = {value}\n")));
    }
    Ok(Report::text(text))
}
