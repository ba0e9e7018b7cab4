//! Answers about checks, and about instances with theirs.

use super::catalog::seats;
use super::{Answer, Choice, Instance, Rows, Subject};
use crate::model::CatalogStatus;
use crate::state::checks::Check;
use crate::state::nodes::fold;
use crate::state::{Marks, State};
use std::sync::Arc;

/// The word that asks for checks however they stand.
const ANY: &str = "any";

/// The instances of a service, each with its node's checks and its own.
pub(super) fn service(state: &State, name: &str, choice: &Choice) -> Answer {
    let chooser = choice.ready(Subject::Instances);
    let instances = seats(state, name).map(|seat| Instance {
        node: seat.node.clone(),
        service: seat.service.clone(),
        checks: [seat.above, seat.own].concat(),
    });
    let instances = instances.filter(|instance| chooser.takes_instance(instance)).collect();
    Answer { marks: state.services().marks_of_health(name), rows: Rows::Instances(instances) }
}

/// The checks of a service's instances, without those of their nodes.
pub(super) fn checks(state: &State, name: &str, choice: &Choice) -> Answer {
    let chooser = choice.ready(Subject::Checks);
    let mut checks: Vec<Arc<Check>> = Vec::new();
    for seat in seats(state, name) {
        checks.extend(seat.own.iter().filter(|check| chooser.takes_check(Some(seat.node), check)).cloned());
    }
    checks.sort_by(|one, other| one.place().cmp(&other.place()));
    let marks = state.services().marks_of_checks(name);
    let (table, changed) = match choice.node_meta.is_empty() {
        true => (state.checks().index(), marks.changed),
        false => (state.checks().index().max(state.nodes().index()), marks.changed.max(state.services().marks_of_rows(name).changed)),
    };
    Answer { marks: Marks { index: table.max(changed), changed }, rows: Rows::Checks(checks) }
}

/// The checks that stand so.
pub(super) fn state(state: &State, word: &str, choice: &Choice) -> Answer {
    let chooser = choice.ready(Subject::Checks);
    let by_node = !choice.node_meta.is_empty();
    let takes = |check: &&Arc<Check>| {
        let node = if by_node { state.nodes().at(check.folded_node()) } else { None };
        chooser.takes_check(node.map(|node| &**node), check)
    };
    let checks = match word {
        ANY => state.checks().iter().filter(takes).cloned().collect(),
        word => state.checks().standing(&CatalogStatus::parse(word)).filter(takes).cloned().collect(),
    };
    let nodes = if by_node { state.nodes().index() } else { 0 };
    Answer { marks: Marks::at(state.checks().index().max(nodes)), rows: Rows::Checks(checks) }
}

/// The checks of a node and of its instances.
pub(super) fn node(state: &State, name: &str, choice: &Choice) -> Answer {
    let chooser = choice.ready(Subject::Checks);
    let folded = fold(name);
    let there = state.nodes().at(&folded).is_some();
    let checks = state.checks().on(&folded).filter(|check| chooser.takes_check(None, check)).cloned().collect();
    let marks = state.nodes().marks_of_checks(&folded);
    let index = if there { marks.index } else { marks.index.max(state.checks().index()) };
    Answer { marks: Marks { index, ..marks }, rows: Rows::Checks(checks) }
}
