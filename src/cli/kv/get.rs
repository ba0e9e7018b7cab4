//! `kv get`.

use super::{Pair, STANDARD, decoded, pairs, path, unexpected, without_slash};
use crate::cli::args::{Args, FlagSpec, switch, too_many, value};
use crate::cli::client::{Client, Query};
use crate::cli::command::Call;
use crate::cli::report::{Outcome, Report};
use base64::Engine;

pub(crate) const FLAGS: &[FlagSpec] = &[
    switch("base64", "Print values in base64."),
    switch("detailed", "Print all that is kept with the value."),
    switch("keys", "Print keys, not values."),
    switch("recurse", "Print all that begins with KEY."),
    value("separator", "With -keys, print keys up to this only once; / unless set."),
];

pub(crate) fn run(call: &Call<'_>) -> Outcome {
    let args = &call.args;
    let key = match args.words.as_slice() {
        [] if args.is_on("keys") || args.is_on("recurse") => "",
        [] => return Err("Error! Missing KEY argument".to_owned()),
        [key] => without_slash(key),
        words => return Err(too_many(1, words.len())),
    };
    if key.is_empty() && !args.is_on("keys") && !args.is_on("recurse") {
        return Err("Error! Missing KEY argument".to_owned());
    }
    let client = call.client()?;
    let asked = |error| format!("Error querying Consul agent: {error}");
    if args.is_on("keys") {
        return keys(&client, args, key).map_err(asked);
    }
    if args.is_on("recurse") {
        let found = pairs(&client, key, Query::default().with("recurse", "true").with_server_flags(args)).map_err(asked)?;
        return recursed(&found, args);
    }
    let found = pairs(&client, key, Query::default().with_server_flags(args)).map_err(asked)?;
    match found.first() {
        None => Err(format!("Error! No key exists at: {key}")),
        Some(pair) if args.is_on("detailed") => Ok(Report { out: detailed(pair, args)?, ..Report::default() }),
        Some(pair) => {
            let mut out = shown(pair, args)?;
            out.push(b'\n');
            Ok(Report { out, ..Report::default() })
        }
    }
}

fn keys(client: &Client<'_>, args: &Args, prefix: &str) -> Outcome {
    let separator = args.value("separator").unwrap_or("/");
    let query = Query::default().with("keys", "true").with("separator", separator).with_server_flags(args);
    let response = client.send("GET", &format!("/v1/kv/{}", path(prefix)), query, Vec::new())?;
    let keys: Vec<String> = match response.status {
        200 => decoded(&response.body)?,
        404 => Vec::new(),
        _ => return Err(unexpected(&response)),
    };
    Ok(Report::text(keys.iter().map(|key| format!("{key}\n")).collect::<String>()))
}

fn recursed(found: &[Pair], args: &Args) -> Outcome {
    let mut out = Vec::new();
    for (place, pair) in found.iter().enumerate() {
        if args.is_on("detailed") {
            if place > 0 {
                out.push(b'\n');
            }
            out.extend(detailed(pair, args)?);
        } else {
            out.extend(format!("{}:", pair.key).into_bytes());
            out.extend(shown(pair, args)?);
            out.push(b'\n');
        }
    }
    Ok(Report { out, ..Report::default() })
}

fn shown(pair: &Pair, args: &Args) -> Result<Vec<u8>, String> {
    let value = pair.value()?;
    Ok(if args.is_on("base64") { STANDARD.encode(value).into_bytes() } else { value })
}

fn detailed(pair: &Pair, args: &Args) -> Result<Vec<u8>, String> {
    let session = pair.session.as_deref().filter(|session| !session.is_empty()).unwrap_or("-");
    let rows = [
        ("CreateIndex", pair.create_index.to_string()),
        ("Flags", pair.flags.to_string()),
        ("Key", pair.key.clone()),
        ("LockIndex", pair.lock_index.to_string()),
        ("ModifyIndex", pair.modify_index.to_string()),
        ("Session", session.to_owned()),
    ];
    let mut out = rows.map(|(name, value)| format!("{name:<17}{value}\n")).concat().into_bytes();
    out.extend(b"Value            ");
    out.extend(shown(pair, args)?);
    out.push(b'\n');
    Ok(out)
}
