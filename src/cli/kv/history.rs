//! `kv history`.

use super::{STANDARD, path, without_slash};
use crate::cli::args::FlagSpec;
use crate::cli::client::{Client, Query, decoded, unexpected};
use crate::cli::command::Call;
use crate::cli::report::{FORMAT, Format, Outcome, Report};
use base64::Engine;
use serde::{Deserialize, Serialize};

pub(crate) const FLAGS: &[FlagSpec] = &[FORMAT];

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct History {
    oldest: u64,
    newest: u64,
    changes: Vec<Change>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    index: u64,
    time: String,
    deleted: bool,
    entry: Option<serde_json::Value>,
}

/// Prints the changes of a key that are remembered, the oldest first.
pub(crate) fn run(call: &Call<'_>) -> Outcome {
    let format = Format::of(&call.args)?;
    let key = without_slash(call.args.only_word("KEY")?);
    let history = fetch(&call.client()?, key, Query::default().with("history", "true").with_server_flags(&call.args))?;
    Ok(match format {
        Format::Json => Report::json(&history),
        Format::Pretty => Report::text(pretty(&history)),
    })
}

fn fetch(client: &Client<'_>, key: &str, query: Query) -> Result<History, String> {
    let response = client.send("GET", &format!("/v1/kv/{}", path(key)), query, Vec::new())?;
    match response.status {
        200 => decoded(&response.body),
        _ => Err(format!("Error reading the history of {key}: {}", unexpected(&response))),
    }
}

fn pretty(history: &History) -> String {
    let mut out = String::new();
    for change in &history.changes {
        let value = match change.entry.as_ref().map(|entry| &entry["Value"]) {
            None => "(deleted)".to_owned(),
            Some(serde_json::Value::String(value)) => {
                STANDARD.decode(value).map_or_else(|_| value.clone(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
            }
            Some(_) => String::new(),
        };
        out += &format!("{:<12}{}  {value}\n", change.index, change.time);
    }
    out + &format!("History is kept from index {} to {}\n", history.oldest, history.newest)
}
