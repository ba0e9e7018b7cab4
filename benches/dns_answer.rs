//! What an answer costs from datagram to datagram, and what other parsers take for the same bytes: `cargo bench --bench dns_answer`.

use hickory_proto::op::Message;
use muster::agent::query::Rows;
use muster::dns::{Composer, Domain, Found, Inquiry, Kind, Order, OwnedName, Plan, Request, Settings, Transport, question};
use muster::model::{CheckStatus, Datacenter, NodeName, ServiceSpec, Timestamp};
use muster::runtime::{Runtime, tokio::Tokio};
use muster::state::checks::CheckSpec;
use muster::state::nodes::NodeSpec;
use muster::state::{CatalogCommand, Command, NodeUpdate, Stamped, State};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::hint::black_box;
use std::time::Duration;

/// Instances in the whole catalog beside those that are asked for.
const OTHERS: usize = 100_000;

fn main() {
    let mut bench = Bench::new();
    bench.fill("other", OTHERS);
    println!("{:<64}{:>10}", "us each", "");
    for (kind, size, goal) in [(Kind::A, 3, 3.0), (Kind::Srv, 3, f64::NAN), (Kind::A, 100, f64::NAN), (Kind::Srv, 100, 60.0)] {
        let service = format!("sized-{size}");
        if bench.state.services().count(&service) == 0 {
            bench.fill(&service, size);
        }
        bench.measure(&service, kind, size, goal);
    }
}

struct Bench {
    state: State,
    settings: Settings,
    nodes: usize,
}

/// Microseconds that each of so many rounds takes.
fn each(rounds: usize, mut work: impl FnMut()) -> f64 {
    let begun = Tokio::now();
    (0..rounds).for_each(|_| work());
    Tokio::now().since(begun).as_secs_f64() / rounds as f64 * 1e6
}

fn tell(what: &str, each: f64, goal: f64) {
    let verdict = match (goal.is_nan(), each <= goal) {
        (true, _) => String::new(),
        (false, true) => format!("  (goal {goal})"),
        (false, false) => format!("  MISSED: goal {goal}"),
    };
    println!("{what:<64}{each:>10.3}{verdict}");
}

impl Bench {
    fn new() -> Bench {
        let settings = Settings::new(Domain::parse("consul").expect("a domain"), None, Datacenter::parse("dc1").expect("a datacenter"));
        Bench { state: State::default(), settings, nodes: 0 }
    }

    /// Registers so many instances, a node each, one check each and one of the node.
    fn fill(&mut self, service: &str, count: usize) {
        for _ in 0..count {
            let n = self.nodes;
            self.nodes += 1;
            let node = NodeSpec {
                id: None,
                name: NodeName::parse(&format!("node-{n:06}")).expect("a name"),
                address: format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255),
                tagged_addresses: [].into(),
                meta: [("consul-network-segment".to_owned(), String::new())].into(),
            };
            let spec = ServiceSpec { port: 8080, ..ServiceSpec::new(format!("{service}-{n}"), service) };
            let own = CheckSpec { service_id: spec.id.clone(), ..CheckSpec::of_node("own", "own", CheckStatus::Passing, "fine") };
            let command = CatalogCommand::Register {
                node,
                update: NodeUpdate::Apply,
                service: Some(spec),
                checks: vec![CheckSpec::serf_alive(), own],
            };
            let index = self.state.last_change() + 1;
            self.state.apply(index, &Stamped { at: Timestamp::default(), command: Command::Catalog(command) });
        }
    }

    fn measure(&self, service: &str, kind: Kind, size: usize, goal: f64) {
        let rounds = 300_000 / size;
        let name = OwnedName::parse(&format!("{service}.service.consul")).expect("a name");
        let mut asked = question(7, name.as_name(), kind);
        asked[11] = 1;
        asked.extend_from_slice(b"\0\0\x29\x10\0\0\0\0\0\0\0");
        let (mut composer, mut draws) = (Composer::default(), ChaCha8Rng::seed_from_u64(1));
        let what = format!("{kind:?} with {size} instances");
        let whole = each(rounds, || {
            let request = Request::read(black_box(&asked), Transport::Udp).expect("a question");
            let plan = Plan::of(request.name, request.kind, &self.settings);
            let Plan::Ask(ask) = &plan else { panic!("a question to the catalog") };
            let rows = ask.query.answer(&self.state).rows;
            self.compose(&request, &plan, &rows, &mut composer, &mut draws);
        });
        tell(&format!("{what}: question, look at the catalog, answer"), whole, goal);
        let request = Request::read(&asked, Transport::Udp).expect("a question");
        let plan = Plan::of(request.name, request.kind, &self.settings);
        let Plan::Ask(ask) = &plan else { panic!("a question to the catalog") };
        let rows = ask.query.answer(&self.state).rows;
        let answer = each(rounds, || self.compose(&request, &plan, &rows, &mut composer, &mut draws));
        tell(&format!("{what}: choose and write alone, {} bytes", composer.message().len()), answer, goal);
        let read = each(rounds, || drop(black_box(Request::read(black_box(&asked), Transport::Udp))));
        tell(&format!("{what}: read the question alone"), read, f64::NAN);
        let read = each(rounds, || drop(black_box(Message::from_vec(black_box(&asked)))));
        tell(&format!("{what}: hickory-proto reads the question"), read, f64::NAN);
        let message = Message::from_vec(composer.message()).expect("a message");
        let written = each(rounds, || drop(black_box(message.to_vec())));
        tell(&format!("{what}: hickory-proto writes the answer from records it has"), written, f64::NAN);
    }

    fn compose(&self, request: &Request<'_>, plan: &Plan, rows: &Rows, composer: &mut Composer, draws: &mut ChaCha8Rng) {
        let found = Found::Rows { rows, order: Order::Shuffled, age: Duration::ZERO };
        let inquiry = Inquiry { settings: &self.settings, request, plan, found };
        composer.choose(&inquiry, draws);
        black_box(composer.compose(&inquiry, &[], Timestamp::default()));
    }
}
