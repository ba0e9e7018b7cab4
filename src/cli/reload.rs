//! `reload`: make the agent read its configuration again.

use super::client::Query;
use super::command::Call;
use super::report::{Outcome, Report};

pub(super) fn run(call: &Call<'_>) -> Outcome {
    call.args.no_words()?;
    let answer = call.client()?.succeed("PUT", "/v1/agent/reload", Query::default(), Vec::new());
    answer.map_err(|e| format!("Error reloading: {e}"))?;
    Ok(Report::line("Configuration reload triggered"))
}
