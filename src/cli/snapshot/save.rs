//! `snapshot save`.

use super::{check, open};
use crate::cli::client::{Client, Query, unexpected};
use crate::cli::command::Call;
use crate::cli::report::{Outcome, Report};
use crate::model::Index;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Fetches a snapshot beside its file, checks it and puts it in place: what is there is whole, also after the machine lost its power.
pub(crate) fn run(call: &Call<'_>) -> Outcome {
    let file = call.args.only_word("FILE")?;
    let client = call.client()?;
    let beside = format!("{file}.unverified");
    let fetched = fetch(&client, Query::default().with_server_flags(&call.args), &beside);
    let placed = fetched.and_then(|index| {
        let placed = fs::rename(&beside, file).and_then(|()| settle(file));
        placed.map(|()| index).map_err(|e| format!("Error renaming {beside} to {file}: {e}"))
    });
    let index = placed.inspect_err(|_| drop(fs::remove_file(&beside)))?;
    Ok(Report::line(format_args!("Saved and verified snapshot to index {index}")))
}

/// Writes what the agent sends to the file `beside`, and reads all of it again; the last change in it.
fn fetch(client: &Client<'_>, query: Query, beside: &str) -> Result<Index, String> {
    let mut out = create(beside).map_err(|e| format!("Error opening snapshot file: {beside}: {e}"))?;
    let wrong = |e: String| format!("Error saving snapshot: {e}");
    let answer = client.stream("/v1/snapshot", query, &mut out).map_err(wrong)?;
    if answer.status != 200 {
        return Err(wrong(unexpected(&answer)));
    }
    out.sync_all().map_err(|e| wrong(format!("{beside}: {e}")))?;
    let (meta, _) = check(beside, &open(beside)?, &mut |_| ()).map_err(wrong)?;
    Ok(meta.index)
}

/// A new file, which its owner alone reads: keys hold secrets. What an earlier attempt left there goes.
fn create(path: &str) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        Ok(()) | Err(_) => {}
    }
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// Has the folder keep the name.
fn settle(file: &str) -> io::Result<()> {
    let folder = Path::new(file).parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
