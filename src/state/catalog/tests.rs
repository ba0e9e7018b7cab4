use crate::model::{CatalogStatus, CheckStatus, Index, NodeId, NodeName, ServiceSpec, Table, Timestamp, Topic};
use crate::state::checks::CheckSpec;
use crate::state::nodes::NodeSpec;
use crate::state::{CatalogCommand, Command, Marks, NodeUpdate, Reply, Stamped, State};
use std::sync::Arc;

fn node(name: &str) -> NodeSpec {
    let (tagged_addresses, meta) = Default::default();
    NodeSpec { id: None, name: NodeName::parse(name).unwrap(), address: "10.0.0.1".to_owned(), tagged_addresses, meta }
}

fn instance(id: &str, name: &str, tags: &[&str]) -> ServiceSpec {
    ServiceSpec { tags: tags.iter().map(|tag| (*tag).to_owned()).collect(), ..ServiceSpec::new(id, name) }
}

fn check(id: &str, service_id: &str, status: CheckStatus) -> CheckSpec {
    CheckSpec { service_id: service_id.to_owned(), ..CheckSpec::of_node(id, "a check", status, "said") }
}

fn register(node: NodeSpec, service: Option<ServiceSpec>, checks: &[CheckSpec]) -> CatalogCommand {
    CatalogCommand::Register { node, update: NodeUpdate::Apply, service, checks: checks.to_vec() }
}

struct Store {
    state: State,
    index: Index,
}

impl Store {
    fn new() -> Store {
        Store { state: State::default(), index: 0 }
    }

    fn apply(&mut self, command: CatalogCommand) -> (Reply, Vec<Topic>) {
        self.index += 1;
        let (reply, touched) = self.state.apply(self.index, &Stamped { at: Timestamp::default(), command: Command::Catalog(command) });
        (reply, touched.topics().to_vec())
    }

    fn put(&mut self, node_name: &str, id: &str, name: &str) {
        self.apply(register(node(node_name), Some(instance(id, name, &[])), &[]));
    }

    fn remove(&mut self, node: &str, service: &str) -> Vec<Topic> {
        let node = NodeName::parse(node).unwrap();
        self.apply(CatalogCommand::DeregisterService { node, service: service.to_owned() }).1
    }

    fn checks_of(&self, node: &str, owner: &str) -> Vec<String> {
        self.state.checks().of(node, owner).map(|row| row.id().to_owned()).collect()
    }
}

#[test]
fn a_node_an_instance_and_checks_come_together() {
    let mut store = Store::new();
    let checks = [check("up", "web-1", CheckStatus::Passing), check("disk", "", CheckStatus::Warning)];
    let (reply, _) = store.apply(register(node("N1"), Some(instance("web-1", "web", &["v1"])), &checks));
    assert_eq!(reply, Reply::Done);
    let row = store.state.services().at("n1", "web-1").unwrap();
    assert_eq!((row.node().as_str(), &**row.name(), row.create_index()), ("N1", "web", 1));
    let own = store.state.checks().at("n1", "up").unwrap();
    assert_eq!((own.service_name(), &*own.service_tags()[0]), ("web", "v1"));
    assert_eq!((store.checks_of("n1", ""), store.checks_of("n1", "web-1")), (vec!["disk".to_owned()], vec!["up".to_owned()]));
    let warning = CatalogStatus::from(CheckStatus::Warning);
    assert_eq!(store.state.checks().standing(&warning).count(), 1);
}

#[test]
fn a_check_of_an_instance_the_node_lacks_is_refused_and_nothing_is_done() {
    let mut store = Store::new();
    let refused = Reply::Refused("failed inserting check: Missing service registration on node \"x\"".to_owned());
    let command = register(node("x"), Some(instance("web", "web", &[])), &[check("up", "other", CheckStatus::Passing)]);
    assert_eq!(store.apply(command), (refused, vec![]));
    assert_eq!(store.state, State::default());
}

