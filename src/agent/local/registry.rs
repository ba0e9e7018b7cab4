//! The registrations and the rules by which they change.

use super::change::{LocalChange, LocalError, Maintenance, OtherChecks};
use super::effects::{Effects, Folder, Touched};
use super::maintenance::{Subject, is_maintenance};
use super::record::{CheckState, Life, Record};
use super::view::{Embedding, LocalCheck, LocalService, LocalView, Origin};
use crate::health::{self, Verdict, examine};
use crate::model::{CheckDefinition, CheckStatus, NodeName, Probe, ServiceDefinition, ServiceSpec, Timestamp};
use imbl::{OrdMap, OrdSet};
use std::sync::Arc;

/// The most services of one agent; one more is refused ([`LocalError::Full`]).
pub const MAX_SERVICES: usize = 16_384;

/// The most checks of one agent; one more is refused ([`LocalError::Full`]).
pub const MAX_CHECKS: usize = 65_536;

/// What the registry knows of its agent.
#[derive(Debug, Clone)]
pub struct LocalSettings {
    /// The agent's node: an alias check of it by name is one of the agent's own.
    pub node: NodeName,
    /// The most services; [`MAX_SERVICES`] but in tests.
    pub services: usize,
    /// The most checks; [`MAX_CHECKS`] but in tests.
    pub checks: usize,
}

impl LocalSettings {
    /// The settings of an agent with that node.
    pub const fn of(node: NodeName) -> LocalSettings {
        LocalSettings { node, services: MAX_SERVICES, checks: MAX_CHECKS }
    }
}

/// Ids of checks, by the id of a service; by the empty one those of the node.
pub(super) type ByService = OrdMap<Arc<str>, OrdSet<Arc<str>>>;

/// The agent's registrations. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Local {
    pub(super) settings: LocalSettings,
    pub(super) view: LocalView,
    /// Checks by the service they belong to.
    pub(super) owned: ByService,
    /// Alias checks by the service of this agent that they follow.
    pub(super) aliases: ByService,
    /// How checks stood in an earlier life that were not registered in this one yet.
    pub(super) past: OrdMap<Arc<str>, Arc<CheckState>>,
    /// The last sign of the life before this one, if it can be read.
    pub(super) last_life: Option<Life>,
    /// When the state of a check was last written: of every check but those of maintenance.
    pub(super) kept: OrdMap<Arc<str>, Timestamp>,
}

/// How a check comes to be registered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placing {
    pub origin: Origin,
    pub embedding: Embedding,
    /// How a check stands that is new here.
    pub first: First,
}

/// How a check stands that is new here and whose past is not known.
#[derive(Debug, Clone, Copy)]
pub(super) enum First {
    /// As its definition says.
    AsDefined,
    /// Critical: it had results before, and nobody knows them any more.
    Critical,
}

impl Local {
    /// No registrations yet.
    pub fn new(settings: LocalSettings) -> Local {
        Local {
            settings,
            view: LocalView::default(),
            owned: OrdMap::new(),
            aliases: OrdMap::new(),
            past: OrdMap::new(),
            last_life: None,
            kept: OrdMap::new(),
        }
    }

    /// All registrations as they stand.
    pub fn view(&self) -> &LocalView {
        &self.view
    }

