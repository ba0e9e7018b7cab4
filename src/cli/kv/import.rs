//! `kv import`.

use super::export::Exported;
use super::{STANDARD, content, path, without_slash};
use crate::cli::args::{FlagSpec, value};
use crate::cli::client::Query;
use crate::cli::command::Call;
use crate::cli::report::{Outcome, Report};
use base64::Engine;

pub(crate) const FLAGS: &[FlagSpec] = &[value("prefix", "Put in front of every key.")];

pub(crate) fn run(call: &Call<'_>) -> Outcome {
    let text = content(call, call.args.only_word("DATA")?)?;
    let entries: Vec<Exported> = serde_json::from_slice(&text).map_err(|e| format!("Cannot unmarshal data: {e}"))?;
    let prefix = without_slash(call.args.value("prefix").unwrap_or(""));
    let client = call.client()?;
    let mut report = Report::default();
    for entry in entries {
        let key = format!("{prefix}{}", entry.key);
        let query = Query::default()
            .with_some("flags", Some(entry.flags).filter(|flags| *flags != 0))
            .with_some("dc", call.args.value("datacenter"));
        let value = STANDARD.decode(&entry.value).map_err(|e| format!("Error base 64 decoding value for key {key}: {e}"));
        let written = value.and_then(|value| {
            let put = client.succeed("PUT", &format!("/v1/kv/{}", path(&key)), query, value);
            put.map_err(|e| format!("Error! Failed writing data for key {key}: {e}"))
        });
        match written {
            Ok(_) => report.out.extend(format!("Imported: {key}\n").into_bytes()),
            Err(error) => return Ok(Report { err: format!("{error}\n"), code: 1, ..report }),
        }
    }
    Ok(report)
}
