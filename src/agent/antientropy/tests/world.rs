//! An agent, a catalog, and a driver that is always on time.

use crate::agent::antientropy::{AntiEntropy, Fetch, Input, Outcome, Output, Setup, Write, node_spec};
use crate::agent::local::{Embedding, Origin};
use crate::agent::local::{LocalCheck, LocalService, LocalView, Touched};
use crate::agent::query::WholeNode;
use crate::model::{CheckDefinition, CheckStatus, Instant, Machine, NodeId, NodeName, Probe, ServiceSpec, TagAuthority, Thresholds};
use crate::state::checks::{Check, CheckSpec};
use crate::state::nodes::{Node, NodeSpec};
use crate::state::services::Service;
use crate::state::{CatalogCommand, NodeUpdate, WriteOrder};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn node() -> NodeSpec {
    let ip = "10.0.0.1".parse().unwrap();
    node_spec(NodeId::from_u128(1), NodeName::parse("n1").unwrap(), ip, ip, BTreeMap::new())
}

/// What the catalog holds of the node, as simply as possible.
#[derive(Debug, Default, Clone)]
pub struct Catalog {
    pub node: Option<NodeSpec>,
    pub services: BTreeMap<String, ServiceSpec>,
    pub checks: BTreeMap<String, CheckSpec>,
    /// The writes that were taken, oldest first.
    pub taken: Vec<WriteOrder>,
}

impl PartialEq for Catalog {
    /// Whether the rows are the same, however they came.
    fn eq(&self, other: &Catalog) -> bool {
        (&self.node, &self.services, &self.checks) == (&other.node, &other.services, &other.checks)
    }
}

impl Catalog {
    /// Applies a write unless it is superseded.
    pub fn take(&mut self, order: &WriteOrder, command: &CatalogCommand) -> Outcome {
        self.refuse_superseded(order).map_or_else(|superseded| superseded, |()| self.apply(command))
    }

    /// A write is superseded by one that was taken, is newer and did not wait for it; each is taken once.
    pub fn refuse_superseded(&mut self, order: &WriteOrder) -> Result<(), Outcome> {
        let place = |order: &WriteOrder| (order.life, order.number);
        let supersedes = |taken: &WriteOrder| {
            place(taken) == place(order) || place(taken) > place(order) && !(taken.life == order.life && taken.open.contains(&order.number))
        };
        if self.taken.iter().any(supersedes) {
            let life = self.taken.iter().map(|taken| taken.life).max();
            return Err(Outcome::Superseded { life: life.expect("one supersedes it") });
        }
        self.taken.push(order.clone());
        Ok(())
    }

    /// Somebody removes the node with all that belongs to it, and supersedes what was sent before.
    pub fn remove_node(&mut self) {
        let mut taken = std::mem::take(&mut self.taken);
        let last = taken.iter().max_by_key(|taken| taken.life).cloned();
        taken.extend(last.map(|last| WriteOrder { number: u64::MAX, open: Vec::new(), ..last }));
        *self = Catalog { taken, ..Catalog::default() };
    }

    pub fn apply(&mut self, command: &CatalogCommand) -> Outcome {
        match command {
            CatalogCommand::Register { node, update, service, checks } => {
                let after = service.iter().map(|service| service.id.as_str());
                let ids: Vec<&str> = self.services.keys().map(String::as_str).chain(after).collect();
                if let Some(check) = checks.iter().find(|check| !check.service_id.is_empty() && !ids.contains(&check.service_id.as_str())) {
                    return Outcome::Refused(format!("no service for check {}", check.id));
                }
                if self.node.as_ref().is_some_and(|known| known.id != node.id) {
                    return Outcome::Refused("the name is taken".to_owned());
                }
                if *update == NodeUpdate::Apply || self.node.is_none() {
                    self.node = Some(node.clone());
                }
                self.services.extend(service.iter().map(|service| (service.id.clone(), service.clone())));
                self.checks.extend(checks.iter().map(|check| (check.id.clone(), check.clone())));
            }
            CatalogCommand::DeregisterService { service, .. } => {
                self.services.remove(service);
                self.checks.retain(|_, check| check.service_id != *service);
            }
            CatalogCommand::DeregisterCheck { check, .. } => {
                self.checks.remove(check);
            }
            CatalogCommand::DeregisterNode { .. } => self.remove_node(),
        }
        Outcome::Done
    }

