//! What the catalog costs: a registration, a look at a service's health, waking those who wait, memory. `cargo bench --bench catalog [instances]`.
//!
//! Every measurement runs on a catalog with so many instances (a million unless told) of 1,000 services on nodes of ten, one check each.

use muster::agent::query::{Choice, Query, Rows};
use muster::model::{CheckStatus, NodeId, NodeName, ServiceSpec, Timestamp, Topic};
use muster::runtime::{Runtime, tokio::Tokio};
use muster::state::checks::CheckSpec;
use muster::state::nodes::NodeSpec;
use muster::state::{CatalogCommand, Command, NodeUpdate, Stamped, State, Touched};
use muster::watch::Watches;
use std::hint::black_box;

/// Instances of a node.
const PER_NODE: usize = 10;
/// Services of the catalog.
const SERVICES: usize = 1_000;
/// Registrations of which a leader publishes a view each time.
const APPLIED: usize = 20_000;
/// Those who wait, each for a service of its own.
const WAITERS: usize = 10_000;

fn main() {
    let instances = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(1_000_000);
    wakes();
    println!("\n{instances} instances of {SERVICES} services, {PER_NODE} a node, one check each\n");
    let mut catalog = Catalog::filled(instances);
    println!("{:<58}{:>12}", "us each", "");
    catalog.applies();
    for size in [10, 100, 1_000] {
        catalog.health(size);
    }
}

struct Catalog {
    state: State,
    index: u64,
    instances: usize,
}

/// Seconds that `work` takes.
fn seconds(work: impl FnOnce()) -> f64 {
    let begun = Tokio::now();
    work();
    Tokio::now().since(begun).as_secs_f64()
}

fn tell(what: &str, each: f64) {
    println!("{what:<58}{:>12.3}", each * 1e6);
}

/// Bytes of this program that are in memory.
fn resident() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').nth(1)?.parse::<f64>().ok());
    pages.unwrap_or(0.0) * 4096.0
}

fn node(n: usize) -> NodeSpec {
    let address = format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255);
    NodeSpec {
        id: Some(NodeId::from_u128(n as u128 + 1)),
        name: NodeName::parse(&format!("node-{n:06}")).expect("a name"),
        tagged_addresses: [("lan".to_owned(), address.clone()), ("wan".to_owned(), address.clone())].into(),
        address,
        meta: [("consul-network-segment".to_owned(), String::new())].into(),
    }
}

fn instance(n: usize, name: &str, port: i64) -> ServiceSpec {
    ServiceSpec {
        tags: vec!["v1".to_owned(), "primary".to_owned()],
        meta: [("version".to_owned(), "1.4.2".to_owned())].into(),
        port,
        ..ServiceSpec::new(format!("{name}-{n:07}"), name)
    }
}

fn check(service: &ServiceSpec, status: CheckStatus) -> CheckSpec {
    let spec = CheckSpec::of_node(&format!("service:{}", service.id), &format!("Service '{}' check", service.name), status, "HTTP 200 OK");
    CheckSpec { service_id: service.id.clone(), kind: "http".to_owned(), interval: "10s".to_owned(), timeout: "1s".to_owned(), ..spec }
}

fn register(node: NodeSpec, service: ServiceSpec, status: CheckStatus) -> CatalogCommand {
    let checks = vec![check(&service, status)];
    CatalogCommand::Register { node, update: NodeUpdate::Apply, service: Some(service), checks }
}

impl Catalog {
    fn filled(instances: usize) -> Catalog {
        let mut catalog = Catalog { state: State::default(), index: 0, instances };
        for n in 0..instances.div_ceil(PER_NODE) {
            let nodes =
                CatalogCommand::Register { node: node(n), update: NodeUpdate::Apply, service: None, checks: vec![CheckSpec::serf_alive()] };
            catalog.apply(nodes);
        }
        let before = resident();
        for n in 0..instances {
            catalog.apply(register(node(n / PER_NODE), instance(n, &format!("service-{:04}", n % SERVICES), 8080), CheckStatus::Passing));
        }
        println!("{:<58}{:>12.0}\n", "bytes of memory an instance with its check", (resident() - before) / instances as f64);
        catalog
    }

