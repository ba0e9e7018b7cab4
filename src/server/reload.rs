//! Reading the configuration again while the agent runs: what of it takes effect, and what waits for a restart.

use super::advice::advice;
use super::agent::Agent;
use crate::agent::local::LocalError;
use crate::config::{Config, Given, ScriptChecks};
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
    #[error("{0}")]
    Definitions(LocalError),
}

/// Checks of definition files run programs, and nobody allowed that. Their ids.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why} (check {ids})", why = LocalError::ScriptsDisabled, ids = .0.join(", "))]
pub struct ScriptsRefused(pub Vec<String>);

/// Refuses definitions whose checks run programs although `policy` does not let them.
pub(super) fn check_scripts(config: &Config, policy: ScriptChecks) -> Result<(), ScriptsRefused> {
    let refused: Vec<String> = config.refused_scripts(policy).into_iter().map(str::to_owned).collect();
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
        self.local().apply_definitions(config.services.clone(), config.checks.clone()).await.map_err(ReloadError::Definitions)?;
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
