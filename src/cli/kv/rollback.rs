//! `kv rollback`.

use super::{Pair, decoded, path, unexpected, without_slash};
use crate::cli::args::{FlagSpec, value};
use crate::cli::client::{Client, Query};
use crate::cli::command::Call;
use crate::cli::report::{Outcome, Report};

pub(crate) const FLAGS: &[FlagSpec] = &[value("index", "The index to go back to, as kv history shows it.")];

/// Makes a key what it was, unless somebody changes it meanwhile.
pub(crate) fn run(call: &Call<'_>) -> Outcome {
    let key = without_slash(call.args.only_word("KEY")?);
    let index = call.args.number("index")?.ok_or("Error! Missing flag -index")?;
    let client = call.client()?;
    let target = format!("/v1/kv/{}", path(key));
    let dc = || Query::default().with_some("dc", call.args.value("datacenter"));
    let then = find(&client, &target, dc().with("at", index))?;
    let now = find(&client, &target, dc())?;
    let cas = now.as_ref().map_or(0, |now| now.modify_index);
    let answer = match (then, now) {
        (None, None) => return Ok(Report::line(format_args!("Nothing to do: {key} is not there and was not at index {index}"))),
        (Some(then), _) => client.succeed("PUT", &target, dc().with("flags", then.flags).with("cas", cas), then.value()?)?,
        (None, Some(_)) => client.succeed("DELETE", &target, dc().with("cas", cas), Vec::new())?,
    };
    match decoded(&answer)? {
        true => Ok(Report::line(format_args!("Success! {key} is what it was at index {index}"))),
        false => Err(format!("Error! {key} was changed meanwhile: nothing was done, look at it and try again")),
    }
}

fn find(client: &Client<'_>, target: &str, query: Query) -> Result<Option<Pair>, String> {
    let response = client.send("GET", target, query, Vec::new())?;
    match response.status {
        200 => decoded::<Vec<Pair>>(&response.body).map(|mut found| found.pop()),
        404 => Ok(None),
        _ => Err(unexpected(&response)),
    }
}
