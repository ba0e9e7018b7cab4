//! The definitions of files, read again.

use super::change::LocalError;
use super::effects::Effects;
use super::registry::{First, Local, Placing};
use super::view::{Embedding, Origin};
use crate::model::{CheckDefinition, ServiceDefinition, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Local {
    /// From now on these are the definitions of files, and no others. What is the same as before is left alone, what is gone is deregistered; a
    /// definition over HTTP of the same id is replaced, and forgotten on disk. Nothing changes if one of them is refused.
    pub fn replace_file_definitions(
        &mut self,
        wall: Timestamp,
        services: Vec<ServiceDefinition>,
        checks: Vec<CheckDefinition>,
    ) -> Result<Effects, LocalError> {
        let mut next = self.clone();
        let mut effects = Effects::default();
        let mut kept = Defined::default();
        for service in services {
            next.define_service(wall, service, &mut kept, &mut effects)?;
        }
        next.drop_services(&kept, &mut effects);
        for check in checks {
            if !check.service_id.is_empty() && !next.view.services.contains_key(check.service_id.as_str()) {
                return Err(LocalError::NoServiceForCheck(check.service_id));
            }
            next.define_check(wall, check, Embedding::Alone, &mut kept, &mut effects)?;
        }
        next.drop_checks(&kept, &mut effects);
        *self = next;
        Ok(effects)
    }

    fn define_service(
        &mut self,
        wall: Timestamp,
        definition: ServiceDefinition,
        kept: &mut Defined,
        effects: &mut Effects,
    ) -> Result<(), LocalError> {
        let ServiceDefinition { spec, checks, token } = definition;
        self.admit(&[], Some(&spec.id))?;
        let id = spec.id.clone();
        kept.services.insert(id.as_str().into());
        let known = self.view.services.get(id.as_str());
        if known.is_none_or(|known| known.origin != Origin::File || known.spec != spec || known.token != token) {
            self.place_service(spec, token, Origin::File, effects);
        }
        for check in checks {
            let check = CheckDefinition { service_id: id.clone(), ..check };
            self.define_check(wall, check, Embedding::InService, kept, effects)?;
        }
        Ok(())
    }

    fn define_check(
        &mut self,
        wall: Timestamp,
        definition: CheckDefinition,
        embedding: Embedding,
        kept: &mut Defined,
        effects: &mut Effects,
    ) -> Result<(), LocalError> {
        self.admit(std::slice::from_ref(&definition), None)?;
        kept.checks.insert(definition.id.as_str().into());
        let known = self.view.checks.get(definition.id.as_str());
        let settled =
            known.is_some_and(|known| known.origin == Origin::File && *known.definition == definition && known.embedding == embedding);
        if !settled {
            let placing = Placing { origin: Origin::File, embedding, first: First::AsDefined };
            self.place_check(wall, definition, placing, effects);
        }
        Ok(())
    }

    fn drop_services(&mut self, kept: &Defined, effects: &mut Effects) {
        let services = self.view.services.iter().filter(|(id, known)| known.origin == Origin::File && !kept.services.contains(*id));
        let gone: Vec<Arc<str>> = services.map(|(id, _)| id.clone()).collect();
        gone.iter().for_each(|id| self.remove_service(id, effects));
    }

    fn drop_checks(&mut self, kept: &Defined, effects: &mut Effects) {
        let checks = self.view.checks.iter().filter(|(id, known)| known.origin == Origin::File && !kept.checks.contains(*id));
        let gone: Vec<Arc<str>> = checks.map(|(id, _)| id.clone()).collect();
        gone.iter().for_each(|id| self.remove_check(id, effects));
    }
}

/// What the files define now.
#[derive(Default)]
struct Defined {
    services: BTreeSet<Arc<str>>,
    checks: BTreeSet<Arc<str>>,
}
