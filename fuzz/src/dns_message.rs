//! A datagram or a stream's message from anyone, and the answer to it from a catalog of everything odd.

use hickory_proto::op::Message;
use muster::dns::{
    Composer, Domain, Found, Inquiry, Kind, LONGEST_UDP, Name, Order, OwnedName, Plan, Recursion, Request, Settings, Transport, judge,
    question, read_records,
};
use muster::model::{CheckStatus, Datacenter, NodeName, ServiceSpec, Timestamp};
use muster::state::checks::CheckSpec;
use muster::state::nodes::NodeSpec;
use muster::state::{CatalogCommand, Command, NodeUpdate, Stamped, State};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::sync::LazyLock;
use std::time::Duration;

/// The first byte says how the rest comes and what the operator decided. No answer is longer than the asker takes or unreadable, and what is refused
/// costs no more bytes than it brought, but for a few that say which version of EDNS we have.
pub fn run(input: &[u8]) {
    let Some((&how, message)) = input.split_first() else { return };
    let transport = if how & 1 == 0 { Transport::Udp } else { Transport::Tcp };
    let _ = read_records(message, Name::ROOT);
    let _ = judge(message, message);
    match Request::read(message, transport) {
        Ok(request) => answer(&request, how),
        Err(refused) => {
            let Some(reply) = refused.reply else { return };
            assert!(reply.len() <= message.len() + 11, "{} bytes refused with {}", message.len(), reply.len());
            Message::from_vec(&reply).expect("a refusal that another parser reads");
        }
    }
}

fn answer(request: &Request<'_>, how: u8) {
    let settings = settings(how);
    let plan = Plan::of(request.name, request.kind, &settings);
    let rows = match &plan {
        Plan::Ask(ask) => Some(ask.query.answer(&CATALOG).rows),
        Plan::Settled(_) | Plan::PreparedQuery { .. } | Plan::Recurse => None,
    };
    let found = match &rows {
        _ if how & 2 != 0 => Found::Unknown,
        Some(rows) => Found::Rows { rows, order: Order::Shuffled, age: Duration::from_secs(u64::from(how)) },
        None => Found::NoQuery,
    };
    let inquiry = Inquiry { settings: &settings, request, plan: &plan, found };
    let (mut composer, mut draws) = (Composer::default(), ChaCha8Rng::seed_from_u64(u64::from(how)));
    composer.choose(&inquiry, &mut draws);
    let composed = composer.compose(&inquiry, &inquiry.records(&mut draws), Timestamp::default());
    let written = composer.message();
    let longest = if request.transport == Transport::Udp { LONGEST_UDP } else { 65_535 };
    assert!(written.len() <= request.limit() && request.limit() <= longest);
    let read = Message::from_vec(written).expect("an answer that another parser reads");
    assert_eq!((read.metadata.id, u16::from(read.metadata.response_code)), (request.id, composed.rcode.number()));
    assert_eq!((read.answers.len(), read.edns.is_some()), (usize::from(composed.answers), request.edns.is_some()));
}

fn settings(how: u8) -> Settings {
    let alt_domain = (how & 4 != 0).then(|| Domain::parse("alt.test").expect("a domain"));
    let settings = Settings::new(Domain::parse("consul").expect("a domain"), alt_domain, Datacenter::parse("dc1").expect("a datacenter"));
    Settings {
        disable_compression: how & 8 != 0,
        enable_truncate: how & 16 != 0,
        recursion: if how & 32 != 0 { Recursion::Offered } else { Recursion::Refused },
        udp_answer_limit: usize::from(how >> 5),
        ..settings
    }
}

