//! The catalog once more, as lists that are searched from end to end, and its index rules by what they mean: a thing's index is that of the last
//! command after which it looked otherwise.

use super::super::arbitrary::a_catalog_command;
use super::super::checks::{Check, CheckSpec, SERF_HEALTH};
use super::super::nodes::{Node, NodeSpec, fold};
use super::super::services::Service;
use super::super::{CatalogCommand, Command, NodeUpdate, Reply, Stamped, State};
use crate::model::{CheckStatus, Index, ServiceSpec, Table, Timestamp, Topic};
use proptest::prelude::proptest;
use std::collections::{BTreeMap, BTreeSet};

/// What is registered, when it came, when it changed.
#[derive(Debug, Clone, PartialEq)]
struct Row<T> {
    spec: T,
    came: Index,
    changed: Index,
}

/// Nodes by name in lower case, instances and checks by that and their id.
#[derive(Debug, Clone, Default, PartialEq)]
struct Naive {
    nodes: BTreeMap<String, Row<NodeSpec>>,
    services: BTreeMap<(String, String), Row<ServiceSpec>>,
    checks: BTreeMap<(String, String), Row<CheckSpec>>,
}

fn lower(name: &str) -> String {
    fold(name).to_string()
}

impl Naive {
    /// Whether it was done.
    fn apply(&mut self, index: Index, command: &CatalogCommand) -> bool {
        let before = self.clone();
        let done = match command {
            CatalogCommand::Register { node, update, service, checks } => self.register(index, node, *update, service.as_ref(), checks),
            CatalogCommand::DeregisterNode { node, only_id } => {
                let name = lower(node.as_str());
                let meant = self.nodes.get(&name).is_some_and(|row| only_id.is_none() || row.spec.id == *only_id);
                if meant {
                    self.remove_node(&name);
                }
                true
            }
            CatalogCommand::DeregisterService { node, service } => {
                let name = lower(node.as_str());
                self.services.remove(&(name.clone(), service.clone()));
                self.checks.retain(|(of, _), row| *of != name || row.spec.service_id != *service || service.is_empty());
                true
            }
            CatalogCommand::DeregisterCheck { node, check } => {
                self.checks.remove(&(lower(node.as_str()), check.clone()));
                true
            }
        };
        if !done {
            *self = before;
        }
        done
    }

    fn register(&mut self, index: Index, node: &NodeSpec, update: NodeUpdate, service: Option<&ServiceSpec>, checks: &[CheckSpec]) -> bool {
        let name = lower(node.name.as_str());
        let skipped = update == NodeUpdate::Skip && self.nodes.contains_key(&name);
        if !skipped && !self.put_node(index, node) {
            return false;
        }
        if let Some(spec) = service {
            let key = (name.clone(), spec.id.clone());
            let old = self.services.get(&key).cloned();
            put(&mut self.services, key, spec.clone(), index);
            let relabelled = old.is_some_and(|old| (&old.spec.name, &old.spec.tags) != (&spec.name, &spec.tags));
            let own = self.checks.iter_mut().filter(|((of, _), row)| relabelled && *of == name && row.spec.service_id == spec.id);
            own.for_each(|(_, row)| row.changed = index);
        }
        checks.iter().all(|spec| {
            put(&mut self.checks, (name.clone(), spec.id.clone()), spec.clone(), index);
            spec.service_id.is_empty() || self.services.contains_key(&(name.clone(), spec.service_id.clone()))
        })
    }

    fn put_node(&mut self, index: Index, spec: &NodeSpec) -> bool {
        let name = lower(spec.name.as_str());
        let old = self.nodes.iter().find(|(_, row)| spec.id.is_some() && row.spec.id == spec.id).map(|(name, _)| name.clone());
        let holder = self.nodes.get(&name).cloned().filter(|row| spec.id.is_some() && row.spec.id != spec.id);
        if let Some(holder) = holder {
            let adopted = holder.spec.id.is_none() && old.is_none();
            let failed = self.checks.get(&(name.clone(), SERF_HEALTH.to_owned()));
            match failed.is_some_and(|row| row.spec.status == CheckStatus::Critical) {
                _ if adopted => {}
                true => self.remove_node(&name),
                false => return false,
            }
        }
        let from = old.unwrap_or(name.clone());
        let mut row = self.nodes.remove(&from).unwrap_or(Row { spec: spec.clone(), came: index, changed: index });
        let spec = NodeSpec { id: spec.id.or(row.spec.id), ..spec.clone() };
        let renamed = row.spec.name != spec.name;
        if row.spec != spec {
            (row.spec, row.changed) = (spec, index);
        }
        self.nodes.insert(name.clone(), row);
        if renamed {
            move_rows(&mut self.services, &from, &name, index);
            move_rows(&mut self.checks, &from, &name, index);
        }
        true
    }

