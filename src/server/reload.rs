//! Reading the configuration again while the agent runs: what of it takes effect, and what waits for a restart.

use super::advice::advice;
use super::agent::Agent;
use crate::agent::local::LocalError;
use crate::config::{Config, Given, Place, ScriptChecks};
use crate::runtime::Runtime;

/// Why a configuration was not taken over. Nothing is changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// It cannot be read, or would not start an agent.
    #[error("{0}")]
    Unreadable(String),
    /// Its checks run programs, which this agent does not.
    #[error(transparent)]
    Scripts(#[from] ScriptsRefused),
    /// Its definitions were refused.
    #[error(transparent)]
    Definitions(#[from] DefinitionRefused),
}

/// A definition of a file was refused by the agent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{why}", place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default())]
pub struct DefinitionRefused {
    /// Where it stands, if it is this one alone that is refused.
    pub place: Option<Place>,
    /// Why.
    pub why: LocalError,
}

impl DefinitionRefused {
    /// Says of which definition of `config` it was said.
    pub(super) fn of(config: &Config, why: LocalError) -> DefinitionRefused {
        let place = match &why {
            LocalError::NoServiceForCheck(service) => config.place_of_check_for(service),
            LocalError::InvalidCheck { id, .. } => config.place_of_check(id),
            LocalError::UnknownService(_)
            | LocalError::UnknownCheck(_)
            | LocalError::NoTtl(_)
            | LocalError::ScriptsDisabled
            | LocalError::Full(_)
            | LocalError::Disk(_) => None,
        };
        DefinitionRefused { place, why }
    }
}

/// Checks of definition files run programs, and nobody allowed that. Where each stands, and its id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.lines())]
pub struct ScriptsRefused(pub Vec<(Place, String)>);

impl ScriptsRefused {
    fn lines(&self) -> String {
        let line = |(place, id): &(Place, String)| format!("{place}: {} (check {id})", LocalError::ScriptsDisabled);
        self.0.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Refuses definitions whose checks run programs although `policy` does not let them.
pub(super) fn check_scripts(config: &Config, policy: ScriptChecks) -> Result<(), ScriptsRefused> {
    let refused: Vec<(Place, String)> = config.refused_scripts(policy).into_iter().map(|(place, id)| (place, id.to_owned())).collect();
    if refused.is_empty() { Ok(()) } else { Err(ScriptsRefused(refused)) }
}

impl<R: Runtime> Agent<R> {
    /// Reads the configuration again and takes over what a running agent can: `log_level`, `dns_config`, `recursors`, the watches, the definitions of
    /// services and checks, and how much of their output is kept. Other keys that changed are told in the log. A configuration that would not start an agent changes nothing.
    ///
    /// Reloads take turns; one that is dropped while it waits or reads has no effect.
    pub async fn reload(&self) -> Result<(), ReloadError> {
        let _turn = self.0.reloads.lock().await;
        let reread = self.0.surroundings.reread.clone();
        let read = R::spawn_blocking(move || reread()).await.unwrap_or_else(|error| Err(error.to_string()));
        let config = read.map_err(ReloadError::Unreadable)?;
        check_scripts(&config, self.config().check_tuning.scripts)?;
        let applied = self.local().apply_definitions(config.services.clone(), config.checks.clone()).await;
        applied.map_err(|why| DefinitionRefused::of(&config, why))?;
        self.local().keep_output(&config.check_tuning);
        self.apply_watches(&config.watches);
        self.0.dns.reload(self.config(), &config);
        self.0.surroundings.log.set_level(&config.log_level);
        self.say_what_changed(&config);
        Ok(())
    }

    fn say_what_changed(&self, config: &Config) {
        let changes = self.config().given.changes(&config.given);
        tracing::info!(
            log_level = config.log_level,
            services = config.services.len(),
            checks = config.checks.len(),
            "the configuration was read again"
        );
        let advice = advice(&config.services, &config.checks);
        config.warnings.iter().chain(&advice).for_each(|warning| tracing::warn!("{warning}"));
        if !changes.at_restart.is_empty() {
            tracing::warn!(
                keys = changes.at_restart.join(", "),
                taken_over = Given::live_keys().join(", "),
                "these keys were changed and take effect when the agent is started again"
            );
        }
    }
}