#[test]
fn an_instance_goes_with_its_checks_and_leaves_its_nodes() {
    let mut store = Store::new();
    let checks = [check("up", "web", CheckStatus::Passing), check("disk", "", CheckStatus::Passing)];
    store.apply(register(node("n1"), Some(instance("web", "web", &[])), &checks));
    let touched = store.remove("N1", "web");
    assert!(touched.contains(&Topic::Service("web".into())) && touched.contains(&Topic::NodeChecks("n1".into())));
    assert_eq!(store.state.checks().iter().map(|row| row.id()).collect::<Vec<_>>(), ["disk"]);
    assert!(store.remove("n1", "web").is_empty());
}

#[test]
fn a_check_of_the_node_counts_for_all_its_instances_and_one_of_an_instance_for_it_alone() {
    let mut store = Store::new();
    store.put("n1", "web", "web");
    store.put("n1", "db", "db");
    store.put("n2", "mail", "mail");
    store.apply(register(node("n1"), None, &[check("disk", "", CheckStatus::Critical)]));
    store.apply(register(node("n1"), None, &[check("up", "db", CheckStatus::Critical)]));
    let marks = |name| store.state.services().marks_of_health(name);
    assert_eq!((marks("web"), marks("db"), marks("mail")), (Marks::at(4), Marks::at(5), Marks::at(3)));
    assert_eq!(store.state.services().marks_of_rows("web"), Marks { index: 4, changed: 1 });
    assert_eq!(store.state.services().marks_of_checks("web").changed, 1);
}

#[test]
fn the_address_of_a_node_is_news_of_its_instances() {
    let mut store = Store::new();
    store.put("n1", "web", "web");
    let moved = NodeSpec { address: "10.0.0.9".to_owned(), ..node("n1") };
    let (_, touched) = store.apply(register(moved, None, &[]));
    assert!(touched.contains(&Topic::Service("web".into())) && touched.contains(&Topic::ServiceHealth("web".into())));
    assert!(!touched.contains(&Topic::Table(Table::Services)));
    assert_eq!(store.state.services().marks_of_rows("web"), Marks::at(2));
}

#[test]
fn a_service_that_is_not_there_is_told_as_of_the_last_that_went_and_waits_for_itself() {
    let mut store = Store::new();
    let missing = |store: &Store| store.state.services().marks_of_health("missing");
    store.put("n1", "web", "web");
    assert_eq!(missing(&store), Marks { index: 1, changed: 0 });
    store.remove("n1", "web");
    store.put("n1", "db", "db");
    assert_eq!(missing(&store), Marks { index: 2, changed: 0 });
    assert_eq!(store.state.services().marks_of_health("web"), Marks::at(2));
    store.put("n1", "missing", "missing");
    assert_eq!(missing(&store), Marks::at(4));
}

#[test]
fn a_service_is_found_however_it_is_spelled_and_listed_as_it_is_written() {
    let mut store = Store::new();
    store.put("n1", "one", "Web");
    store.put("n1", "two", "web");
    for asked in ["web", "Web", "WEB"] {
        let found: Vec<&str> = store.state.services().named(asked).map(|row| row.id()).collect();
        assert_eq!((found, store.state.services().marks_of_health(asked)), (vec!["one", "two"], Marks::at(2)), "{asked}");
    }
    let listed: Vec<Arc<str>> = store.state.services_listed().map(|(name, _)| name).collect();
    assert_eq!(listed, ["Web".into(), "web".into()]);
    store.remove("n1", "one");
    assert_eq!(store.state.services().count("WEB"), 1);
}

#[test]
fn the_list_of_services_changes_with_names_and_tags_alone() {
    let mut store = Store::new();
    let names = Topic::Table(Table::ServiceNames);
    let mut put = |node_name: &str, id: &str, tags: &[&str], port: i64| {
        let spec = ServiceSpec { port, ..instance(id, "web", tags) };
        store.apply(register(node(node_name), Some(spec), &[])).1.contains(&names)
    };
    assert!(put("n1", "a", &["v1"], 1));
    assert!(!put("n1", "b", &["v1"], 1));
    assert!(!put("n2", "a", &["v1"], 2));
    assert!(put("n2", "a", &["v2", "v1", "v2"], 2));
    let tags: Vec<Arc<str>> = vec!["v1".into(), "v2".into()];
    assert_eq!(store.state.services_listed().collect::<Vec<_>>(), [("web".into(), tags)]);
    assert!(!store.remove("n1", "b").contains(&names));
    assert!(store.remove("n1", "a").contains(&names));
}

