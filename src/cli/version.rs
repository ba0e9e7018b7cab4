//! `version`: which release this is.

use super::args::{FlagSpec, value};
use super::command::Call;
use super::report::{Outcome, Report};

/// The release, as `Cargo.toml` has it.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) const FLAGS: &[FlagSpec] = &[value("format", "pretty (the default) or json.")];

pub(super) fn run(call: &Call<'_>) -> Outcome {
    call.args.no_words()?;
    match call.args.value("format").unwrap_or("pretty") {
        "pretty" => Ok(Report::text(text())),
        "json" => Ok(Report::line(serde_json::json!({"Version": VERSION, "HumanVersion": VERSION, "Revision": ""}))),
        other => Err(format!("invalid value {other:?} for flag -format: must be pretty or json")),
    }
}

/// What `version` and `--version` print.
pub(super) fn text() -> String {
    format!("Muster v{VERSION}\nProtocol 2 spoken by default, understands 2 to 3\n")
}