    fn apply(&mut self, command: CatalogCommand) -> Touched {
        self.index += 1;
        self.state.apply(self.index, &Stamped { at: Timestamp::default(), command: Command::Catalog(command) }).1
    }

    /// As a leader does it: each view is published before the next command, so nothing is changed in place.
    fn applied(&mut self, what: &str, commands: Vec<CatalogCommand>) {
        let count = commands.len();
        let mut view = self.state.clone();
        let spent = seconds(|| {
            for command in commands {
                black_box(self.apply(command));
                view = self.state.clone();
            }
        });
        drop(view);
        tell(what, spent / count as f64);
    }

    fn applies(&mut self) {
        let spread = |n: usize| n * 7919 % self.instances;
        let of = |n: usize, port: i64, status: CheckStatus| {
            let n = spread(n);
            register(node(n / PER_NODE), instance(n, &format!("service-{:04}", n % SERVICES), port), status)
        };
        let new = |n: usize| register(node(spread(n) / PER_NODE), instance(n, "service-new", 8080), CheckStatus::Passing);
        let (new, same): (Vec<_>, Vec<_>) =
            ((0..APPLIED).map(new).collect(), (0..APPLIED).map(|n| of(n, 8080, CheckStatus::Passing)).collect());
        let (flap, changed): (Vec<_>, Vec<_>) =
            (0..APPLIED).map(|n| (of(n, 8080, CheckStatus::Critical), of(n, 9090, CheckStatus::Critical))).unzip();
        self.applied("registration of a new instance with its check", new);
        self.applied("registration that changes nothing", same);
        self.applied("change of a check", flap);
        self.applied("change of an instance", changed);
    }

    fn health(&mut self, size: usize) {
        let name = format!("sized-{size}");
        for n in 0..size {
            let at = n * 7919 % (self.instances / PER_NODE);
            self.apply(register(node(at), instance(n, &name, 8080), CheckStatus::Passing));
        }
        let query = Query::HealthService { service: name, choice: Choice::default() };
        let rounds = 200_000 / size;
        let spent = seconds(|| {
            for _ in 0..rounds {
                let answer = black_box(query.answer(&self.state));
                assert!(matches!(answer.rows, Rows::Instances(rows) if rows.len() == size));
            }
        });
        tell(&format!("health of a service with {size} instances"), spent / rounds as f64);
    }
}

/// Each wakes one; then all at once.
fn wakes() {
    let name = |n: usize| Topic::ServiceHealth(format!("service-{n:05}").into());
    let touched = |n: usize| {
        let mut touched = Touched::default();
        touched.add(name(n));
        touched
    };
    let mut watches = Watches::new(WAITERS);
    let before = resident();
    let registered = seconds(|| (0..WAITERS).for_each(|n| drop(watches.register(vec![name(n)], n))));
    let bytes = (resident() - before) / WAITERS as f64;
    let alone = seconds(|| (0..WAITERS).for_each(|n| assert_eq!(watches.wake(&touched(n)), [n])));
    (0..WAITERS).for_each(|n| drop(watches.register(vec![name(n)], n)));
    let mut all = Touched::default();
    (0..WAITERS).for_each(|n| all.add(name(n)));
    let together = seconds(|| assert_eq!(watches.wake(&all).len(), WAITERS));
    tell(&format!("registering one of {WAITERS} waiters"), registered / WAITERS as f64);
    tell(&format!("waking one of {WAITERS} waiters"), alone / WAITERS as f64);
    tell(&format!("waking {WAITERS} waiters at once"), together);
    println!("{:<58}{:>12.0}", "bytes of memory a waiter", bytes);
}
