//! A catalog to ask, and an asker who reads answers with hickory-proto.

use crate::dns::{
    Composed, Composer, Domain, Found, Inquiry, Kind, Name, Order, OwnedName, Plan, Record, Request, Settings, Transport, question,
};
use crate::model::{CatalogStatus, CheckStatus, Datacenter, NodeName, ServiceSpec, Timestamp};
use crate::state::checks::CheckSpec;
use crate::state::nodes::NodeSpec;
use crate::state::{CatalogCommand, Command, NodeUpdate, Stamped, State};
use hickory_proto::op::Message;
use hickory_proto::rr::Record as ReadRecord;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::BTreeMap;
use std::time::Duration;

pub struct World {
    pub state: State,
    pub settings: Settings,
    index: u64,
    composer: Composer,
    draws: ChaCha8Rng,
}

/// How something is asked.
#[derive(Clone, Copy)]
pub struct Manner<'a> {
    pub transport: Transport,
    /// The size of an OPT record, and its options.
    pub edns: Option<(u16, &'a [u8])>,
    /// Whether the servers tell.
    pub known: bool,
    pub age: Duration,
    pub followed: &'a [Record],
}

pub const PLAIN: Manner<'static> = Manner { transport: Transport::Udp, edns: None, known: true, age: Duration::ZERO, followed: &[] };
pub const TCP: Manner<'static> = Manner { transport: Transport::Tcp, ..PLAIN };
pub const EDNS: Manner<'static> = Manner { edns: Some((4096, &[])), ..PLAIN };

/// An answer.
#[derive(Debug)]
pub struct Heard {
    pub message: Message,
    pub bytes: Vec<u8>,
    pub composed: Composed,
    /// What had to be followed for it.
    pub alias: Option<OwnedName>,
}

impl Heard {
    pub fn rcode(&self) -> &'static str {
        assert_eq!(u16::from(self.message.metadata.response_code), self.composed.rcode.number());
        self.composed.rcode.as_str()
    }

    /// The answers, sorted.
    pub fn answers(&self) -> Vec<String> {
        sorted(&self.message.answers)
    }

    pub fn authorities(&self) -> Vec<String> {
        sorted(&self.message.authorities)
    }

    pub fn additionals(&self) -> Vec<String> {
        sorted(&self.message.additionals)
    }

    pub fn is_truncated(&self) -> bool {
        self.message.metadata.truncation
    }
}

fn sorted(records: &[ReadRecord]) -> Vec<String> {
    let mut texts: Vec<String> = records.iter().map(ToString::to_string).collect();
    texts.sort();
    texts
}

pub fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// An instance with a port.
pub fn web(port: i64) -> ServiceSpec {
    ServiceSpec { port, ..ServiceSpec::new(format!("web-{port}"), "web") }
}

pub fn name(text: &str) -> OwnedName {
    OwnedName::parse(text).unwrap_or(Name::ROOT.to_owned())
}

impl World {
    pub fn new() -> World {
        let settings = Settings::new(Domain::parse("consul").unwrap(), None, Datacenter::parse("dc1").unwrap());
        World { state: State::default(), settings, index: 0, composer: Composer::default(), draws: ChaCha8Rng::seed_from_u64(1) }
    }

    fn register(&mut self, node: NodeSpec, service: Option<ServiceSpec>, checks: Vec<CheckSpec>) {
        let command = CatalogCommand::Register { node, update: NodeUpdate::Apply, service, checks };
        self.index += 1;
        self.state.apply(self.index, &Stamped { at: Timestamp::default(), command: Command::Catalog(command) });
    }

    pub fn node(&mut self, name: &str, address: &str, meta: &[(&str, &str)]) {
        self.register(spec(name, address, meta), None, Vec::new());
    }

    /// A check of a node that is there.
    pub fn check_node(&mut self, name: &str, status: CheckStatus) {
        let node = self.state.nodes().get(name).expect("a node").spec.clone();
        self.register(node, None, vec![CheckSpec::of_node("of-node", "of node", status, "")]);
    }

