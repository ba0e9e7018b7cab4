//! `kv delete`.

use super::{path, took_effect, without_slash};
use crate::cli::args::{FlagSpec, switch, too_many, value};
use crate::cli::client::Query;
use crate::cli::command::Call;
use crate::cli::report::{Outcome, Report};

pub(crate) const FLAGS: &[FlagSpec] = &[
    switch("cas", "Delete only if the key was last changed at -modify-index."),
    super::FENCE,
    value("modify-index", "For -cas."),
    switch("recurse", "Delete all that begins with KEY."),
];

pub(crate) fn run(call: &Call<'_>) -> Outcome {
    let args = &call.args;
    let (recurse, cas, index) = (args.is_on("recurse"), args.is_on("cas"), args.number("modify-index")?);
    let key = match args.words.as_slice() {
        [] => "",
        [key] => without_slash(key),
        words => return Err(too_many(1, words.len())),
    };
    match (recurse, cas, index) {
        (false, _, _) if key.is_empty() => return Err("Error! Missing KEY argument".to_owned()),
        (true, true, _) => return Err("Error! Cannot specify both -cas and -recurse".to_owned()),
        (_, true, None | Some(0)) => return Err("Error! Must specify -modify-index with -cas, above 0".to_owned()),
        (_, false, Some(_)) => return Err("Error! Cannot specify -modify-index without -cas".to_owned()),
        (_, _, _) => {}
    }
    let query = Query::default()
        .with_some("recurse", recurse.then_some("true"))
        .with_some("cas", index)
        .with_some("fence", args.value("fence"))
        .with_some("dc", args.value("datacenter"));
    let body = call.client()?.succeed("DELETE", &format!("/v1/kv/{}", path(key)), query, Vec::new());
    let took = body.and_then(|body| took_effect(&body)).map_err(|e| format!("Error! Did not delete key {key}: {e}"))?;
    match (took, recurse) {
        (true, true) => Ok(Report::line(format!("Success! Deleted keys with prefix: {key}"))),
        (true, false) => Ok(Report::line(format!("Success! Deleted key: {key}"))),
        (false, _) => Err(format!("Error! Did not delete key {key}: CAS failed")),
    }
}
