//! `validate`: check configuration files with the code that loads them.

use super::agent::{check, read_path};
use super::args::{FlagSpec, switch, value};
use super::command::Call;
use super::report::{Outcome, Report};
use crate::config::{Format, Sources};
use crate::server::advice;
use std::path::Path;

pub(super) const FLAGS: &[FlagSpec] = &[
    value("config-format", "Take all files as this, json or hcl, whatever their names."),
    switch("quiet", "Say nothing if they are valid."),
];

pub(super) fn run(call: &Call<'_>) -> Outcome {
    if call.args.words.is_empty() {
        return Err("Must specify at least one config file or directory".to_owned());
    }
    let failed = |error: String| format!("Config validation failed: {error}");
    let format = call.args.value("config-format").map(Format::parse).transpose().map_err(|e| failed(e.to_string()))?;
    let mut sources = Sources::default();
    for path in &call.args.words {
        sources.files.extend(read_path(Path::new(path), format).map_err(failed)?);
    }
    let config = check(&sources).map_err(failed)?;
    let advice = advice(&config.services, &config.checks);
    let err: String = config.warnings.iter().chain(&advice).map(|warning| format!("{warning}\n")).collect();
    let out = if call.args.is_on("quiet") { "" } else { "Configuration is valid!\n" };
    Ok(Report { err, ..Report::text(out) })
}