    /// An instance on a node that is there, with checks that stand so.
    pub fn service(&mut self, node: &str, service: ServiceSpec, statuses: &[&str]) {
        let node = self.state.nodes().get(node).expect("a node").spec.clone();
        let checks = statuses.iter().enumerate().map(|(at, status)| {
            let check = CheckSpec::of_node(&format!("{}-{at}", service.id), "c", CheckStatus::Passing, "");
            CheckSpec { service_id: service.id.clone(), status: CatalogStatus::parse(status), ..check }
        });
        let checks = checks.collect();
        self.register(node, Some(service), checks);
    }

    /// So many nodes with an instance each, at 10.0.x.y.
    pub fn fleet(&mut self, count: usize, named: impl Fn(usize) -> String) {
        for n in 0..count {
            self.node(&named(n), &format!("10.0.{}.{}", n / 256, n % 256), &[]);
            self.service(&named(n), web(80), &["passing"]);
        }
    }

    pub fn ask(&mut self, text: &str, kind: Kind) -> Heard {
        self.ask_so(text, kind, PLAIN)
    }

    pub fn ask_so(&mut self, text: &str, kind: Kind, manner: Manner<'_>) -> Heard {
        self.ask_name(name(text).as_name(), kind, manner)
    }

    pub fn ask_name(&mut self, name: Name<'_>, kind: Kind, manner: Manner<'_>) -> Heard {
        let mut message = question(0x1234, name, kind);
        if let Some((size, options)) = manner.edns {
            message[11] = 1;
            message.extend_from_slice(&[0, 0, 41]);
            message.extend_from_slice(&size.to_be_bytes());
            message.extend_from_slice(&[0; 4]);
            message.extend_from_slice(&(options.len() as u16).to_be_bytes());
            message.extend_from_slice(options);
        }
        let request = Request::read(&message, manner.transport).expect("a question");
        let plan = Plan::of(request.name, request.kind, &self.settings);
        let answer = match &plan {
            Plan::Ask(ask) => Some(ask.query.answer(&self.state)),
            Plan::Settled(_) | Plan::PreparedQuery { .. } | Plan::Recurse => None,
        };
        let found = match &answer {
            _ if !manner.known => Found::Unknown,
            Some(answer) => Found::Rows { rows: &answer.rows, order: Order::Shuffled, age: manner.age },
            None if matches!(plan, Plan::PreparedQuery { .. }) => Found::NoQuery,
            None => Found::Nothing,
        };
        let inquiry = Inquiry { settings: &self.settings, request: &request, plan: &plan, found };
        let alias = self.composer.choose(&inquiry, &mut self.draws);
        let composed = self.composer.compose(&inquiry, manner.followed, Timestamp::from_unix_nanos(1_700_000_000_999_999_999));
        heard(&request, self.composer.message(), composed, alias)
    }
}

/// Reads an answer, which holds what every answer does.
pub fn heard(request: &Request<'_>, bytes: &[u8], composed: Composed, alias: Option<OwnedName>) -> Heard {
    let message = Message::from_vec(bytes).expect("a message that another parser reads");
    assert!(bytes.len() <= request.limit());
    assert_eq!((message.metadata.id, message.queries.len(), message.edns.is_some()), (request.id, 1, request.edns.is_some()));
    assert_eq!(bytes[12..12 + request.name.as_bytes().len()], *request.name.as_bytes(), "the question comes back as it was written");
    Heard { message, bytes: bytes.to_vec(), composed, alias }
}

fn spec(name: &str, address: &str, meta: &[(&str, &str)]) -> NodeSpec {
    NodeSpec {
        id: None,
        name: NodeName::parse(name).unwrap(),
        address: address.to_owned(),
        tagged_addresses: BTreeMap::new(),
        meta: pairs(meta),
    }
}
