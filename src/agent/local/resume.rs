//! An agent that starts again.

use super::change::LocalError;
use super::effects::{Effects, FileChange, Folder};
use super::record::Record;
use super::registry::{First, Local, LocalSettings, Placing};
use super::view::{Embedding, Origin};
use crate::model::{CheckDefinition, Probe, ServiceDefinition, Timestamp};
use std::sync::Arc;

impl Local {
    /// The registrations of an agent that starts: its files' definitions and what was registered over HTTP in earlier lives, `records` being
    /// all that was found on disk. Files win over records of the same id, and records that say nothing any more are removed. A definition that is
    /// refused stops the start; a record whose service is gone is only removed.
    pub fn resume(
        settings: LocalSettings,
        wall: Timestamp,
        records: Vec<Record>,
        services: Vec<ServiceDefinition>,
        checks: Vec<CheckDefinition>,
    ) -> Result<(Local, Effects), LocalError> {
        let mut local = Local::new(settings);
        let (mut served, mut checked) = (Vec::new(), Vec::new());
        for record in records {
            match record {
                Record::Service { spec, token } => served.push((spec, token)),
                Record::Check { definition, embedding } => checked.push((definition, embedding)),
                Record::State(state) => {
                    local.past.insert(state.check.as_str().into(), Arc::new(state));
                }
                Record::Life(life) => local.last_life = Some(life),
            }
        }
        let mut effects = Effects::default();
        // Files may define checks of services that were registered over HTTP.
        for (spec, token) in served {
            if services.iter().any(|service| service.spec.id == spec.id) {
                effects.remove(Folder::Services, &spec.id);
            } else {
                local.place_service(spec, token, Origin::Api, &mut effects);
            }
        }
        let defined = local.replace_file_definitions(wall, services, checks)?;
        effects.files.extend(defined.files);
        effects.health.extend(defined.health);
        defined.touched.into_iter().for_each(|touched| effects.touch(touched));
        for (definition, embedding) in checked {
            local.restore_check(wall, definition, embedding, &mut effects);
        }
        for gone in std::mem::take(&mut local.past).keys() {
            effects.remove(Folder::States, gone);
        }
        // What was read need not be written. A state that says nothing any more must be: the next sign of life vouches for all that is there.
        effects.files.retain(|change| match change {
            FileChange::Remove(_) => true,
            FileChange::Write { file, .. } => file.folder == Folder::States,
        });
        Ok((local, effects))
    }

    fn restore_check(&mut self, wall: Timestamp, definition: CheckDefinition, embedding: Embedding, effects: &mut Effects) {
        let homeless = !definition.service_id.is_empty() && !self.view.services.contains_key(definition.service_id.as_str());
        if homeless || self.view.checks.contains_key(definition.id.as_str()) {
            effects.remove(Folder::Checks, &definition.id);
            return;
        }
        let origin = if definition.probe == Probe::Maintenance { Origin::Agent } else { Origin::Api };
        self.place_check(wall, definition, Placing { origin, embedding, first: First::Critical }, effects);
    }
}