    pub fn whole(&self) -> Option<WholeNode> {
        let spec = self.node.clone()?;
        let name = spec.name.clone();
        let services: BTreeMap<&String, Arc<Service>> =
            self.services.iter().map(|(id, spec)| (id, Arc::new(Service::new(&name, spec, 1, 1)))).collect();
        let check = |spec: &CheckSpec| Arc::new(Check::new(&name, spec, services.get(&spec.service_id).map(|service| &**service), 1, 1));
        Some(WholeNode {
            node: Arc::new(Node { spec, create_index: 1, modify_index: 1 }),
            checks: self.checks.values().map(check).collect(),
            services: services.into_values().collect(),
        })
    }
}

pub struct World {
    pub machine: AntiEntropy,
    pub now: Instant,
    pub view: LocalView,
    pub catalog: Catalog,
    /// What becomes of requests: answered at once, or not at all.
    pub servers: Servers,
    /// Everything decided, and when.
    pub heard: Vec<(Instant, Output)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Servers {
    Answer,
    Fail,
    /// Requests stay under way until a test ends them.
    Hang,
}

impl World {
    pub fn new() -> World {
        World::with_update_interval(secs(300))
    }

    pub fn with_update_interval(check_update_interval: Duration) -> World {
        World::seeded(check_update_interval, 7)
    }

    pub fn seeded(check_update_interval: Duration, seed: u64) -> World {
        World::begun(1, check_update_interval, seed)
    }

    /// One whose agent lives for the `life`th time.
    pub fn begun(life: u64, check_update_interval: Duration, seed: u64) -> World {
        let now = Instant::ZERO + secs(1000);
        let machine = AntiEntropy::new(now, Setup { id: NodeId::from_u128(1), life, node: node(), check_update_interval, seed });
        let (view, catalog) = (LocalView::default(), Catalog::default());
        World { machine, now, view, catalog, servers: Servers::Answer, heard: Vec::new() }
    }

    /// One that has synced, and has its node in the catalog.
    pub fn settled() -> World {
        let mut world = World::new();
        world.run_for(Duration::ZERO);
        world.heard.clear();
        world
    }

    pub fn input(&mut self, input: Input) {
        self.machine.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        let mut answers = Vec::new();
        while let Some(output) = self.machine.poll_output() {
            answers.extend(self.answer(&output));
            self.heard.push((self.now, output));
        }
        self.machine.check_invariants();
        for answer in answers {
            self.input(answer);
        }
    }

    fn answer(&mut self, output: &Output) -> Option<Input> {
        match (output, self.servers) {
            (_, Servers::Hang) | (Output::TakeTags { .. } | Output::Refused { .. }, _) => None,
            (Output::Fetch(fetch), Servers::Answer) => Some(Input::Fetched { fetch: *fetch, found: self.catalog.whole() }),
            (Output::Fetch(fetch), Servers::Fail) => Some(Input::FetchFailed(*fetch)),
            (Output::Write { write, order, command, .. }, Servers::Answer) => {
                Some(Input::Written { write: *write, outcome: self.catalog.take(order, command) })
            }
            (Output::Write { write, .. }, Servers::Fail) => Some(Input::Written { write: *write, outcome: Outcome::Unknown }),
        }
    }

    /// Handles what falls due on the way, on time.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(deadline) = self.machine.poll_timeout().filter(|deadline| deadline.at <= end) {
            self.now = self.now.max(deadline.at);
            self.machine.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    pub fn tell(&mut self, touched: Vec<Touched>) {
        self.input(Input::Local { view: self.view.clone(), touched });
    }

    pub fn register(&mut self, spec: ServiceSpec) {
        let id: Arc<str> = spec.id.as_str().into();
        let service = LocalService { spec, origin: Origin::Api, token: String::new() };
        self.view.services.insert(id.clone(), Arc::new(service));
        self.tell(vec![Touched::Service(id)]);
    }