    fn remove_node(&mut self, name: &str) {
        self.nodes.remove(name);
        self.services.retain(|(of, _), _| of != name);
        self.checks.retain(|(of, _), _| of != name);
    }

    /// Everything that has an index of its own, as it looks. What is not there is left out.
    fn looks(&self) -> BTreeMap<Topic, String> {
        let mut looks = BTreeMap::new();
        let mut see = |topic, what: String| looks.entry(topic).or_insert_with(String::new).push_str(&what);
        see(Topic::Table(Table::Nodes), format!("{:?}", self.nodes));
        see(Topic::Table(Table::Services), format!("{:?}", self.services));
        see(Topic::Table(Table::Checks), format!("{:?}", self.checks));
        let labels: BTreeSet<(&String, &Vec<String>)> = self.services.values().map(|row| (&row.spec.name, &row.spec.tags)).collect();
        see(Topic::Table(Table::ServiceNames), format!("{labels:?}"));
        for (name, node) in &self.nodes {
            let services: Vec<_> = self.services.iter().filter(|((of, _), _)| of == name).collect();
            let checks: Vec<_> = self.checks.iter().filter(|((of, _), _)| of == name).collect();
            see(Topic::Node(name.as_str().into()), format!("{node:?} {services:?}"));
            see(Topic::NodeChecks(name.as_str().into()), format!("{} {checks:?}", node.came));
        }
        for ((of, id), row) in &self.services {
            let checks: Vec<_> = self.checks_of(of, |owner| owner.is_empty() || owner == id);
            see(Topic::Service(fold(&row.spec.name)), format!("{:?} {row:?}", self.nodes[of]));
            see(Topic::ServiceHealth(fold(&row.spec.name)), format!("{:?} {row:?} {checks:?}", self.nodes[of]));
        }
        looks
    }

    fn checks_of(&self, of: &str, owner: impl Fn(&String) -> bool) -> Vec<&Row<CheckSpec>> {
        self.checks.iter().filter(|((node, _), row)| node == of && owner(&row.spec.service_id)).map(|(_, row)| row).collect()
    }

    /// The own checks of the instances of each name that is there.
    fn own_checks(&self) -> BTreeMap<String, String> {
        let mut looks: BTreeMap<String, String> = BTreeMap::new();
        for ((of, id), row) in &self.services {
            looks.entry(lower(&row.spec.name)).or_default().push_str(&format!("{:?}", self.checks_of(of, |owner| owner == id)));
        }
        looks.retain(|_, look| {
            *look = look.replace("[]", "");
            true
        });
        looks
    }
}

fn put<T: PartialEq>(rows: &mut BTreeMap<(String, String), Row<T>>, key: (String, String), spec: T, index: Index) {
    let came = rows.get(&key).map_or(index, |row| row.came);
    if rows.get(&key).is_none_or(|row| row.spec != spec) {
        rows.insert(key, Row { spec, came, changed: index });
    }
}

fn move_rows<T: Clone>(rows: &mut BTreeMap<(String, String), Row<T>>, from: &str, to: &str, index: Index) {
    let moved: Vec<_> = rows.iter().filter(|((of, _), _)| of == from).map(|(key, row)| (key.clone(), row.clone())).collect();
    for (key, row) in moved {
        rows.remove(&key);
        rows.insert((to.to_owned(), key.1), Row { changed: index, ..row });
    }
}

const LISTED: Topic = Topic::Table(Table::ServiceNames);

/// When each thing last looked otherwise.
#[derive(Debug, Default)]
struct Marks(BTreeMap<String, Index>);

impl Marks {
    fn note<K: std::fmt::Debug + Ord>(&mut self, index: Index, before: &BTreeMap<K, String>, after: &BTreeMap<K, String>) -> Vec<String> {
        let things: BTreeSet<&K> = before.keys().chain(after.keys()).collect();
        let changed: Vec<String> =
            things.into_iter().filter(|thing| before.get(thing) != after.get(thing)).map(|thing| format!("{thing:?}")).collect();
        self.0.extend(changed.iter().map(|thing| (thing.clone(), index)));
        changed
    }

