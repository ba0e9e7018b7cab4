//! `snapshot save`.

use super::read;
use crate::cli::client::{Query, unexpected};
use crate::cli::command::Call;
use crate::cli::report::{Outcome, Report};
use std::fs;

/// Fetches a snapshot beside its file, checks it and puts it in place: what is there is whole.
pub(crate) fn run(call: &Call<'_>) -> Outcome {
    let file = call.args.only_word("FILE")?;
    let client = call.client()?;
    let beside = format!("{file}.unverified");
    let mut out = fs::File::create(&beside).map_err(|e| format!("Error opening snapshot file: {beside}: {e}"))?;
    let saved = client.stream("/v1/snapshot", Query::default().with_server_flags(&call.args), &mut out);
    let checked = saved.and_then(|answer| match answer.status {
        200 => {
            out.sync_all().map_err(|e| format!("{beside}: {e}"))?;
            read(&beside, &mut |_| ())
        }
        _ => Err(unexpected(&answer)),
    });
    let (meta, _) = checked.map_err(|e| {
        let _ = fs::remove_file(&beside);
        format!("Error saving snapshot: {e}")
    })?;
    fs::rename(&beside, file).map_err(|e| format!("Error renaming {beside} to {file}: {e}"))?;
    Ok(Report::line(format_args!("Saved and verified snapshot to index {}", meta.index)))
}
