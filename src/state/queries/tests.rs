use super::{NAME_PREFIX_MATCH, QueryCommand, QuerySpec, Resolved, ServiceQuery, TemplateSpec};
use crate::model::{NodeId, Table, Timestamp, Topic};
use crate::state::{Command, Reply, Stamped, State};
use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};

fn id(number: u128) -> String {
    NodeId::from_u128(number).to_string()
}

fn named(name: &str) -> QuerySpec {
    QuerySpec {
        name: name.to_owned(),
        service: ServiceQuery { service: "s".to_owned(), ..ServiceQuery::default() },
        ..QuerySpec::default()
    }
}

fn template(prefix: &str) -> QuerySpec {
    QuerySpec { template: TemplateSpec { kind: NAME_PREFIX_MATCH.to_owned(), ..TemplateSpec::default() }, ..named(prefix) }
}

#[derive(Default)]
struct Store {
    state: State,
    index: u64,
}

impl Store {
    fn apply(&mut self, command: QueryCommand) -> Result<(), String> {
        self.index += 1;
        let stamped = Stamped { at: Timestamp::default(), command: Command::Query(command) };
        match self.state.apply(self.index, &stamped) {
            (Reply::Refused(why), touched) => {
                assert!(touched.is_empty());
                Err(why)
            }
            (reply, touched) => {
                assert_eq!((reply, touched.topics()), (Reply::Done, [Topic::Table(Table::Queries)].as_slice()));
                Ok(())
            }
        }
    }

    fn create(&mut self, number: u128, query: QuerySpec) -> Result<(), String> {
        self.apply(QueryCommand::Create { id: id(number), query })
    }

    fn found(&self, text: &str) -> Option<String> {
        match self.state.queries().resolve(text) {
            Resolved::Query(query) => Some(query.id.clone()),
            Resolved::TemplateById => Some("template".to_owned()),
            Resolved::Nothing => None,
        }
    }
}

#[test]
fn the_id_wins_over_the_name_and_the_name_over_the_longest_prefix() {
    let mut store = Store::default();
    store.create(1, named("Web-1")).unwrap();
    for (number, prefix) in [(2, ""), (3, "web"), (4, "WEB-é")] {
        store.create(number, template(prefix)).unwrap();
    }
    for (text, number) in [("web-1", 1), ("WEB-1", 1), ("web-12", 3), ("web-éa", 4), ("we", 2), ("x", 2), (&id(1), 1)] {
        assert_eq!(store.found(text), Some(id(number)), "{text}");
    }
    assert_eq!(store.found(&id(3)).unwrap(), "template");
    store.apply(QueryCommand::Delete { id: id(2) }).unwrap();
    assert_eq!(store.found("we"), None);
}

#[test]
fn a_name_is_taken_once_but_a_query_keeps_its_own() {
    let mut store = Store::default();
    store.create(1, named("q")).unwrap();
    assert_eq!(store.create(2, named("Q")).unwrap_err(), "raft apply failed: name 'Q' aliases an existing query name");
    assert_eq!(store.create(2, named(&id(1))).unwrap_err(), format!("raft apply failed: name '{}' aliases an existing query ID", id(1)));
    store.create(3, template("q")).unwrap();
    assert!(store.create(4, template("q")).unwrap_err().contains("template name"));
    store.apply(QueryCommand::Update { id: id(1), query: named("q") }).unwrap();
    store.apply(QueryCommand::Update { id: id(1), query: named("r") }).unwrap();
    assert_eq!((store.found("r"), store.found("q")), (Some(id(1)), Some(id(3))));
    let row = store.state.queries().get(&id(1)).unwrap();
    assert_eq!((row.create_index, row.modify_index), (1, store.index));
}

#[test]
fn what_is_not_there_cannot_be_changed() {
    let mut store = Store::default();
    let missing = format!("Cannot modify non-existent prepared query: '{}'", id(1));
    assert_eq!(store.apply(QueryCommand::Update { id: id(1), query: named("q") }), Err(missing.clone()));
    assert_eq!(store.apply(QueryCommand::Delete { id: id(1) }), Err(missing));
    let unbound = QuerySpec { session: id(9), ..named("q") };
    assert_eq!(store.create(1, unbound).unwrap_err(), format!("raft apply failed: invalid session \"{}\"", id(9)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Against a list that is searched from end to end.
    #[test]
    fn a_name_leads_where_a_search_of_all_queries_leads(
        steps in proptest::collection::vec((0u128..5, "[aB]{0,2}", 0u8..4), 0..30),
        asked in "[abB]{0,3}",
    ) {
        let mut store = Store::default();
        let mut naive: Vec<(u128, QuerySpec)> = Vec::new();
        for (number, name, step) in steps {
            let spec = if step == 0 { template(&name) } else { named(&name) };
            let there = naive.iter().position(|(other, _)| *other == number);
            let same = |other: &QuerySpec| {
                other.is_template() == spec.is_template()
                    && other.name.eq_ignore_ascii_case(&name)
                    && (other.is_template() || !name.is_empty())
            };
            let taken = naive.iter().any(|(other, kept)| *other != number && same(kept));
            let expected = match step {
                3 => there.map(|at| drop(naive.remove(at))).is_some(),
                2 if there.is_none() => false,
                _ if taken => false,
                _ => {
                    naive.retain(|(other, _)| *other != number);
                    naive.push((number, spec.clone()));
                    true
                }
            };
            let command = match step {
                3 => QueryCommand::Delete { id: id(number) },
                2 => QueryCommand::Update { id: id(number), query: spec },
                _ => QueryCommand::Create { id: id(number), query: spec },
            };
            prop_assert_eq!(store.apply(command).is_ok(), expected);
        }
        let lower = asked.to_lowercase();
        let exact = naive.iter().find(|(_, spec)| !spec.is_template() && !asked.is_empty() && spec.name.to_lowercase() == lower);
        let prefix = naive.iter().filter(|(_, spec)| spec.is_template() && lower.starts_with(&spec.name.to_lowercase()));
        let expected = exact.or_else(|| prefix.max_by_key(|(_, spec)| spec.name.len())).map(|(number, _)| id(*number));
        prop_assert_eq!(store.found(&asked), expected);
        let state = store.state;
        prop_assert_eq!(State::decode(&state.encode()), Ok(state));
    }
}
