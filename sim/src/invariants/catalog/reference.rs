//! The catalog as it must be: the applied commands played once more on plain maps, apart from the product's own tables.

use super::observed::{Subject, Which};
use muster::model::{NodeId, ServiceSpec};
use muster::state::checks::CheckSpec;
use muster::state::nodes::NodeSpec;
use muster::state::{CatalogCommand, NodeUpdate};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A node with all that belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Home {
    /// Its row.
    pub node: NodeSpec,
    /// Its instances by id.
    pub services: BTreeMap<String, ServiceSpec>,
    /// Its checks by id.
    pub checks: BTreeMap<String, CheckSpec>,
}

/// The catalog at one index. Nodes by name in lower case, each shared with the states before and after.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalog {
    /// The nodes.
    pub homes: BTreeMap<String, Arc<Home>>,
}

/// What an answer is made from, at one node.
#[derive(Debug, PartialEq)]
pub struct Ground<'a> {
    node: Option<&'a NodeSpec>,
    services: Vec<&'a ServiceSpec>,
    checks: Vec<&'a CheckSpec>,
}

impl Ground<'_> {
    /// Whether nothing here has anything to do with the answer.
    pub fn is_empty(&self) -> bool {
        self.node.is_none() && self.services.is_empty() && self.checks.is_empty()
    }
}

impl Catalog {
    /// Plays one command that took effect.
    pub fn play(&mut self, command: &CatalogCommand) {
        match command {
            CatalogCommand::Register { node, update, service, checks } => self.register(node, *update, service.as_ref(), checks),
            CatalogCommand::DeregisterNode { node, only_id } => {
                let key = fold(node.as_str());
                if self.homes.get(&key).is_some_and(|home| only_id.is_none_or(|id| home.node.id == Some(id))) {
                    self.homes.remove(&key);
                }
            }
            CatalogCommand::DeregisterService { node, service } => self.change(node.as_str(), |home| {
                if home.services.remove(service).is_some() {
                    home.checks.retain(|_, check| check.service_id != *service);
                }
            }),
            CatalogCommand::DeregisterCheck { node, check } => self.change(node.as_str(), |home| drop(home.checks.remove(check))),
        }
    }

    fn change(&mut self, node: &str, change: impl FnOnce(&mut Home)) {
        if let Some(home) = self.homes.get_mut(&fold(node)) {
            change(Arc::make_mut(home));
        }
    }

    fn register(&mut self, node: &NodeSpec, update: NodeUpdate, service: Option<&ServiceSpec>, checks: &[CheckSpec]) {
        let key = fold(node.name.as_str());
        let fresh = || Home { node: node.clone(), services: BTreeMap::new(), checks: BTreeMap::new() };
        match self.homes.get(&key).map(|home| home.node.clone()) {
            None => {
                self.drop_renamed(node.id);
                self.homes.insert(key.clone(), Arc::new(fresh()));
            }
            Some(_) if update == NodeUpdate::Skip => {}
            Some(held) => {
                let id = node.id.or(held.id);
                if held.id.is_some_and(|holder| id != Some(holder)) {
                    // Another machine took the name; what belonged to the old one went with it.
                    self.homes.insert(key.clone(), Arc::new(fresh()));
                }
                self.change(&key, |home| home.node = NodeSpec { id, ..node.clone() });
            }
        }
        self.change(&key, |home| {
            home.services.extend(service.map(|spec| (spec.id.clone(), spec.clone())));
            home.checks.extend(checks.iter().map(|check| (check.id.clone(), check.clone())));
        });
    }

    /// A node that comes with its id under another name was renamed.
    fn drop_renamed(&mut self, id: Option<NodeId>) {
        if id.is_some() {
            self.homes.retain(|_, home| home.node.id != id);
        }
    }

    /// Whether every check of an instance and of its node passes; `None` if the instance is not there.
    pub fn passes(&self, node: &str, service: &str) -> Option<bool> {
        let home = self.homes.get(&fold(node))?;
        home.services.contains_key(service).then(|| home.all_pass(service))
    }

    /// `node:port` of every instance of a service that is not critical, sorted: what DNS answers.
    pub fn named(&self, service: &str) -> Vec<String> {
        let mut lines: Vec<String> = self.homes.values().flat_map(|home| home.named(service)).collect();
        lines.sort();
        lines
    }

    /// The same of one instance, however it stands; `None` if it is not there.
    pub fn name_of(&self, node: &str, id: &str) -> Option<String> {
        let home = self.homes.get(&fold(node))?;
        home.services.get(id).map(|spec| home.name_of(spec))
    }