/// Nodes and instances whose names and addresses are as they should not be, beside some that are.
static CATALOG: LazyLock<State> = LazyLock::new(|| {
    let mut state = State::default();
    let long = ["x".repeat(63), "y".repeat(64), "z.".repeat(110)];
    let names = ["n1", "n.1", "N 1", "n..1", long[0].as_str(), &long[1], &long[2]];
    for (at, name) in names.iter().enumerate() {
        let address = ["10.0.0.1", "2001:db8::1", "www.example.test", "", "no name..", "n1.node.consul", &long[2]][at % 7];
        let node = NodeSpec {
            id: None,
            name: NodeName::parse(name).expect("a name"),
            address: address.to_owned(),
            tagged_addresses: [].into(),
            meta: [("a=b`".to_owned(), long[1].repeat(5)), (" ".to_owned(), String::new()), ("rfc1035-x".to_owned(), "y".to_owned())]
                .into(),
        };
        for (port, service) in
            [("web", "web"), ("consul", "consul"), (long[2].as_str(), "web"), ("d.t", "d.t"), ("", "x y")].iter().enumerate()
        {
            let spec = ServiceSpec {
                address: ["", "10.0.0.9", "cdn.test", "..", "2001:db8::9"][(at + port) % 5].to_owned(),
                port: [80, -1, 65_536, 65_535, 0][port],
                meta: [("alpn".to_owned(), ["h2,h3", "", ",", "h2"][port % 4].to_owned())].into(),
                tags: vec!["v1".to_owned()],
                ..ServiceSpec::new(service.0, service.1)
            };
            let checks = vec![CheckSpec::of_node("c", "c", CheckStatus::Passing, "")];
            let command = CatalogCommand::Register { node: node.clone(), update: NodeUpdate::Apply, service: Some(spec), checks };
            let index = state.last_change() + 1;
            state.apply(index, &Stamped { at: Timestamp::default(), command: Command::Catalog(command) });
        }
    }
    state
});

/// Questions as clients ask them, plainly and with options.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let options: &[u8] = b"\0\x08\0\x07\0\x01\x18\0\xc6\x33\x64\0\x0a\0\x08ABCDEFGH";
    let asked = |how: u8, name: &str, kind: Kind, options: Option<&[u8]>| {
        let name = OwnedName::parse(name).expect("a name");
        let mut message = question(0x1234, name.as_name(), kind);
        if let Some(options) = options {
            message[11] = 1;
            message.extend_from_slice(b"\0\0\x29\x04\xd0\0\0\0\0");
            message.extend_from_slice(&(options.len() as u16).to_be_bytes());
            message.extend_from_slice(options);
        }
        message.insert(0, how);
        message
    };
    let web = "web.service.consul";
    vec![
        ("address", asked(0, web, Kind::A, None)),
        ("places", asked(0x60, web, Kind::Srv, Some(&[]))),
        ("places-by-stream", asked(1, "_web._tcp.service.dc1.consul", Kind::Srv, Some(options))),
        ("places-whole", asked(9, "v1.web.service.consul", Kind::Srv, None)),
        ("https", asked(0, web, Kind::Https, Some(options))),
        ("any", asked(1, web, Kind::Any, None)),
        ("node", asked(0, "n.1.node.consul", Kind::Txt, Some(options))),
        ("zone", asked(0, "consul", Kind::Soa, Some(options))),
        ("servers", asked(4, "alt.test", Kind::Ns, None)),
        ("reverse", asked(0, "1.0.0.10.in-addr.arpa", Kind::Ptr, None)),
        ("browse", asked(0, "_services._dns-sd._udp.consul", Kind::Ptr, Some(&[]))),
        ("instances", asked(0x20, "_web._tcp.consul", Kind::Ptr, Some(options))),
        ("query", asked(0, "q.query.consul", Kind::A, Some(options))),
        ("foreign", asked(32, "www.example.test", Kind::Aaaa, None)),
        ("hex", asked(0, "0a000001.addr.consul", Kind::A, None)),
        ("loop", b"\0\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03web\xc0\x0c\0\x01\0\x01".to_vec()),
        ("transfer", asked(1, "consul", Kind::Other(252), None)),
    ]
}