    /// Makes a change that was asked for over HTTP; nothing changes if it is refused. `wall` is the time, for what is kept of check states.
    pub fn apply(&mut self, wall: Timestamp, change: LocalChange) -> Result<Effects, LocalError> {
        let mut effects = Effects::default();
        match change {
            LocalChange::RegisterService { definition, others } => {
                self.admit(&definition.checks, Some(&definition.spec.id))?;
                self.register_service(wall, *definition, others, &mut effects);
            }
            LocalChange::DeregisterService { id } => {
                self.service(&id)?;
                self.remove_service(&id, &mut effects);
            }
            LocalChange::RegisterCheck { definition } => {
                if !definition.service_id.is_empty() && !self.view.services.contains_key(definition.service_id.as_str()) {
                    return Err(LocalError::NoServiceForCheck(definition.service_id.clone()));
                }
                self.admit(std::slice::from_ref(&*definition), None)?;
                let placing = Placing { origin: Origin::Api, embedding: Embedding::Alone, first: First::AsDefined };
                self.place_check(wall, *definition, placing, &mut effects);
            }
            LocalChange::DeregisterCheck { id } => {
                self.check(&id)?;
                self.remove_check(&id, &mut effects);
            }
            LocalChange::Heartbeat { id, status, output } => self.heartbeat(wall, &id, Verdict { status, output }, &mut effects)?,
            LocalChange::ServiceMaintenance { id, maintenance } => {
                self.service(&id)?;
                self.maintain(wall, Subject::Service(&id), &maintenance, &mut effects);
            }
            LocalChange::NodeMaintenance(maintenance) => self.maintain(wall, Subject::Node, &maintenance, &mut effects),
        }
        Ok(effects)
    }

    /// A check stands so now, as the machine of checks says. One that is not registered (any more) has no effect.
    pub fn settle(&mut self, wall: Timestamp, id: &str, verdict: Verdict) -> Effects {
        let mut effects = Effects::default();
        let Ok(check) = self.check(id).cloned() else { return effects };
        let key: Arc<str> = id.into();
        let turned = check.status != verdict.status;
        if !turned && check.output == verdict.output {
            return effects;
        }
        let settled = LocalCheck { status: verdict.status, output: verdict.output, ..LocalCheck::clone(&check) };
        self.view.checks.insert(key.clone(), Arc::new(settled));
        if turned || self.state_is_old(wall, &check.definition) {
            self.keep_state(wall, id, &mut effects);
        }
        effects.touch(if turned { Touched::Check(key) } else { Touched::Output(key) });
        self.retarget(&check.definition.service_id, &mut effects);
        effects
    }

    /// Takes the tags of a service from the catalog, where they are decided ([`crate::model::TagAuthority::Catalog`]).
    pub fn take_tags(&mut self, service: &str, tags: Vec<String>) {
        if let Some(known) = self.view.services.get(service).filter(|known| known.spec.tags != tags) {
            let spec = ServiceSpec { tags, ..known.spec.clone() };
            let taken = LocalService { spec, ..LocalService::clone(known) };
            self.view.services.insert(service.into(), Arc::new(taken));
        }
    }

    pub(super) fn service(&self, id: &str) -> Result<&Arc<LocalService>, LocalError> {
        self.view.services.get(id).ok_or_else(|| LocalError::UnknownService(id.to_owned()))
    }

    pub(super) fn check(&self, id: &str) -> Result<&Arc<LocalCheck>, LocalError> {
        self.view.checks.get(id).ok_or_else(|| LocalError::UnknownCheck(id.to_owned()))
    }

    /// Whether there is room for these checks and that service, and the checks can be looked after.
    pub(super) fn admit(&self, checks: &[CheckDefinition], service: Option<&str>) -> Result<(), LocalError> {
        for check in checks {
            if let Probe::Tree(tree) = &check.probe {
                examine(tree).map_err(|fault| LocalError::InvalidCheck { id: check.id.clone(), fault })?;
            }
        }
        let most = self.settings.services;
        if service.is_some_and(|id| !self.view.services.contains_key(id)) && self.view.services.len() >= most {
            return Err(LocalError::Full(format!("this agent has {most} services, as many as it may")));
        }
        let fresh = checks.iter().filter(|check| !self.view.checks.contains_key(check.id.as_str())).count();
        let most = self.settings.checks;
        if self.view.checks.len() + fresh > most {
            return Err(LocalError::Full(format!("this agent may have {most} checks and has {}", self.view.checks.len())));
        }
        Ok(())
    }

