//! `leave` and `force-leave`: end a membership, one's own or a failed member's.

use super::args::{FlagSpec, switch};
use super::client::{Query, path};
use super::command::Call;
use super::report::{Outcome, Report};

pub(super) const FORCE_FLAGS: &[FlagSpec] =
    &[switch("prune", "Also forget the member, so that it is no longer listed."), switch("wan", "Act on the pool of all datacenters.")];

/// `leave`.
pub(super) fn run(call: &Call<'_>) -> Outcome {
    call.args.no_words()?;
    let answer = call.client()?.succeed("PUT", "/v1/agent/leave", Query::default(), Vec::new());
    answer.map_err(|e| format!("Error leaving: {e}"))?;
    Ok(Report::line("Graceful leave complete"))
}

/// `force-leave`.
pub(super) fn force(call: &Call<'_>) -> Outcome {
    let [node] = call.args.words.as_slice() else {
        return Err("A single node name must be specified to force-leave.".to_owned());
    };
    let query = Query::default()
        .with_some("prune", call.args.is_on("prune").then_some("1"))
        .with_some("wan", call.args.is_on("wan").then_some("1"));
    let answer = call.client()?.succeed("PUT", &format!("/v1/agent/force-leave/{}", path(node)), query, Vec::new());
    answer.map_err(|e| format!("Error force leaving: {e}"))?;
    Ok(Report::default())
}
