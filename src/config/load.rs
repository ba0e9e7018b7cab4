//! Sources in their order, one on top of the other.

use super::error::{ConfigError, Problem};
use super::flags::{self, Flag};
use super::host::Host;
use super::settings::Settings;
use super::tree::Tree;
use super::{Config, hcl};
use crate::model::ServiceDefinition;

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON (RFC 8259).
    Json,
    /// HCL 1.
    Hcl,
}

impl Format {
    /// The format a file's name tells by its extension.
    pub fn of_file(name: &str) -> Option<Format> {
        match name.rsplit_once('.')?.1 {
            "json" => Some(Format::Json),
            "hcl" => Some(Format::Hcl),
            _ => None,
        }
    }

    /// `-config-format`'s value.
    pub fn parse(text: &str) -> Result<Format, ConfigError> {
        match text {
            "json" => Ok(Format::Json),
            "hcl" => Ok(Format::Hcl),
            other => {
                let problem = Problem::value("-config-format", format!("{other:?}"), "must be either 'hcl' or 'json'");
                Err(ConfigError { source: None, problems: vec![problem] })
            }
        }
    }
}

/// One text: a file or fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file's path, for errors.
    pub name: String,
    /// How it is written.
    pub format: Format,
    /// What it says.
    pub text: String,
}

impl Source {
    /// The services that this file alone defines; whatever else is in it must be right, too.
    ///
    /// # Errors
    /// All that is wrong in it.
    pub fn services(&self) -> Result<Vec<ServiceDefinition>, ConfigError> {
        let settings = self.settings()?;
        Ok(["service", "services"].into_iter().flat_map(|path| settings.services(path)).map(|placed| placed.definition.clone()).collect())
    }

    fn settings(&self) -> Result<Settings, ConfigError> {
        let tree = match self.format {
            Format::Json => Tree::from_json(&self.text),
            // HCL takes JSON, too.
            Format::Hcl if self.text.trim_start().starts_with('{') => Tree::from_json(&self.text),
            Format::Hcl => hcl::parse(&self.text),
        };
        let refused = |error| ConfigError { source: Some(self.name.clone()), problems: vec![Problem::Syntax(error)] };
        Settings::read(&self.name, &tree.map_err(refused)?)
    }
}

/// Which defaults the rest is put on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Profile {
    /// An agent of a datacenter.
    #[default]
    Production,
    /// `-dev`: a single throw-away server on loopback.
    Dev,
}

/// All that says how the agent is to run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// `-dev` or not.
    pub profile: Profile,
    /// Files, in the order given; those of a folder in the order of their names.
    pub files: Vec<Source>,
    /// Flags that stand for keys, with their values, in the order given.
    pub flags: Vec<(&'static Flag, String)>,
    /// `-hcl` fragments, in the order given.
    pub fragments: Vec<String>,
}

/// What `-dev` changes.
const DEV: &str = r#"
    server = true
    bind_addr = "127.0.0.1"
    enable_debug = true
    log_level = "DEBUG"
    performance { raft_multiplier = 1 }
"#;

/// Reads and checks all sources: defaults, then `-dev`, flags of lists, files, other flags, fragments; a later one replaces single
/// values, appends to lists and adds to maps. This is Consul's order.
///
/// # Errors
/// The first source that cannot be read, with all that is wrong in it; or else all rules the whole breaks.
pub fn load(sources: &Sources, host: &Host) -> Result<Config, ConfigError> {
    let mut settings = Settings::default();
    if sources.profile == Profile::Dev {
        settings.merge(Source { name: "-dev".to_owned(), format: Format::Hcl, text: DEV.to_owned() }.settings()?);
    }
    settings.merge(flagged(sources, Flag::is_list)?);
    for file in &sources.files {
        settings.merge(file.settings()?);
    }
    settings.merge(flagged(sources, |flag| !flag.is_list())?);
    for text in &sources.fragments {
        settings.merge(Source { name: "-hcl".to_owned(), format: Format::Hcl, text: text.clone() }.settings()?);
    }
    super::assemble::config(&settings, host, sources.profile)
}

fn flagged(sources: &Sources, chosen: fn(&Flag) -> bool) -> Result<Settings, ConfigError> {
    let (mut settings, mut problems) = (Settings::default(), Vec::new());
    for (flag, value) in sources.flags.iter().filter(|(flag, _)| chosen(flag)) {
        if let Err(problem) = settings.set(flag.key(), value) {
            problems.push(problem);
        }
    }
    if problems.is_empty() { Ok(settings) } else { Err(ConfigError { source: Some(flags::SOURCE.to_owned()), problems }) }
}
