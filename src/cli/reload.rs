//! `reload`: make the agent read its configuration again.

use super::client::{Query, unexpected};
use super::command::Call;
use super::report::{Outcome, Report};

pub(super) fn run(call: &Call<'_>) -> Outcome {
    call.args.no_words()?;
    let answer =
        call.client()?.send("PUT", "/v1/agent/reload", Query::default(), Vec::new()).map_err(|e| format!("Error reloading: {e}"))?;
    match answer.status {
        200 => Ok(Report::line("Configuration reload triggered")),
        404 => Err("Error reloading: this agent cannot read its configuration again while it runs: restart it".to_owned()),
        _ => Err(format!("Error reloading: {}", unexpected(&answer))),
    }
}