    fn register_service(&mut self, wall: Timestamp, definition: ServiceDefinition, others: OtherChecks, effects: &mut Effects) {
        let ServiceDefinition { spec, checks, token } = definition;
        let id: Arc<str> = spec.id.as_str().into();
        self.place_service(spec, token, Origin::Api, effects);
        let named: OrdSet<Arc<str>> = checks.iter().map(|check| Arc::from(check.id.as_str())).collect();
        for check in checks {
            let check = CheckDefinition { service_id: id.as_ref().to_owned(), ..check };
            let placing = Placing { origin: Origin::Api, embedding: Embedding::InService, first: First::AsDefined };
            self.place_check(wall, check, placing, effects);
        }
        match others {
            OtherChecks::Keep => {}
            OtherChecks::Drop => {
                let of_service = self.owned.get(&id).cloned().unwrap_or_default();
                // Maintenance is an operator's word: no registration takes it back.
                for other in of_service.iter().filter(|other| !named.contains(*other) && !is_maintenance(other)) {
                    self.remove_check(other, effects);
                }
            }
        }
    }

    pub(super) fn place_service(&mut self, spec: ServiceSpec, token: String, origin: Origin, effects: &mut Effects) {
        let id: Arc<str> = spec.id.as_str().into();
        let service = LocalService { spec, origin, token };
        let before = self.view.services.insert(id.clone(), Arc::new(service.clone()));
        match (origin, before.as_ref().map(|before| before.origin)) {
            (Origin::File, None | Some(Origin::File | Origin::Agent)) | (Origin::Agent, _) => {}
            (Origin::File, Some(Origin::Api)) => effects.remove(Folder::Services, &id),
            (Origin::Api, _) if before.as_deref() == Some(&service) => {}
            (Origin::Api, _) => effects.write(&Record::Service { spec: service.spec, token: service.token }),
        }
        effects.touch(Touched::Service(id.clone()));
        self.retarget(&id, effects);
    }

    pub(super) fn remove_service(&mut self, id: &str, effects: &mut Effects) {
        let Some(service) = self.view.services.remove(id) else { return };
        if service.origin != Origin::File {
            effects.remove(Folder::Services, id);
        }
        for check in self.owned.get(id).cloned().unwrap_or_default() {
            self.remove_check(&check, effects);
        }
        effects.touch(Touched::Service(id.into()));
        self.retarget(id, effects);
    }

    pub(super) fn place_check(&mut self, wall: Timestamp, definition: CheckDefinition, placing: Placing, effects: &mut Effects) {
        let id: Arc<str> = definition.id.as_str().into();
        let before = self.view.checks.get(&id).cloned();
        let verdict = self.first_verdict(wall, &definition, placing.first);
        let definition = Arc::new(definition);
        let Placing { origin, embedding, .. } = placing;
        let check =
            LocalCheck { definition: definition.clone(), status: verdict.status, output: verdict.output.clone(), origin, embedding };
        match (origin, before.as_ref()) {
            (Origin::File, Some(before)) if before.origin != Origin::File => effects.remove(Folder::Checks, &id),
            (Origin::File, _) => {}
            (Origin::Api | Origin::Agent, Some(before)) if is_same(before, &check) => {}
            (Origin::Api | Origin::Agent, _) => {
                effects.write(&Record::Check { definition: CheckDefinition::clone(&definition), embedding });
            }
        }
        if let Some(before) = &before {
            self.unlink(before);
        }
        self.link(&id, &definition);
        self.view.checks.insert(id.clone(), Arc::new(check));
        // A TTL begins anew with its registration; what was recalled is on disk already, and is not renewed by a restart.
        if !self.kept.contains_key(&id) || (before.is_some() && self.state_is_old(wall, &definition)) {
            self.keep_state(wall, &id, effects);
        }
        match (&definition.probe, &before) {
            (Probe::Maintenance, None) => {}
            (Probe::Maintenance, Some(_)) => effects.health.push(health::Input::Forget(id.clone())),
            (_, _) => effects.health.push(health::Input::Watch { definition: definition.clone(), verdict }),
        }
        effects.touch(Touched::Check(id.clone()));
        if let Some(before) = before.filter(|before| before.definition.service_id != definition.service_id) {
            self.retarget(&before.definition.service_id, effects);
        }
        self.retarget(&definition.service_id, effects);
        self.target(&id, effects);
    }

