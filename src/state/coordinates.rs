//! Where nodes lie in the network, as their agents said last. A node that is not in the catalog lies nowhere.

use super::nodes::fold;
use super::{Marks, State};
use crate::model::{Coordinate, Index, NodeName, Table, Topic, Touched};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A node and where it lies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Located {
    /// The node's name.
    pub node: NodeName,
    /// Where it lies.
    pub coordinate: Coordinate,
}

/// The table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Coordinates {
    /// By the node's name in lower case.
    pub(super) rows: OrdMap<Arc<str>, Arc<Located>>,
    /// The last change.
    pub(super) index: Index,
}

impl Coordinates {
    /// Where the node of this name lies, compared without case.
    pub fn get(&self, node: &str) -> Option<&Arc<Located>> {
        self.rows.get(&fold(node))
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Located>> {
        self.rows.values()
    }

    /// How current an answer about any of them is.
    pub fn marks(&self) -> Marks {
        Marks::at(self.index)
    }

    /// The node is gone.
    pub(super) fn forget(&mut self, folded: &str, index: Index, touched: &mut Touched) {
        if self.rows.remove(folded).is_some() {
            self.index = index;
            touched.add(Topic::Table(Table::Coordinates));
        }
    }
}

/// Takes what agents said, for nodes that are there. What is the same already changes no index.
pub(super) fn set(state: &mut State, index: Index, said: &[Located], touched: &mut Touched) {
    for one in said {
        let Some(node) = state.nodes.get(one.node.as_str()) else { continue };
        let row = Located { node: node.spec.name.clone(), coordinate: one.coordinate };
        let folded = fold(row.node.as_str());
        if row.coordinate.check().is_err() || state.coordinates.rows.get(&folded).is_some_and(|old| **old == row) {
            continue;
        }
        state.coordinates.rows.insert(folded, Arc::new(row));
        state.coordinates.index = index;
        touched.add(Topic::Table(Table::Coordinates));
    }
}

#[cfg(test)]
mod tests {
    use super::Located;
    use crate::model::{Coordinate, NodeName, Table, Timestamp, Topic};
    use crate::state::nodes::NodeSpec;
    use crate::state::{CatalogCommand, Command, NodeUpdate, Stamped, State};

    fn at(x: f64) -> Coordinate {
        Coordinate::parse(&[x, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 1.5, 0.0, 0.0).unwrap()
    }

    fn located(node: &str, x: f64) -> Located {
        Located { node: NodeName::parse(node).unwrap(), coordinate: at(x) }
    }

    fn apply(state: &mut State, index: u64, command: Command) -> Vec<Topic> {
        state.apply(index, &Stamped { at: Timestamp::default(), command }).1.topics().to_vec()
    }

    fn with_nodes(names: &[&str]) -> State {
        let mut state = State::default();
        for (n, name) in names.iter().enumerate() {
            let (tagged_addresses, meta) = Default::default();
            let name = NodeName::parse(name).unwrap();
            let node = NodeSpec { id: None, name, address: "10.0.0.1".to_owned(), tagged_addresses, meta };
            let register = CatalogCommand::Register { node, update: NodeUpdate::Apply, service: None, checks: vec![] };
            apply(&mut state, n as u64 + 1, Command::Catalog(register));
        }
        state
    }

    #[test]
    fn a_node_of_the_catalog_lies_where_it_said_last_and_goes_with_its_node() {
        let mut state = with_nodes(&["a", "B"]);
        let touched = apply(&mut state, 10, Command::Locate(vec![located("A", 1.0), located("b", 2.0), located("ghost", 3.0)]));
        assert_eq!(touched, [Topic::Table(Table::Coordinates)]);
        assert_eq!(state.coordinates().iter().map(|row| row.node.as_str()).collect::<Vec<_>>(), ["a", "B"], "by the catalog's names");
        assert_eq!((state.coordinates().marks().index, state.last_change()), (10, 10));
        assert_eq!(apply(&mut state, 11, Command::Locate(vec![located("a", 1.0)])), [], "the same again is no change");
        assert_eq!(state.coordinates().marks().index, 10);
        apply(&mut state, 12, Command::Locate(vec![located("a", 4.0)]));
        assert_eq!(state.coordinates().get("A").map(|row| row.coordinate), Some(at(4.0)));
        let gone = CatalogCommand::DeregisterNode { node: NodeName::parse("a").unwrap(), only_id: None };
        assert!(apply(&mut state, 13, Command::Catalog(gone)).contains(&Topic::Table(Table::Coordinates)));
        assert_eq!((state.coordinates().get("a"), state.coordinates().marks().index), (None, 13));
    }

    #[test]
    fn what_is_no_place_is_not_kept_whoever_proposed_it() {
        let mut state = with_nodes(&["a"]);
        let nowhere = Located { coordinate: Coordinate { height: f64::NAN, ..at(1.0) }, ..located("a", 1.0) };
        assert_eq!(apply(&mut state, 5, Command::Locate(vec![nowhere])), []);
        assert_eq!(state.coordinates().get("a"), None);
    }

    #[test]
    fn a_snapshot_keeps_where_nodes_lie() {
        let mut state = with_nodes(&["a", "b"]);
        apply(&mut state, 5, Command::Locate(vec![located("a", 1.0), located("b", 2.0)]));
        assert_eq!(State::decode(&state.encode()), Ok(state));
    }
}