    /// Registers a service and its checks by one change.
    pub fn register_with(&mut self, id: &str, checks: &[&str]) {
        let service = LocalService { spec: ServiceSpec::new(id, id), origin: Origin::Api, token: String::new() };
        self.view.services.insert(id.into(), Arc::new(service));
        let mut touched = vec![Touched::Service(id.into())];
        for check in checks {
            self.view.checks.insert((*check).into(), Arc::new(local_check(id, check)));
            touched.push(Touched::Check((*check).into()));
        }
        self.tell(touched);
    }

    pub fn deregister(&mut self, id: &str) {
        self.view.services.remove(id);
        let checks: Vec<Arc<str>> =
            self.view.checks.iter().filter(|(_, check)| check.definition.service_id == id).map(|(id, _)| id.clone()).collect();
        let mut touched: Vec<Touched> = checks.iter().map(|check| Touched::Check(check.clone())).collect();
        checks.iter().for_each(|check| {
            self.view.checks.remove(check);
        });
        touched.push(Touched::Service(id.into()));
        self.tell(touched);
    }

    pub fn check(&mut self, service: &str, id: &str) {
        self.view.checks.insert(id.into(), Arc::new(local_check(service, id)));
        self.tell(vec![Touched::Check(id.into())]);
    }

    pub fn set(&mut self, id: &str, status: CheckStatus, output: &str) {
        let check = self.view.checks.get(id).expect("the check is registered");
        let turned = check.status != status;
        let check = LocalCheck { status, output: output.to_owned(), ..LocalCheck::clone(check) };
        self.view.checks.insert(id.into(), Arc::new(check));
        self.tell(vec![if turned { Touched::Check(id.into()) } else { Touched::Output(id.into()) }]);
    }

    pub fn writes(&self) -> Vec<CatalogCommand> {
        let write = |(_, output): &(Instant, Output)| match output {
            Output::Write { command, .. } => Some(command.clone()),
            Output::Fetch(_) | Output::TakeTags { .. } | Output::Refused { .. } => None,
        };
        self.heard.iter().filter_map(write).collect()
    }

    pub fn write_ids(&self) -> Vec<Write> {
        let write = |(_, output): &(Instant, Output)| match output {
            Output::Write { write, .. } => Some(*write),
            Output::Fetch(_) | Output::TakeTags { .. } | Output::Refused { .. } => None,
        };
        self.heard.iter().filter_map(write).collect()
    }

    pub fn fetches(&self) -> Vec<(Instant, Fetch)> {
        let fetch = |(at, output): &(Instant, Output)| match output {
            Output::Fetch(fetch) => Some((*at, *fetch)),
            Output::Write { .. } | Output::TakeTags { .. } | Output::Refused { .. } => None,
        };
        self.heard.iter().filter_map(fetch).collect()
    }

    /// What the catalog should hold.
    pub fn wanted(&self) -> Catalog {
        Catalog {
            node: Some(node()),
            services: self.view.services.values().map(|service| (service.spec.id.clone(), service.spec.clone())).collect(),
            checks: self.view.checks.values().map(|check| (check.definition.id.clone(), check.catalog_spec())).collect(),
            taken: Vec::new(),
        }
    }
}

pub fn local_check(service: &str, id: &str) -> LocalCheck {
    let definition = CheckDefinition {
        id: id.to_owned(),
        name: id.to_owned(),
        notes: String::new(),
        service_id: service.to_owned(),
        initial: None,
        probe: Probe::Ttl { ttl: secs(60) },
        interval: Duration::ZERO,
        timeout: None,
        thresholds: Thresholds::default(),
        deregister_after: None,
        output_limit: None,
        token: String::new(),
    };
    let (status, output) = (CheckStatus::Critical, String::new());
    LocalCheck { definition: Arc::new(definition), status, output, origin: Origin::Api, embedding: Embedding::InService }
}

pub fn tagged(id: &str, tags: &[&str], tag_authority: TagAuthority) -> ServiceSpec {
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    ServiceSpec { tags, tag_authority, ..ServiceSpec::new(id, id) }
}
