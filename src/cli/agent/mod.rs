//! `agent`: flags and files become a configuration; the server floor runs it.

mod banner;
mod host;
mod sources;

pub(super) use banner::banner;
pub(super) use host::raise_open_files;
pub(super) use sources::read_path;

use super::args::{Args, FlagSpec, Takes};
use crate::config::{Config, Flag, load};
use sources::SOURCE_FLAGS;

/// The flags that name sources, and those that stand for keys.
pub(super) fn flags() -> Vec<FlagSpec> {
    let takes = |flag: &Flag| if flag.is_switch() { Takes::Nothing } else { Takes::Value };
    let of_key = Flag::all().iter().map(|flag| FlagSpec { name: flag.name, takes: takes(flag), about: flag.about });
    let mut flags: Vec<FlagSpec> = SOURCE_FLAGS.iter().copied().chain(of_key).collect();
    flags.sort_by_key(|flag| flag.name);
    flags
}

/// The configuration the command line asks for.
pub(super) fn configuration(args: &Args) -> Result<Config, String> {
    if !args.words.is_empty() {
        return Err(format!("Unexpected extra arguments: {:?}. Flags begin with a dash", args.words));
    }
    let sources = sources::read(args)?;
    load(&sources, &host::ask()).map_err(|e| e.to_string())
}

/// The configuration files alone, as an agent would take them; for `validate`.
pub(super) fn check(sources: &crate::config::Sources) -> Result<Config, String> {
    load(sources, &host::ask()).map_err(|e| e.to_string())
}