    fn of(&self, thing: impl std::fmt::Debug) -> Index {
        self.0.get(&format!("{thing:?}")).copied().unwrap_or(0)
    }
}

fn same_rows(state: &State, naive: &Naive) {
    let node = |node: &Node| {
        (lower(node.spec.name.as_str()), Row { spec: node.spec.clone(), came: node.create_index, changed: node.modify_index })
    };
    assert_eq!(state.nodes().iter().map(|row| node(row)).collect::<BTreeMap<_, _>>(), naive.nodes);
    let service = |row: &Service| Row { spec: row.spec(), came: row.create_index(), changed: row.modify_index() };
    let services = state.services().iter().map(|row| ((lower(row.node().as_str()), row.id().to_owned()), service(row)));
    assert_eq!(services.collect::<BTreeMap<_, _>>(), naive.services);
    let check = |row: &Check| Row { spec: row.spec(), came: row.create_index(), changed: row.modify_index() };
    let checks = state.checks().iter().map(|row| ((lower(row.node().as_str()), row.id().to_owned()), check(row)));
    assert_eq!(checks.collect::<BTreeMap<_, _>>(), naive.checks);
    for row in state.checks().iter() {
        let owner = naive.services.get(&(row.folded_node().to_owned(), row.service_id().to_owned()));
        let tags = owner.map_or(&[][..], |owner| &owner.spec.tags);
        assert_eq!(row.service_name(), owner.map_or("", |owner| &owner.spec.name));
        assert!(row.service_tags().iter().map(|tag| &**tag).eq(tags.iter().map(String::as_str)));
        assert_eq!(row.node(), &naive.nodes[row.folded_node()].spec.name);
    }
    for row in state.services().iter() {
        assert_eq!(row.node(), &naive.nodes[row.folded_node()].spec.name);
    }
}

fn same_indexes(state: &State, marks: &Marks) {
    let tables =
        [(Table::Nodes, state.nodes().index()), (Table::Services, state.services().index()), (Table::Checks, state.checks().index())];
    for (table, index) in tables {
        assert_eq!(index, marks.of(Topic::Table(table)), "{table:?}");
    }
    assert!(state.services().marks_of_list().changed >= marks.of(LISTED));
    for name in ["a", "b"] {
        let (row, checks) = (marks.of(Topic::Node(name.into())), marks.of(Topic::NodeChecks(name.into())));
        assert_eq!(state.nodes().marks_of_checks(name).changed, checks, "checks of {name}");
        assert_eq!(state.nodes().marks_of_whole(name).changed, row.max(checks), "all of {name}");
    }
    for name in ["s", "t", "S"] {
        let services = state.services();
        assert_eq!(services.marks_of_rows(name).changed, marks.of(Topic::Service(fold(name))), "instances of {name}");
        assert_eq!(services.marks_of_health(name).changed, marks.of(Topic::ServiceHealth(fold(name))), "health of {name}");
        // One command may give an instance of the name a check and take it away again.
        let checks = services.marks_of_checks(name).changed;
        assert!(checks >= marks.of(lower(name)) && checks <= services.marks_of_health(name).changed, "checks of {name}: {checks}");
    }
}

proptest! {
    #[test]
    fn the_catalog_does_what_a_naive_one_does(commands in proptest::collection::vec(a_catalog_command(), 0..40)) {
        let (mut state, mut naive, mut marks) = (State::default(), Naive::default(), Marks::default());
        for (index, command) in (1..).zip(commands) {
            let before = naive.clone();
            let done = naive.apply(index, &command);
            let changed = marks.note(index, &before.looks(), &naive.looks());
            marks.note(index, &before.own_checks(), &naive.own_checks());
            let old = state.clone();
            let (reply, touched) = state.apply(index, &Stamped { at: Timestamp::default(), command: Command::Catalog(command) });
            assert_eq!(reply == Reply::Done, done, "{reply:?}");
            assert_eq!(state == old, before == naive);
            same_rows(&state, &naive);
            same_indexes(&state, &marks);
            let touched: BTreeSet<String> = touched.topics().iter().map(|topic| format!("{topic:?}")).collect();
            let changed: BTreeSet<String> = changed.into_iter().collect();
            // A machine that replaces a failed one may register what went with it in the same command.
            let too_much: Vec<&String> = touched.difference(&changed).filter(|topic| **topic != format!("{LISTED:?}")).collect();
            assert!(too_much.is_empty() && touched.is_superset(&changed), "{touched:?} {changed:?}");
        }
    }
}
