//! Where nodes lie, and who is nearest (`near=`).

use super::{Answer, Rows};
use crate::model::Coordinate;
use crate::state::State;
use crate::state::coordinates::Located;
use crate::state::nodes::fold;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) fn coordinates(state: &State, nodes: Option<&[String]>) -> Answer {
    let table = state.coordinates();
    let rows = match nodes {
        None => table.iter().cloned().collect(),
        Some(names) => {
            let found: BTreeMap<_, _> = names.iter().filter_map(|name| Some((fold(name), table.get(name)?.clone()))).collect();
            found.into_values().collect()
        }
    };
    Answer { marks: table.marks(), rows: Rows::Located(rows) }
}

/// Sorts rows by the round trip from node `from` to theirs, its own first, then the nearest; those of which nobody knows where they are come last. Rows that are
/// equally far keep their order, and all of them do if nobody knows where `from` is.
pub fn sort_by_distance<T>(rows: &mut [T], from: &str, located: &[Arc<Located>], node: impl Fn(&T) -> &str) {
    let coordinates: BTreeMap<Arc<str>, Coordinate> = located.iter().map(|row| (fold(row.node.as_str()), row.coordinate)).collect();
    let from = fold(from);
    let Some(origin) = coordinates.get(&from) else { return };
    rows.sort_by_cached_key(|row| {
        let there = fold(node(row));
        // By its coordinate a node is as far from itself as the network is from it, and back.
        if there == from { Some(0) } else { coordinates.get(&there).map(|there| origin.distance(there).as_nanos()) }.unwrap_or(u128::MAX)
    });
}

#[cfg(test)]
mod tests {
    use super::sort_by_distance;
    use crate::model::{Coordinate, NodeName};
    use crate::state::coordinates::Located;
    use std::sync::Arc;

    fn at(node: &str, x: f64) -> Arc<Located> {
        let coordinate = Coordinate::parse(&[x, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 1.5, 0.0, 0.0001).unwrap();
        Arc::new(Located { node: NodeName::parse(node).unwrap(), coordinate })
    }

    fn sorted(from: &str, rows: &[&str]) -> String {
        let located = [at("a", 0.3), at("b", 0.1), at("C", 0.2)];
        let mut rows = rows.to_vec();
        sort_by_distance(&mut rows, from, &located, |row| row);
        rows.join("")
    }

    #[test]
    fn the_nearest_comes_first_and_whoever_lies_nowhere_last() {
        assert_eq!(sorted("b", &["a", "b", "c"]), "bca");
        assert_eq!(sorted("A", &["x", "b", "a", "y", "c"]), "acbxy");
    }

    #[test]
    fn nobody_is_nearer_than_the_node_itself() {
        let high = Located { coordinate: Coordinate { height: 0.5, ..at("a", 0.1).coordinate }, ..Located::clone(&at("a", 0.1)) };
        let mut rows = ["b", "a"];
        sort_by_distance(&mut rows, "a", &[Arc::new(high), at("b", 0.1)], |row| row);
        assert_eq!(rows, ["a", "b"]);
    }

    #[test]
    fn from_nowhere_everything_is_equally_far() {
        assert_eq!(sorted("x", &["c", "b", "a"]), "cba");
    }
}
