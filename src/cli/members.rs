//! `members`: who is in the pool.

use super::args::{FlagSpec, switch, value};
use super::client::{Query, decoded};
use super::command::Call;
use super::report::{Outcome, Report};
use super::table::{header, table};
use regex::Regex;
use serde::Deserialize;
use std::collections::BTreeMap;

pub(super) const FLAGS: &[FlagSpec] = &[
    switch("detailed", "Show all tags."),
    value("format", "pretty (the default) or json."),
    value("segment", "Network segment; all unless set."),
    value("status", "Show only members whose status matches, such as alive or 'failed|left'."),
    switch("wan", "Show the servers of all datacenters."),
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Member {
    name: String,
    addr: String,
    port: u16,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    status: u8,
}

pub(super) fn run(call: &Call<'_>) -> Outcome {
    call.args.no_words()?;
    let wanted = status_pattern(call.args.value("status").unwrap_or(".*"))?;
    let query = if call.args.is_on("wan") {
        Query::default().with("wan", "1")
    } else {
        Query::default().with("segment", call.args.value("segment").unwrap_or("_all"))
    };
    let client = call.client()?;
    let body = client.succeed("GET", "/v1/agent/members", query, Vec::new()).map_err(|e| format!("Error retrieving members: {e}"))?;
    let mut raw: Vec<serde_json::Value> = decoded::<Option<_>>(&body)?.unwrap_or_default();
    let status_of = |value: &serde_json::Value| status(value.get("Status").and_then(|s| s.as_u64()).unwrap_or(0));
    raw.retain(|member| wanted.is_match(status_of(member)));
    let name_of = |value: &serde_json::Value| value.get("Name").and_then(|n| n.as_str()).unwrap_or("").to_owned();
    raw.sort_by_key(name_of);
    if raw.is_empty() {
        return Ok(Report { err: "No members match\n".to_owned(), code: 2, ..Report::default() });
    }
    match call.args.value("format").unwrap_or("pretty") {
        "json" => Ok(Report::line(serde_json::to_string_pretty(&raw).expect("JSON of JSON"))),
        "pretty" => {
            let members: Vec<Member> = decoded(serde_json::Value::Array(raw).to_string().as_bytes())?;
            Ok(Report::text(if call.args.is_on("detailed") { detailed(&members) } else { standard(&members) }))
        }
        other => Err(format!("invalid value {other:?} for flag -format: must be pretty or json")),
    }
}

fn status(code: u64) -> &'static str {
    match code {
        1 => "alive",
        2 => "leaving",
        3 => "left",
        4 => "failed",
        _ => "none",
    }
}

impl Member {
    fn tag(&self, key: &str) -> &str {
        self.tags.get(key).map_or("", String::as_str)
    }

    fn address(&self) -> String {
        if self.addr.contains(':') { format!("[{}]:{}", self.addr, self.port) } else { format!("{}:{}", self.addr, self.port) }
    }
}

fn standard(members: &[Member]) -> String {
    let mut rows = vec![header(["Node", "Address", "Status", "Type", "Build", "Protocol", "DC", "Segment"])];
    for member in members {
        let (kind, segment) = match (member.tag("role"), member.tag("segment")) {
            ("consul", _) => ("server", "<all>"),
            ("node", "") => ("client", "<default>"),
            ("node", segment) => ("client", segment),
            (_, segment) => ("unknown", segment),
        };
        let build = member.tag("build").split(':').next().unwrap_or("");
        let known = |text: &str| if text.is_empty() { "unknown".to_owned() } else { text.to_owned() };
        rows.push([
            member.name.clone(),
            member.address(),
            status(u64::from(member.status)).to_owned(),
            kind.to_owned(),
            known(build),
            known(member.tag("vsn")),
            known(member.tag("dc")),
            segment.to_owned(),
        ]);
    }
    table(&rows)
}

fn detailed(members: &[Member]) -> String {
    let mut rows = vec![header(["Node", "Address", "Status", "Tags"])];
    for member in members {
        let tags: Vec<String> = member.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        rows.push([member.name.clone(), member.address(), status(u64::from(member.status)).to_owned(), tags.join(",")]);
    }
    table(&rows)
}

/// A regular expression, found anywhere in a status unless it is anchored.
fn status_pattern(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| format!("Failed to compile status regexp: {error}"))
}

#[cfg(test)]
mod tests {
    use super::status_pattern;

    #[test]
    fn a_status_is_matched_as_a_regular_expression_would() {
        for (pattern, hits) in [
            (".*", "alive leaving left failed"),
            ("", "alive leaving left failed"),
            ("alive|failed", "alive failed"),
            ("^(alive|left)$", "alive left"),
            ("^le", "leaving left"),
            ("ed$", "failed"),
            ("le.*", "leaving left failed"),
            ("^left$", "left"),
            ("a.*e", "alive failed"),
            ("[a-z]+", "alive leaving left failed"),
        ] {
            let parsed = status_pattern(pattern).unwrap();
            let matched: Vec<&str> = ["alive", "leaving", "left", "failed"].into_iter().filter(|s| parsed.is_match(s)).collect();
            assert_eq!(matched.join(" "), hits, "{pattern}");
        }
        assert!(status_pattern("(").unwrap_err().starts_with("Failed to compile status regexp: "));
    }
}
