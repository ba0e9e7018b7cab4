//! `services deregister`.

use super::defined_in;
use crate::cli::args::{FlagSpec, value};
use crate::cli::client::{Query, path};
use crate::cli::command::Call;
use crate::cli::report::{Outcome, Report};

pub(crate) const FLAGS: &[FlagSpec] = &[value("id", "Id of the instance, instead of files.")];

pub(crate) fn run(call: &Call<'_>) -> Outcome {
    let ids = match (call.args.value("id"), call.args.words.as_slice()) {
        (None, []) => return Err("Give files, or -id".to_owned()),
        (Some(_), [_, ..]) => return Err("Give either files or -id, not both".to_owned()),
        (Some(id), []) => vec![id.to_owned()],
        (None, files) => defined_in(files)?.into_iter().map(|service| service.spec.id).collect(),
    };
    let client = call.client()?;
    let mut report = Report::default();
    for id in ids {
        let sent = client.succeed("PUT", &format!("/v1/agent/service/deregister/{}", path(&id)), Query::default(), Vec::new());
        if let Err(error) = sent {
            report.err.push_str(&format!("Error deregistering service {id:?}: {error}\n"));
            return Ok(Report { code: 1, ..report });
        }
        report.out.extend(format!("Deregistered service: {id}\n").into_bytes());
    }
    Ok(report)
}