    /// What a client would be told, a line for each row, sorted.
    pub fn answer(&self, subject: &Subject) -> Vec<String> {
        let mut lines: Vec<String> = match subject {
            Subject::Health { .. } | Subject::Instances { .. } | Subject::Nodes => {
                self.homes.values().flat_map(|home| home.answer(subject)).collect()
            }
            Subject::Services => self.services(),
        };
        lines.sort();
        lines
    }

    fn services(&self) -> Vec<String> {
        let mut tags: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for spec in self.homes.values().flat_map(|home| home.services.values()) {
            tags.entry(&spec.name).or_default().extend(spec.tags.iter().map(|tag| &**tag));
        }
        tags.into_iter().map(|(name, tags)| services_line(name, tags)).collect()
    }
}

impl Home {
    fn checks_of(&self, service: &str) -> impl Iterator<Item = &CheckSpec> {
        self.checks.values().filter(move |check| check.service_id.is_empty() || check.service_id == service)
    }

    fn all_pass(&self, service: &str) -> bool {
        self.checks_of(service).all(|check| check.status.is_passing())
    }

    fn named(&self, service: &str) -> impl Iterator<Item = String> {
        let critical = |spec: &ServiceSpec| self.checks_of(&spec.id).any(|check| check.status.as_str() == "critical");
        self.instances(service, &Which::All).filter(move |spec| !critical(spec)).map(|spec| self.name_of(spec))
    }

    fn name_of(&self, spec: &ServiceSpec) -> String {
        format!("{}:{}", self.node.name, spec.port)
    }

    fn health_line(&self, spec: &ServiceSpec) -> String {
        let checks = self.checks_of(&spec.id).map(|check| format!("{}={}", check.id, check.status.as_str())).collect();
        health_line(self.node.name.as_str(), &spec.id, &spec.tags, spec.port, checks)
    }

    fn instance_line(&self, spec: &ServiceSpec) -> String {
        instance_line(self.node.name.as_str(), &spec.id, &spec.tags, spec.port)
    }

    /// Its part of an answer.
    pub fn answer(&self, subject: &Subject) -> Vec<String> {
        match subject {
            Subject::Health { service, which } => self.instances(service, which).map(|spec| self.health_line(spec)).collect(),
            Subject::Instances { service, which } => self.instances(service, which).map(|spec| self.instance_line(spec)).collect(),
            Subject::Services => self.services.values().map(|spec| format!("{} {:?}", spec.name, spec.tags)).collect(),
            Subject::Nodes => vec![node_line(&self.node)],
        }
    }

    /// Everything here that a change of an answer could come from, whatever part of it was asked for.
    pub fn ground(&self, subject: &Subject) -> Ground<'_> {
        match subject {
            Subject::Health { service, .. } | Subject::Instances { service, .. } => {
                let services: Vec<&ServiceSpec> = self.instances(service, &Which::All).collect();
                let of_any = |check: &&CheckSpec| check.service_id.is_empty() || services.iter().any(|spec| spec.id == check.service_id);
                let checks = if services.is_empty() { Vec::new() } else { self.checks.values().filter(of_any).collect() };
                Ground { node: Some(&self.node).filter(|_| !services.is_empty()), services, checks }
            }
            Subject::Services => Ground { node: None, services: self.services.values().collect(), checks: Vec::new() },
            Subject::Nodes => Ground { node: Some(&self.node), services: Vec::new(), checks: Vec::new() },
        }
    }

    fn instances(&self, service: &str, which: &Which) -> impl Iterator<Item = &ServiceSpec> {
        let of = move |spec: &&ServiceSpec| {
            spec.name == service
                && match which {
                    Which::All => true,
                    Which::Passing => self.all_pass(&spec.id),
                    Which::Tagged(tag) | Which::Filtered(tag) => spec.tags.iter().any(|has| **has == **tag),
                }
        };
        self.services.values().filter(of)
    }
}

/// An instance with its checks in one line.
pub fn health_line(node: &str, id: &str, tags: &[String], port: i64, mut checks: Vec<String>) -> String {
    checks.sort();
    format!("{} [{}]", instance_line(node, id, tags, port), checks.join(" "))
}

/// An instance in one line.
pub fn instance_line(node: &str, id: &str, tags: &[String], port: i64) -> String {
    format!("{node}/{id}:{port} {{{}}}", tags.join(","))
}

/// A service with the tags of its instances in one line.
pub fn services_line(name: &str, tags: BTreeSet<&str>) -> String {
    format!("{name} {{{}}}", tags.into_iter().collect::<Vec<_>>().join(","))
}

fn node_line(node: &NodeSpec) -> String {
    format!("{} {} {}", node.name, node.id.map_or_else(String::new, |id| id.to_string()), node.address)
}

fn fold(name: &str) -> String {
    name.to_lowercase()
}
