//! `join`: make the agent join others.

use super::args::{FlagSpec, switch};
use super::client::{Query, path};
use super::command::Call;
use super::report::{Outcome, Report};

pub(super) const FLAGS: &[FlagSpec] = &[switch("wan", "Join a server of another datacenter.")];

pub(super) fn run(call: &Call<'_>) -> Outcome {
    if call.args.words.is_empty() {
        return Err("At least one address to join must be specified".to_owned());
    }
    let client = call.client()?;
    let (mut joined, mut complaints) = (0, String::new());
    for address in &call.args.words {
        let query = Query::default().with_some("wan", call.args.is_on("wan").then_some("1"));
        match client.succeed("PUT", &format!("/v1/agent/join/{}", path(address)), query, Vec::new()) {
            Ok(_) => joined += 1,
            Err(error) => complaints.push_str(&format!("Error joining address '{address}': {error}\n")),
        }
    }
    if joined == 0 {
        complaints.push_str("Failed to join any nodes.\n");
        return Ok(Report { err: complaints, code: 1, ..Report::default() });
    }
    let out = format!("Successfully joined cluster by contacting {joined} nodes.\n");
    Ok(Report { err: complaints, ..Report::text(out) })
}
