//! `services lint`: which services have checks that say little about their work.

use super::defined_in;
use crate::agent::local::{lint, lint_kinds};
use crate::cli::args::FlagSpec;
use crate::cli::client::Query;
use crate::cli::command::Call;
use crate::cli::report::{FORMAT, Format, Outcome, Report};
use crate::cli::table::{header, table};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(crate) const FLAGS: &[FlagSpec] = &[FORMAT];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Check {
    #[serde(default, rename = "ServiceID")]
    service: String,
    #[serde(default)]
    r#type: String,
}

/// A service that an operator should look at.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Finding {
    service: String,
    finding: String,
}

/// Looks at the services of files, or without files at those of the agent. What is found is no failure.
pub(crate) fn run(call: &Call<'_>) -> Outcome {
    let findings = if call.args.words.is_empty() { of_agent(call)? } else { of_files(&call.args.words)? };
    match Format::of(&call.args)? {
        Format::Json => Ok(Report::json(&findings)),
        Format::Pretty if findings.is_empty() => Ok(Report::line("Every service has a check that asks for an answer")),
        Format::Pretty => {
            let row = |found: &Finding| [found.service.clone(), found.finding.clone()];
            Ok(Report::text(table(&[header(["Service", "Finding"])].into_iter().chain(findings.iter().map(row)).collect::<Vec<_>>())))
        }
    }
}

fn of_files(paths: &[String]) -> Result<Vec<Finding>, String> {
    let found = defined_in(paths)?.into_iter().filter_map(|service| {
        let finding = lint(&service.checks)?;
        Some(Finding { service: service.spec.id, finding: finding.to_string() })
    });
    Ok(found.collect())
}

fn of_agent(call: &Call<'_>) -> Result<Vec<Finding>, String> {
    let client = call.client()?;
    let failed = |e| format!("Error querying the agent's services: {e}");
    let services: BTreeMap<String, serde::de::IgnoredAny> = client.json("/v1/agent/services", Query::default()).map_err(failed)?;
    let checks: BTreeMap<String, Check> = client.json("/v1/agent/checks", Query::default()).map_err(failed)?;
    let found = services.into_keys().filter_map(|service| {
        let kinds = checks.values().filter(|check| check.service == service).map(|check| check.r#type.as_str());
        let finding = lint_kinds(kinds)?;
        Some(Finding { service, finding: finding.to_string() })
    });
    Ok(found.collect())
}
