//! `monitor`: the agent's log while it is written.

use super::args::{FlagSpec, switch, value};
use super::client::{Query, unexpected};
use super::command::Call;
use super::report::{Outcome, Report};

pub(super) const FLAGS: &[FlagSpec] = &[
    switch("log-json", "Print each line as a JSON object."),
    value("log-level", "Least grave lines to print: trace, debug, info (the default), warn or error."),
];

/// Prints lines until the agent ends, or whoever reads them does.
pub(super) fn run(call: &Call<'_>) -> Outcome {
    call.args.no_words()?;
    let query = Query::default()
        .with("loglevel", call.args.value("log-level").unwrap_or("INFO"))
        .with_some("logjson", call.args.is_on("log-json").then_some("true"));
    let answer =
        call.client()?.stream("/v1/agent/monitor", query, &mut std::io::stdout()).map_err(|e| format!("Error starting monitor: {e}"))?;
    match answer.status {
        200 => Ok(Report {
            err: "the agent ended the monitor: it was stopped, or cannot be reached any more\n".to_owned(),
            ..Report::default()
        }),
        _ => Err(format!("Error starting monitor: {}", unexpected(&answer))),
    }
}
