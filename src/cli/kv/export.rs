//! `kv export`.

use super::{pairs, without_slash};
use crate::cli::args::too_many;
use crate::cli::client::Query;
use crate::cli::command::Call;
use crate::cli::report::{Outcome, Report};
use serde::{Deserialize, Serialize};

/// One exported key; `value` is base64.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Exported {
    pub(super) key: String,
    #[serde(default)]
    pub(super) flags: u64,
    #[serde(default)]
    pub(super) value: String,
}

pub(crate) fn run(call: &Call<'_>) -> Outcome {
    let prefix = match call.args.words.as_slice() {
        [] => "",
        [prefix] => without_slash(prefix),
        words => return Err(too_many(1, words.len())),
    };
    let query = Query::default().with("recurse", "true").with_server_flags(&call.args);
    let found = pairs(&call.client()?, prefix, query).map_err(|e| format!("Error querying Consul agent: {e}"))?;
    let exported = found.into_iter().map(|pair| Exported { key: pair.key, flags: pair.flags, value: pair.value.unwrap_or_default() });
    let mut out = Vec::new();
    let tabs = serde_json::ser::PrettyFormatter::with_indent(b"\t");
    let mut writer = serde_json::Serializer::with_formatter(&mut out, tabs);
    exported.collect::<Vec<_>>().serialize(&mut writer).expect("memory takes JSON");
    out.push(b'\n');
    Ok(Report { out, ..Report::default() })
}
