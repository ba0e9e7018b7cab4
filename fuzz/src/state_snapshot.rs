//! A snapshot of the state, from a disk or a peer that may hold anything.

use muster::model::{NodeName, ServiceSpec, Timestamp};
use muster::state::checks::CheckSpec;
use muster::state::nodes::NodeSpec;
use muster::state::{CatalogCommand, Command, Condition, KvCommand, NodeUpdate, Stamped, State};

/// Reads `input`. What is read is written back the same.
pub fn run(input: &[u8]) {
    let Ok(state) = State::decode(input) else { return };
    let again = state.encode();
    assert_eq!(State::decode(&again).as_ref(), Ok(&state), "a state reads back as another");
}

/// States with a little of everything, and ways to spoil them.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut state = State::default();
    let mut index = 0;
    let mut apply = |command| {
        index += 1;
        state.apply(index, &Stamped { at: Timestamp::from_unix_nanos(index), command });
        state.encode()
    };
    let empty = apply(Command::Nothing);
    let put = |key: &str| KvCommand::Put { key: key.into(), value: vec![7; 20].into(), flags: 3, condition: Condition::Always };
    apply(Command::Kv(put("a/b")));
    apply(Command::Kv(put("a/c")));
    let kv = apply(Command::Kv(KvCommand::DeleteTree { prefix: "a/b".into() }));
    apply(Command::Catalog(registration("n1", "web-1", "web")));
    apply(Command::Catalog(registration("n2", "web-2", "web")));
    let catalog = apply(Command::Catalog(registration("n2", "db", "db")));
    let node = NodeName::parse("n2").expect("a name");
    let gone = apply(Command::Catalog(CatalogCommand::DeregisterNode { node, only_id: None }));
    let cut = catalog[..catalog.len() - 9].to_vec();
    vec![("empty", empty), ("kv", kv), ("catalog", catalog), ("gone", gone), ("cut", cut)]
}

/// A node with an instance, a check of it and one of the instance.
pub(crate) fn registration(node: &str, id: &str, name: &str) -> CatalogCommand {
    let node = NodeSpec {
        id: None,
        name: NodeName::parse(node).expect("a name"),
        address: "10.0.0.1".to_owned(),
        tagged_addresses: [("lan".to_owned(), "10.0.0.1".to_owned())].into(),
        meta: [("rack".to_owned(), "7".to_owned())].into(),
    };
    let service = ServiceSpec { tags: vec!["v1".to_owned(), "v2".to_owned()], port: 8080, ..ServiceSpec::new(id, name) };
    let own = CheckSpec { id: format!("service:{id}"), service_id: id.to_owned(), ..CheckSpec::serf_failed() };
    CatalogCommand::Register { node, update: NodeUpdate::Apply, service: Some(service), checks: vec![CheckSpec::serf_alive(), own] }
}
