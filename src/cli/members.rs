//! `members`: who is in the pool.

use super::args::{FlagSpec, switch, value};
use super::client::{Query, decoded};
use super::command::Call;
use super::report::{Outcome, Report};
use super::table::{header, table};
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
    let wanted = StatusPattern::parse(call.args.value("status").unwrap_or(".*"))?;
    let query = if call.args.is_on("wan") {
        Query::default().with("wan", "1")
    } else {
        Query::default().with("segment", call.args.value("segment").unwrap_or("_all"))
    };
    let client = call.client()?;
    let body = client.succeed("GET", "/v1/agent/members", query, Vec::new()).map_err(|e| format!("Error retrieving members: {e}"))?;
    let mut raw: Vec<serde_json::Value> = decoded::<Option<_>>(&body)?.unwrap_or_default();
    let status_of = |value: &serde_json::Value| status(value.get("Status").and_then(|s| s.as_u64()).unwrap_or(0));
    raw.retain(|member| wanted.matches(status_of(member)));
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

/// The part of regular expressions that makes sense on one word: alternatives, anchors, one pair of parentheses, `.*`.
struct StatusPattern(Vec<String>);

impl StatusPattern {
    fn parse(text: &str) -> Result<StatusPattern, String> {
        let (anchored, inner) = match (text.strip_prefix('^'), text.strip_suffix('$')) {
            (Some(_), Some(_)) if text.len() > 1 => (true, &text[1..text.len() - 1]),
            _ => (false, text),
        };
        let grouped = inner.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        let words: Vec<String> = match grouped {
            Some(group) if anchored => group.split('|').map(|word| format!("^{word}$")).collect(),
            Some(group) => group.split('|').map(str::to_owned).collect(),
            None => text.split('|').map(str::to_owned).collect(),
        };
        for word in &words {
            let bare = word.trim_start_matches('^').trim_end_matches('$').replace(".*", "");
            if !bare.chars().all(|c| c.is_ascii_alphanumeric()) {
                return Err(format!("invalid value {text:?} for flag -status: must be words such as alive, failed, left, joined by |"));
            }
        }
        Ok(StatusPattern(words))
    }

    fn matches(&self, status: &str) -> bool {
        self.0.iter().any(|word| {
            let bare = word.trim_start_matches('^').trim_end_matches('$').replace(".*", "");
            let open_start = !word.starts_with('^') || word.starts_with("^.*");
            let open_end = !word.ends_with('$') || word.ends_with(".*$");
            match (open_start, open_end) {
                (true, true) => status.contains(&bare),
                (true, false) => status.ends_with(&bare),
                (false, true) => status.starts_with(&bare),
                (false, false) => status == bare,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::StatusPattern;

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
        ] {
            let parsed = StatusPattern::parse(pattern).unwrap();
            let matched: Vec<&str> = ["alive", "leaving", "left", "failed"].into_iter().filter(|s| parsed.matches(s)).collect();
            assert_eq!(matched.join(" "), hits, "{pattern}");
        }
        assert!(StatusPattern::parse("[a-z]+").is_err());
    }
}