    pub(super) fn remove_check(&mut self, id: &str, effects: &mut Effects) {
        let Some(check) = self.view.checks.remove(id) else { return };
        self.unlink(&check);
        if check.origin != Origin::File {
            effects.remove(Folder::Checks, id);
        }
        if self.kept.remove(id).is_some() {
            effects.remove(Folder::States, id);
        }
        if check.definition.probe != Probe::Maintenance {
            effects.health.push(health::Input::Forget(id.into()));
        }
        effects.touch(Touched::Check(id.into()));
        self.retarget(&check.definition.service_id, effects);
    }

    fn maintain(&mut self, wall: Timestamp, subject: Subject<'_>, maintenance: &Maintenance, effects: &mut Effects) {
        let id = subject.check_id();
        match (subject.check(maintenance), self.view.checks.get(id.as_str())) {
            // Already out of use: the first reason stands.
            (Some(_), Some(_)) | (None, None) => {}
            (Some(check), None) => {
                let placing = Placing { origin: Origin::Agent, embedding: Embedding::Alone, first: First::AsDefined };
                self.place_check(wall, check, placing, effects);
            }
            (None, Some(_)) => self.remove_check(&id, effects),
        }
    }

    fn first_verdict(&mut self, wall: Timestamp, definition: &CheckDefinition, first: First) -> Verdict {
        if let Some(check) = self.view.checks.get(definition.id.as_str()) {
            return Verdict { status: check.status, output: check.output.clone() };
        }
        if let Some(recalled) = self.recall(wall, definition) {
            return recalled;
        }
        let status = match first {
            First::AsDefined => definition.initial.unwrap_or(CheckStatus::Critical),
            First::Critical => CheckStatus::Critical,
        };
        Verdict { status, output: String::new() }
    }

    /// Panics if the indexes and the registrations do not fit.
    pub fn check_invariants(&self) {
        let (mut owned, mut aliases) = (ByService::new(), ByService::new());
        for (id, check) in &self.view.checks {
            let service = check.definition.service_id.as_str();
            assert_eq!(**id, *check.definition.id, "a check is found by its id");
            assert!(service.is_empty() || self.view.services.contains_key(service), "a check of a service belongs to one that is there");
            owned.entry(service.into()).or_default().insert(id.clone());
            if let Some(target) = self.followed(&check.definition) {
                aliases.entry(target).or_default().insert(id.clone());
            }
        }
        assert!(owned == self.owned, "checks are found by their service");
        assert!(aliases == self.aliases, "alias checks are found by what they follow");
        assert!(self.view.services.iter().all(|(id, service)| **id == *service.spec.id), "a service is found by its id");
        let judged = self.view.checks.iter().filter(|(_, check)| check.definition.probe != Probe::Maintenance);
        assert!(judged.map(|(id, _)| id).eq(self.kept.keys()), "states are kept of what is registered");
    }

    fn link(&mut self, id: &Arc<str>, definition: &CheckDefinition) {
        self.owned.entry(definition.service_id.as_str().into()).or_default().insert(id.clone());
        if let Some(target) = self.followed(definition) {
            self.aliases.entry(target).or_default().insert(id.clone());
        }
    }

    fn unlink(&mut self, check: &LocalCheck) {
        let definition = &check.definition;
        take_out(&mut self.owned, &definition.service_id, &definition.id);
        if let Some(target) = self.followed(definition) {
            take_out(&mut self.aliases, &target, &definition.id);
        }
    }
}

/// Whether what is kept on disk of two checks is the same.
fn is_same(a: &LocalCheck, b: &LocalCheck) -> bool {
    a.definition == b.definition && a.origin == b.origin && a.embedding == b.embedding
}

fn take_out(by_service: &mut ByService, service: &str, id: &str) {
    if let Some(ids) = by_service.get_mut(service) {
        ids.remove(id);
        if ids.is_empty() {
            by_service.remove(service);
        }
    }
}
