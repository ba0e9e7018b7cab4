use super::{Executed, Execution, NotExecuted};
use crate::agent::query::{Query, Rows};
use crate::model::{CheckStatus, NodeId, NodeName, ServiceSpec, Timestamp};
use crate::state::checks::CheckSpec;
use crate::state::nodes::NodeSpec;
use crate::state::queries::{NAME_PREFIX_MATCH, QueryCommand, QuerySpec, ServiceQuery, TemplateSpec};
use crate::state::{CatalogCommand, Command, NodeUpdate, Stamped, State};
use std::collections::{BTreeMap, BTreeSet};

struct World {
    state: State,
    index: u64,
}

impl World {
    /// Node `nX` has address `10.0.0.X`, a check of its own that passes, and an instance of `web` with the tag and the standing given.
    fn new(instances: &[(u8, &str, CheckStatus)]) -> World {
        let mut world = World { state: State::default(), index: 0 };
        for (number, tag, status) in instances {
            let node = NodeSpec {
                id: None,
                name: NodeName::parse(&format!("n{number}")).unwrap(),
                address: format!("10.0.0.{number}"),
                tagged_addresses: BTreeMap::new(),
                meta: [("number".to_owned(), number.to_string())].into(),
            };
            let meta = [("tag".to_owned(), (*tag).to_owned())].into();
            let service = ServiceSpec { tags: vec![(*tag).to_owned()], meta, ..ServiceSpec::new("web", "web") };
            let own = CheckSpec { service_id: "web".to_owned(), ..CheckSpec::of_node("own", "own", *status, "") };
            let checks = vec![CheckSpec::serf_alive(), own];
            world.apply(Command::Catalog(CatalogCommand::Register { node, update: NodeUpdate::Apply, service: Some(service), checks }));
        }
        world
    }

    fn apply(&mut self, command: Command) {
        self.index += 1;
        self.state.apply(self.index, &Stamped { at: Timestamp::default(), command });
    }

    fn keep(&mut self, query: QuerySpec) {
        let id = NodeId::from_u128(self.index.into()).to_string();
        self.apply(Command::Query(QueryCommand::Create { id, query }));
    }

    fn execute(&self, name: &str, execution: Execution) -> Result<Executed, NotExecuted> {
        let query = Query::ExecutePrepared { name: name.to_owned(), execution };
        let Rows::Executed(executed) = query.answer(&self.state).rows else { panic!("an execution was asked") };
        executed.map(|executed| *executed)
    }

    /// The nodes that a query finds.
    fn nodes(&mut self, service: ServiceQuery) -> Vec<String> {
        self.keep(QuerySpec {
            name: format!("q{}", self.index),
            service: ServiceQuery { service: "web".to_owned(), ..service },
            ..QuerySpec::default()
        });
        let mut nodes = names(&self.execute(&format!("q{}", self.index - 1), Execution::default()).unwrap());
        nodes.sort();
        nodes
    }
}

fn names(executed: &Executed) -> Vec<String> {
    executed.instances.iter().map(|instance| instance.node.spec.name.as_str().to_owned()).collect()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn each_part_of_a_query_narrows_what_it_finds() {
    let mut world = World::new(&[(1, "v1", CheckStatus::Passing), (2, "V2", CheckStatus::Warning), (3, "v1", CheckStatus::Critical)]);
    let any = ServiceQuery::default;
    assert_eq!(world.nodes(any()), ["n1", "n2"]);
    assert_eq!(world.nodes(ServiceQuery { only_passing: true, ..any() }), ["n1"]);
    assert_eq!(world.nodes(ServiceQuery { ignore_check_ids: texts(&["own"]), only_passing: true, ..any() }), ["n1", "n2", "n3"]);
    assert_eq!(world.nodes(ServiceQuery { tags: texts(&["v2"]), ..any() }), ["n2"]);
    assert_eq!(world.nodes(ServiceQuery { tags: texts(&["!V2"]), ..any() }), ["n1"]);
    assert_eq!(world.nodes(ServiceQuery { tags: texts(&["v1", "!v1"]), ..any() }), Vec::<String>::new());
    assert_eq!(world.nodes(ServiceQuery { node_meta: [("number".to_owned(), "2".to_owned())].into(), ..any() }), ["n2"]);
    assert_eq!(world.nodes(ServiceQuery { service_meta: [("tag".to_owned(), "v1".to_owned())].into(), ..any() }), ["n1"]);
}

#[test]
fn the_order_is_drawn_from_the_seed_and_the_limit_comes_after_it() {
    let instances: Vec<(u8, &str, CheckStatus)> = (1..=8).map(|number| (number, "v", CheckStatus::Passing)).collect();
    let mut world = World::new(&instances);
    world.nodes(ServiceQuery::default());
    let first = |seed| names(&world.execute("q8", Execution { limit: 1, seed, ..Execution::default() }).unwrap());
    assert_eq!(first(3), first(3));
    let seen: BTreeSet<String> = (0..200).flat_map(first).collect();
    assert_eq!(seen.len(), 8, "each comes first at times");
    let all = world.execute("q8", Execution { seed: 5, ..Execution::default() }).unwrap();
    assert_eq!(names(&all).into_iter().collect::<BTreeSet<_>>().len(), 8);
}

#[test]
fn the_node_named_near_comes_first_whoever_names_it() {
    let instances: Vec<(u8, &str, CheckStatus)> = (1..=5).map(|number| (number, "v", CheckStatus::Passing)).collect();
    let mut world = World::new(&instances);
    world.nodes(ServiceQuery { near: "n2".to_owned(), ..ServiceQuery::default() });
    let asked = Execution { agent: "n4".to_owned(), client: "10.0.0.5".to_owned(), limit: 1, ..Execution::default() };
    for (near, first) in [("", "n2"), ("n3", "n3"), ("_agent", "n4"), ("_ip", "n5")] {
        for seed in 0..20 {
            let execution = Execution { near: near.to_owned(), seed, ..asked.clone() };
            assert_eq!(names(&world.execute("q5", execution).unwrap()), [first], "{near}");
        }
    }
}

#[test]
fn a_template_is_filled_in_from_the_name_and_explained_with_it() {
    let mut world = World::new(&[(1, "v1", CheckStatus::Passing)]);
    let template = TemplateSpec { kind: NAME_PREFIX_MATCH.to_owned(), ..TemplateSpec::default() };
    let service = ServiceQuery { service: "${name.suffix}".to_owned(), ..ServiceQuery::default() };
    world.keep(QuerySpec { name: "geo-".to_owned(), template, service, dns_ttl: "3s".to_owned(), ..QuerySpec::default() });
    let found = world.execute("geo-web", Execution::default()).unwrap();
    assert_eq!((found.query.service.as_str(), found.dns_ttl.as_str(), found.instances.len()), ("web", "3s", 1));
    let query = Query::ExplainPrepared { name: "geo-db".to_owned(), segment: String::new() };
    let Rows::Explained(Ok(explained)) = query.answer(&world.state).rows else { panic!("it is there") };
    assert_eq!((explained.spec.name.as_str(), explained.spec.service.service.as_str()), ("geo-", "db"));
    assert_eq!(world.execute("web", Execution::default()), Err(NotExecuted::NotFound));
    assert_eq!(world.execute(&NodeId::from_u128(1).to_string(), Execution::default()), Err(NotExecuted::TemplateById));
}
