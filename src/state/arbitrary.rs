//! Random commands for the tests of whatever stands on the state: few names, so that they meet.

use super::autopilot::AutopilotSettings;
use super::checks::{CheckSpec, SERF_HEALTH};
use super::coordinates::Located;
use super::nodes::NodeSpec;
use super::queries::{NAME_PREFIX_MATCH, QuerySpec, ServiceQuery, TemplateSpec};
use super::{CatalogCommand, Command, Condition, KvCommand, NodeUpdate, QueryCommand, WriteOrder};
use crate::model::{CatalogStatus, CheckStatus, Coordinate, Key, NodeId, NodeName, ServiceAddress, ServiceSpec, Weights};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

fn a_name() -> impl Strategy<Value = NodeName> {
    "[abA]".prop_map(|name| NodeName::parse(&name).unwrap())
}

/// Ids that begin with `a` or `b`: they can be told by their beginning.
fn an_id() -> impl Strategy<Value = NodeId> {
    (0u128..4).prop_map(|n| NodeId::from_u128([0xaa << 120, 0xab << 120, 0xba << 120, 0xbb << 120][n as usize]))
}

fn a_node() -> impl Strategy<Value = NodeSpec> {
    (of(an_id()), a_name(), 0u8..2, of("[xy]")).prop_map(|(id, name, address, rack)| NodeSpec {
        id,
        name,
        address: format!("10.0.0.{address}"),
        tagged_addresses: [("lan".to_owned(), format!("10.0.0.{address}"))].into(),
        meta: rack.map(|rack| ("rack".to_owned(), rack)).into_iter().collect(),
    })
}

fn a_service() -> impl Strategy<Value = ServiceSpec> {
    ("[pq]", "[stS]", vec("[uv]", 0..2), 0i64..2, any::<bool>()).prop_map(|(id, name, tags, port, addressed)| {
        let mut spec = ServiceSpec { tags, port, ..ServiceSpec::new(id, name) };
        if addressed {
            spec.tagged_addresses = [("lan".to_owned(), ServiceAddress { address: "10.9.9.9".to_owned(), port })].into();
            spec.address = format!("10.0.0.{}", port + 1);
            spec.meta = [("k".to_owned(), "v".to_owned())].into();
            spec.weights = Weights { passing: 3, warning: 1 };
        }
        spec
    })
}

fn a_check() -> impl Strategy<Value = CheckSpec> {
    let own =
        ("[cd]", "[pq]?", prop_oneof!["passing", "warning", "critical", "odd"], "[xy]?").prop_map(|(id, service_id, status, output)| {
            CheckSpec {
                status: CatalogStatus::parse(&status),
                service_id,
                ..CheckSpec::of_node(&id, "a check", CheckStatus::Passing, &output)
            }
        });
    prop_oneof![3 => own, 1 => Just(CheckSpec::serf_alive()), 1 => Just(CheckSpec::serf_failed())]
}

/// Checks of one registration: no id twice, so that what it leaves behind is all it did.
fn some_checks() -> impl Strategy<Value = Vec<CheckSpec>> {
    vec(a_check(), 0..3).prop_map(|mut checks| {
        checks.sort_by(|one, other| one.id.cmp(&other.id));
        checks.dedup_by(|one, other| one.id == other.id);
        checks
    })
}

pub(crate) fn a_catalog_command() -> impl Strategy<Value = CatalogCommand> {
    let update = prop_oneof![3 => Just(NodeUpdate::Apply), 1 => Just(NodeUpdate::Skip)];
    let register = (a_node(), update, of(a_service()), some_checks())
        .prop_map(|(node, update, service, checks)| CatalogCommand::Register { node, update, service, checks });
    let check = prop_oneof!["[cd]".prop_map(String::from), Just(SERF_HEALTH.to_owned())];
    prop_oneof![
        6 => register,
        1 => (a_name(), of(an_id())).prop_map(|(node, only_id)| CatalogCommand::DeregisterNode { node, only_id }),
        1 => (a_name(), "[pq]").prop_map(|(node, service)| CatalogCommand::DeregisterService { node, service }),
        1 => (a_name(), check).prop_map(|(node, check)| CatalogCommand::DeregisterCheck { node, check }),
    ]
}

fn located(node: NodeName, x: u8) -> Located {
    let coordinate = Coordinate { vec: [f64::from(x); 8], error: 1.5, adjustment: 0.0, height: 0.001 };
    Located { node, coordinate }
}

fn a_query_command() -> impl Strategy<Value = QueryCommand> {
    let id = || (0u128..3).prop_map(|n| NodeId::from_u128(n).to_string());
    let query = ("[qr]?", "[st]", any::<bool>()).prop_map(|(name, service, template)| {
        let template =
            TemplateSpec { kind: if template { NAME_PREFIX_MATCH.to_owned() } else { String::new() }, ..TemplateSpec::default() };
        QuerySpec { name, template, service: ServiceQuery { service, ..ServiceQuery::default() }, ..QuerySpec::default() }
    });
    prop_oneof![
        2 => (id(), query.clone()).prop_map(|(id, query)| QueryCommand::Create { id, query }),
        1 => (id(), query).prop_map(|(id, query)| QueryCommand::Update { id, query }),
        1 => id().prop_map(|id| QueryCommand::Delete { id }),
    ]
}

fn an_order() -> impl Strategy<Value = WriteOrder> {
    (an_id(), 1u64..3, 1u64..9, vec(1u64..9, 0..3)).prop_map(|(node, life, number, open)| WriteOrder { node, life, number, open })
}

pub(crate) fn a_command() -> impl Strategy<Value = Command> {
    let key = || "[ab]{0,2}".prop_map(|key| Key::from(key.as_str()));
    let settings = (0u32..3).prop_map(|min_quorum| AutopilotSettings { min_quorum, ..AutopilotSettings::default() });
    let condition = Condition::Always;
    prop_oneof![
        1 => Just(Command::Nothing),
        3 => (key(), ".{0,3}").prop_map(move |(key, value)| {
            Command::Kv(KvCommand::Put { key, value: value.into_bytes().into(), flags: 0, condition })
        }),
        2 => key().prop_map(move |key| Command::Kv(KvCommand::Delete { key, condition })),
        1 => key().prop_map(|prefix| Command::Kv(KvCommand::DeleteTree { prefix })),
        1 => Just(Command::Kv(KvCommand::ReapTombstones)),
        8 => a_catalog_command().prop_map(Command::Catalog),
        1 => vec((a_name(), 0u8..3), 1..3).prop_map(|said| Command::Locate(said.into_iter().map(|(node, x)| located(node, x)).collect())),
        4 => (an_order(), a_catalog_command()).prop_map(|(order, command)| Command::Ordered { order, command }),
        1 => settings.prop_map(move |settings| Command::Autopilot { settings, condition }),
        1 => a_query_command().prop_map(Command::Query),
    ]
}
