//! `snapshot restore`.

use super::{check, open};
use crate::cli::client::Query;
use crate::cli::command::Call;
use crate::cli::report::{Outcome, Report};
use crate::cli::upload::FileBody;
use std::io::{Seek, SeekFrom};

/// Checks a snapshot before it is sent: the servers check it again.
pub(crate) fn run(call: &Call<'_>) -> Outcome {
    let file = call.args.only_word("FILE")?;
    let client = call.client()?;
    let mut opened = open(file)?;
    check(file, &opened, &mut |_| ())?;
    // What is sent is the file that was looked at, even if another one has its name by now.
    let body = opened.seek(SeekFrom::Start(0)).and_then(|_| FileBody::of_rest(opened));
    let body = body.map_err(|e| format!("Error reading snapshot: {file}: {e}"))?;
    let query = Query::default().with_some("dc", call.args.value("datacenter"));
    client.upload("/v1/snapshot", query, body).map_err(|e| format!("Error restoring snapshot: {e}"))?;
    Ok(Report::line("Restored snapshot"))
}
