//! What clients and definition files ask for.

use super::{LocalAgent, records};
use crate::agent::local::{FileChange, Folder, LocalChange, LocalError, lint};
use crate::config::{CheckTuning, ScriptChecks, runs_programs};
use crate::model::{CheckDefinition, ServiceAddress, ServiceDefinition, ServiceSpec};
use crate::runtime::{Runtime, timeout};
use std::net::IpAddr;

impl<R: Runtime> LocalAgent<R> {
    /// Makes a change. What is to be kept is on disk when this returns, and the catalog was told once if that could be done: if not, it will be.
    /// Of heartbeats those that turn their check are kept; of the others, when the last came is written now and then.
    pub async fn change(&self, change: LocalChange) -> Result<(), LocalError> {
        if let LocalChange::Heartbeat { .. } = change {
            return self.heartbeat(change).await;
        }
        let agent = self.clone();
        // A change that was begun is made, though its client goes away: files and registrations must not part.
        let made = R::spawn(async move { agent.register(change).await });
        made.await.unwrap_or_else(|error| Err(LocalError::Disk(format!("the agent is stopping: {error}"))))
    }

    async fn heartbeat(&self, told: LocalChange) -> Result<(), LocalError> {
        if let Some(kept) = self.step(|core, now| core.heartbeat(now, told, self))? {
            self.0.urgent.notify_one();
            // A disk that takes nothing is told of where states are written. The check stands as it was told all the same.
            let _ = timeout::<R, _>(self.0.attempt, kept).await;
        }
        Ok(())
    }

    pub(super) async fn register(&self, change: LocalChange) -> Result<(), LocalError> {
        self.refuse_scripts(&change)?;
        let change = completed(change);
        let turn = self.0.changing.lock().await;
        // Judged on a copy first: nothing may stand here that is not on disk.
        let files = self.step(|core, now| core.local.clone().apply(now.wall, change.clone()))?.files;
        self.write(files).await?;
        let attempted = self.step(|core, now| core.change(now, change, self).map(|touched| core.attempted(touched)))?;
        drop(turn);
        self.0.aliases.notify_one();
        // No more than one attempt: what does not get through now goes on being tried.
        let _ = timeout::<R, _>(self.0.attempt, attempted).await;
        Ok(())
    }

    /// From now on these are the definitions of files. Nothing changes if one of them is refused.
    pub async fn apply_definitions(&self, services: Vec<ServiceDefinition>, checks: Vec<CheckDefinition>) -> Result<(), LocalError> {
        let services: Vec<ServiceDefinition> = services.into_iter().map(complete).collect();
        let _turn = self.0.changing.lock().await;
        let judged = self.step(|core, now| core.local.clone().replace_file_definitions(now.wall, services.clone(), checks.clone()))?;
        self.write(judged.files).await?;
        self.step(|core, now| {
            let effects = core.local.replace_file_definitions(now.wall, services, checks)?;
            core.carry_out(now, effects, self);
            Ok(())
        })?;
        self.0.aliases.notify_one();
        Ok(())
    }

    /// From now on so much is kept of the outputs of checks (`check_output_max_size`, `discard_check_output`).
    pub fn keep_output(&self, tuning: &CheckTuning) {
        self.step(|core, now| core.keep_output(now, tuning, self));
    }

    async fn write(&self, mut files: Vec<FileChange>) -> Result<(), LocalError> {
        files.retain(|change| records::file_of(change).folder != Folder::States);
        records::write(&self.0.disk, &files).await.map_err(|error| LocalError::Disk(error.to_string()))
    }

    /// Whoever can write over HTTP can have programs run only if that is turned on.
    fn refuse_scripts(&self, change: &LocalChange) -> Result<(), LocalError> {
        let checks: &[CheckDefinition] = match change {
            LocalChange::RegisterService { definition, .. } => {
                if let Some(lint) = lint(&definition.checks) {
                    tracing::debug!(service = definition.spec.id, "{lint}");
                }
                &definition.checks
            }
            LocalChange::RegisterCheck { definition } => std::slice::from_ref(definition),
            LocalChange::DeregisterService { .. }
            | LocalChange::DeregisterCheck { .. }
            | LocalChange::Heartbeat { .. }
            | LocalChange::ServiceMaintenance { .. }
            | LocalChange::NodeMaintenance(_) => &[],
        };
        match self.0.scripts {
            ScriptChecks::All => Ok(()),
            ScriptChecks::Off | ScriptChecks::Files if checks.iter().any(|check| runs_programs(&check.probe)) => {
                Err(LocalError::ScriptsDisabled)
            }
            ScriptChecks::Off | ScriptChecks::Files => Ok(()),
        }
    }
}

fn completed(change: LocalChange) -> LocalChange {
    match change {
        LocalChange::RegisterService { definition, others } => {
            LocalChange::RegisterService { definition: Box::new(complete(*definition)), others }
        }
        change => change,
    }
}

/// Adds what Consul adds to every service with an address: the same address by its family, for those who ask for one.
pub(super) fn complete(definition: ServiceDefinition) -> ServiceDefinition {
    ServiceDefinition { spec: with_families(definition.spec), ..definition }
}

fn with_families(mut spec: ServiceSpec) -> ServiceSpec {
    if let Ok(ip) = spec.address.parse::<IpAddr>() {
        let family = if ip.is_ipv4() { "ipv4" } else { "ipv6" };
        for way in ["lan", "wan"] {
            let own = || ServiceAddress { address: spec.address.clone(), port: spec.port };
            spec.tagged_addresses.entry(format!("{way}_{family}")).or_insert_with(own);
        }
    }
    spec
}

#[cfg(test)]
mod tests {
    use super::with_families;
    use crate::model::{ServiceAddress, ServiceSpec};

    #[test]
    fn a_service_with_an_address_has_it_by_family_unless_another_was_given() {
        let mut spec = ServiceSpec { address: "10.0.0.1".to_owned(), port: 80, ..ServiceSpec::new("web", "web") };
        let other = ServiceAddress { address: "198.51.100.1".to_owned(), port: 8 };
        spec.tagged_addresses.insert("wan_ipv4".to_owned(), other.clone());
        let spec = with_families(spec);
        let own = ServiceAddress { address: "10.0.0.1".to_owned(), port: 80 };
        assert_eq!(spec.tagged_addresses.into_iter().collect::<Vec<_>>(), [("lan_ipv4".to_owned(), own), ("wan_ipv4".to_owned(), other)]);
    }

    #[test]
    fn a_host_name_and_no_address_have_no_family() {
        for address in ["", "db.example"] {
            let spec = with_families(ServiceSpec { address: address.to_owned(), ..ServiceSpec::new("web", "web") });
            assert!(spec.tagged_addresses.is_empty(), "{address}");
        }
        let six = with_families(ServiceSpec { address: "::1".to_owned(), ..ServiceSpec::new("web", "web") });
        assert_eq!(six.tagged_addresses.keys().collect::<Vec<_>>(), ["lan_ipv6", "wan_ipv6"]);
    }
}
