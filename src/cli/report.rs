//! What a command leaves behind: bytes for standard output, text for standard error, an exit code.

use super::args::{Args, FlagSpec, value};
use serde::Serialize;

/// The flag of commands whose results programs read too.
pub(super) const FORMAT: FlagSpec = value("format", "pretty (the default) or json.");

/// For whom results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// People.
    Pretty,
    /// Programs.
    Json,
}

impl Format {
    /// What [`FORMAT`] says.
    pub(super) fn of(args: &Args) -> Result<Format, String> {
        match args.value("format").unwrap_or("pretty") {
            "pretty" => Ok(Format::Pretty),
            "json" => Ok(Format::Json),
            other => Err(format!("invalid value {other:?} for flag -format: must be pretty or json")),
        }
    }
}

/// Exit code of a command whose name nobody knows.
pub(super) const UNKNOWN_COMMAND: u8 = 127;

/// The outcome of one command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// Results.
    pub(super) out: Vec<u8>,
    /// Complaints.
    pub(super) err: String,
    /// 0 worked, 1 did not, 2 nothing matched, 127 no such command.
    pub(super) code: u8,
}

impl Report {
    /// It worked; `text` is the result.
    pub(super) fn text(text: impl Into<String>) -> Report {
        Report { out: text.into().into_bytes(), ..Report::default() }
    }

    /// It worked; `text` and a line's end are the result.
    pub(super) fn line(text: impl std::fmt::Display) -> Report {
        Report::text(format!("{text}\n"))
    }

    /// It worked; `value` is the result, as an indented document.
    pub(super) fn json(value: &impl Serialize) -> Report {
        Report::line(serde_json::to_string_pretty(value).expect("results have text for keys"))
    }

    /// It worked, and there is no result: said to who looks, not to who reads results.
    pub(super) fn nothing(text: impl std::fmt::Display) -> Report {
        Report { err: format!("{text}\n"), ..Report::default() }
    }

    /// It did not work.
    pub(super) fn failed(text: impl std::fmt::Display) -> Report {
        Report { err: format!("{text}\n"), code: 1, ..Report::default() }
    }
}

/// A command's outcome, where an error is the text for standard error and exit code 1.
pub(super) type Outcome = Result<Report, String>;