#[test]
fn equal_parts_of_rows_are_kept_once_and_go_with_their_last_row() {
    let mut store = Store::new();
    for name in ["n1", "n2"] {
        let checks = [check("up", "web", CheckStatus::Passing)];
        store.apply(register(node(name), Some(instance("web", "web", &["v1"])), &checks));
    }
    let parts = |store: &Store, at: &str| {
        let (service, check) = (store.state.services().at(at, "web").unwrap(), store.state.checks().at(at, "up").unwrap());
        (
            Arc::as_ptr(service.name()),
            service.tags().as_ptr(),
            check.output().as_ptr(),
            check.service_tags().as_ptr(),
            check.name().as_ptr(),
        )
    };
    assert_eq!(parts(&store, "n1"), parts(&store, "n2"));
    let decoded = Store { state: State::decode(&store.state.encode()).unwrap(), index: store.index };
    assert_eq!(parts(&decoded, "n1"), parts(&decoded, "n2"));
    for name in ["n1", "n2"] {
        store.apply(CatalogCommand::DeregisterNode { node: NodeName::parse(name).unwrap(), only_id: None });
    }
    assert_eq!(store.state.pools, Default::default());
}

#[test]
fn a_node_is_left_as_it_is_when_a_registration_says_so() {
    let mut store = Store::new();
    let skip = |address: &str, service: &str| CatalogCommand::Register {
        node: NodeSpec { address: address.to_owned(), ..node("n1") },
        update: NodeUpdate::Skip,
        service: Some(ServiceSpec::new(service, service)),
        checks: vec![],
    };
    store.apply(skip("10.0.0.1", "web"));
    store.apply(skip("10.0.0.2", "db"));
    let row = store.state.nodes().get("n1").unwrap();
    assert_eq!((row.spec.address.as_str(), row.modify_index, store.state.services().len()), ("10.0.0.1", 1, 2));
}

#[test]
fn a_renamed_node_takes_its_instances_and_checks_with_it() {
    let mut store = Store::new();
    let with_id = |name: &str| NodeSpec { id: Some(NodeId::from_u128(7)), ..node(name) };
    store.apply(register(with_id("old"), Some(instance("web", "web", &[])), &[check("up", "web", CheckStatus::Passing)]));
    store.apply(register(with_id("new"), None, &[]));
    let row = store.state.services().at("new", "web").unwrap();
    assert_eq!((row.node().as_str(), row.create_index(), row.modify_index()), ("new", 1, 2));
    assert_eq!(store.state.checks().at("new", "up").unwrap().node().as_str(), "new");
    assert_eq!((store.state.services().len(), store.state.checks().len(), store.state.services().count("web")), (1, 1, 1));
    assert_eq!(store.state.nodes().marks_of_checks("old").changed, 2);
}

#[test]
fn a_node_is_found_by_name_by_id_and_by_what_only_its_id_begins_with() {
    let mut store = Store::new();
    for (name, id) in [("one", 0xabcd), ("two", 0xabce), ("ab", 0xffff)] {
        store.apply(register(NodeSpec { id: Some(NodeId::from_u128(id << 112)), ..node(name) }, None, &[]));
    }
    let found = |text: &str| store.state.nodes().find(text).map(|row| row.spec.name.to_string());
    assert_eq!(found("ABCD").as_deref(), Some("one"));
    assert_eq!(found("abce0000-0000-0000-0000-000000000000").as_deref(), Some("two"));
    assert_eq!((found("abc"), found("f")), (None, None));
    assert_eq!(found("ab").as_deref(), Some("ab"), "a name comes before ids");
}
