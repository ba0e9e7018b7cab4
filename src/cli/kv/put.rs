//! `kv put`.

use super::{STANDARD, content, path, took_effect, without_slash};
use crate::cli::args::{FlagSpec, switch, too_many, value};
use crate::cli::client::Query;
use crate::cli::command::Call;
use crate::cli::report::{Outcome, Report};
use base64::Engine;

pub(crate) const FLAGS: &[FlagSpec] = &[
    switch("acquire", "Take the lock on the key for -session."),
    switch("base64", "DATA is base64."),
    switch("cas", "Write only if the key was last changed at -modify-index; 0 is only if there is none."),
    super::FENCE,
    value("flags", "64 bits kept with the value."),
    value("modify-index", "For -cas."),
    switch("release", "Release the lock on the key that -session holds."),
    value("session", "Session for -acquire and -release."),
    value("ttl", "Delete the key after this time, such as 30s, unless -ttl-refresh is given meanwhile."),
    switch("ttl-refresh", "Let the key's -ttl begin anew, and write nothing."),
];

pub(crate) fn run(call: &Call<'_>) -> Outcome {
    let args = &call.args;
    let (key, argument) = match args.words.as_slice() {
        [] => return Err("Error! Missing KEY argument".to_owned()),
        [key] => (without_slash(key), ""),
        [key, argument] => (without_slash(key), argument.as_str()),
        words => return Err(too_many(2, words.len())),
    };
    if key.is_empty() {
        return Err("Error! Missing KEY argument".to_owned());
    }
    let (acquire, release, cas) = (args.is_on("acquire"), args.is_on("release"), args.is_on("cas"));
    let (index, session) = (args.number("modify-index")?, args.value("session"));
    match (acquire, release, cas, session, index) {
        (true, true, _, _, _) => return Err("Error! Cannot specify both -acquire and -release".to_owned()),
        (true, _, true, _, _) | (_, true, true, _, _) => return Err("Error! Cannot specify -cas with -acquire or -release".to_owned()),
        (true, _, _, None, _) | (_, true, _, None, _) => {
            return Err("Error! Missing -session (required with -acquire and -release)".to_owned());
        }
        (_, _, true, _, None) => return Err("Error! Must specify -modify-index with -cas".to_owned()),
        (_, _, false, _, Some(_)) => return Err("Error! Cannot specify -modify-index without -cas".to_owned()),
        (_, _, _, _, _) => {}
    }
    let mut value = content(call, argument)?;
    if args.is_on("base64") {
        value = STANDARD.decode(value.trim_ascii()).map_err(|e| format!("Error! Cannot base 64 decode data: {e}"))?;
    }
    let query = Query::default()
        .with_some("flags", args.number_of_any_base("flags")?.filter(|flags| *flags != 0))
        .with_some("cas", index.filter(|_| cas))
        .with_some("acquire", session.filter(|_| acquire))
        .with_some("release", session.filter(|_| release))
        .with_some("fence", args.value("fence"))
        .with_some("ttl", args.value("ttl"))
        .with_some("ttl-refresh", args.is_on("ttl-refresh").then_some("true"))
        .with_some("dc", args.value("datacenter"));
    let body = call.client()?.succeed("PUT", &format!("/v1/kv/{}", path(key)), query, value);
    let took = body.and_then(|body| took_effect(&body)).map_err(|e| format!("Error! Failed writing data: {e}"))?;
    match (took, acquire, release, index) {
        (true, true, _, _) => Ok(Report::line(format!("Success! Lock acquired on: {key}"))),
        (true, false, true, _) => Ok(Report::line(format!("Success! Lock released on: {key}"))),
        (true, false, false, _) => Ok(Report::line(format!("Success! Data written to: {key}"))),
        (false, true, _, _) => Err("Error! Did not acquire lock".to_owned()),
        (false, false, true, _) => Err("Error! Did not release lock".to_owned()),
        (false, false, false, Some(0)) => Err(format!("Error! Did not write to {key}: CAS performed with index=0 and key already exists.")),
        (false, false, false, _) => Err(format!("Error! Did not write to {key}: CAS failed")),
    }
}
