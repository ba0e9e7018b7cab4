//! `snapshot restore`.

use super::read;
use crate::cli::client::Query;
use crate::cli::command::Call;
use crate::cli::report::{Outcome, Report};
use std::fs;

/// Checks a snapshot before it is sent: the servers check it again.
pub(crate) fn run(call: &Call<'_>) -> Outcome {
    let file = call.args.only_word("FILE")?;
    let client = call.client()?;
    read(file, &mut |_| ())?;
    let body = fs::read(file).map_err(|e| format!("Error opening snapshot file: {file}: {e}"))?;
    let query = Query::default().with_some("dc", call.args.value("datacenter"));
    client.succeed("PUT", "/v1/snapshot", query, body).map_err(|e| format!("Error restoring snapshot: {e}"))?;
    Ok(Report::line("Restored snapshot"))
}
