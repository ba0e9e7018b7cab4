//! Several probes that make one status.

use super::words::Verdict;
use crate::model::{CheckDefinition, CheckStatus, Probe, Tree, VerdictSource};

/// The most leaves of one check tree.
pub const MAX_TREE_LEAVES: usize = 64;

/// How deep a check tree may be; a tree of leaves alone has depth 1.
pub const MAX_TREE_DEPTH: usize = 8;

/// What is wrong with a check tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeFault {
    /// `all` or `any` of nothing.
    #[error("check tree: all and any need at least one check")]
    Empty,
    /// Too many leaves.
    #[error("check tree: more than {MAX_TREE_LEAVES} checks")]
    TooWide,
    /// Too deep.
    #[error("check tree: nested more than {MAX_TREE_DEPTH} deep")]
    TooDeep,
    /// A leaf that waits to be told, or is a tree itself.
    #[error("check tree: {0:?} is not a check that can be run")]
    NotRun(String),
}

/// Whether a tree can be looked after: what the machine expects of every [`Probe::Tree`].
pub fn examine(tree: &Tree) -> Result<(), TreeFault> {
    let leaves = leaves_of(tree, 0)?;
    if leaves > MAX_TREE_LEAVES { Err(TreeFault::TooWide) } else { Ok(()) }
}

fn leaves_of(tree: &Tree, depth: usize) -> Result<usize, TreeFault> {
    match tree {
        _ if depth > MAX_TREE_DEPTH => Err(TreeFault::TooDeep),
        Tree::All(parts) | Tree::Any(parts) if parts.is_empty() => Err(TreeFault::Empty),
        Tree::All(parts) | Tree::Any(parts) => {
            parts.iter().try_fold(0, |sum: usize, part| Ok(sum.saturating_add(leaves_of(part, depth + 1)?)))
        }
        Tree::Leaf(leaf) if is_run(&leaf.probe) => Ok(1),
        Tree::Leaf(leaf) => Err(TreeFault::NotRun(leaf.name.clone())),
    }
}

/// Whether a probe is something a driver runs.
pub(super) fn is_run(probe: &Probe) -> bool {
    match probe.source() {
        VerdictSource::Program | VerdictSource::Network => true,
        VerdictSource::News { .. } | VerdictSource::Others | VerdictSource::Parts(_) => false,
    }
}

/// How leaves, by their numbers, make one status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// As bad as the worst.
    All(Vec<Shape>),
    /// As good as the best.
    Any(Vec<Shape>),
    /// One leaf.
    Leaf(usize),
}

impl Shape {
    /// The shape of a tree; its leaves are added to `leaves` in order. What cannot be run is left out.
    pub fn of<'a>(tree: &'a Tree, leaves: &mut Vec<&'a CheckDefinition>) -> Shape {
        match tree {
            Tree::All(parts) => Shape::All(parts.iter().map(|part| Shape::of(part, leaves)).collect()),
            Tree::Any(parts) => Shape::Any(parts.iter().map(|part| Shape::of(part, leaves)).collect()),
            Tree::Leaf(leaf) if is_run(&leaf.probe) => {
                leaves.push(leaf);
                Shape::Leaf(leaves.len() - 1)
            }
            Tree::Leaf(_) => Shape::All(Vec::new()),
        }
    }

    /// The leaf whose status is the whole's: the first of the worst, or of the best. `None` if there are none.
    pub fn decider(&self, status: &impl Fn(usize) -> CheckStatus) -> Option<usize> {
        let deciders = |parts: &[Shape]| parts.iter().filter_map(|part| part.decider(status)).collect::<Vec<_>>();
        match self {
            Shape::Leaf(leaf) => Some(*leaf),
            Shape::All(parts) => deciders(parts).into_iter().reduce(|a, b| if status(b) > status(a) { b } else { a }),
            Shape::Any(parts) => deciders(parts).into_iter().reduce(|a, b| if status(b) < status(a) { b } else { a }),
        }
    }
}

/// What a tree says: which leaf decided, and what that one said.
pub(super) fn spoken(leaf: &str, verdict: &Verdict) -> Verdict {
    Verdict { status: verdict.status, output: format!("{leaf}: {}", verdict.output) }
}

#[cfg(test)]
mod tests {
    use super::{MAX_TREE_DEPTH, MAX_TREE_LEAVES, Shape, TreeFault, examine};
    use crate::health::tests::world::tcp;
    use crate::model::CheckStatus::{self, Critical, Passing, Warning};
    use crate::model::{Probe, Tree};
    use std::time::Duration;

    fn leaf() -> Tree {
        Tree::Leaf(Box::new(tcp("leaf")))
    }

    fn decided(shape: &Shape, statuses: &[CheckStatus]) -> Option<usize> {
        shape.decider(&|leaf| statuses[leaf])
    }

    #[test]
    fn all_is_as_bad_as_the_worst_and_any_as_good_as_the_best() {
        let leaves = || vec![Shape::Leaf(0), Shape::Leaf(1), Shape::Leaf(2)];
        assert_eq!(decided(&Shape::All(leaves()), &[Passing, Critical, Critical]), Some(1));
        assert_eq!(decided(&Shape::All(leaves()), &[Passing, Passing, Passing]), Some(0));
        assert_eq!(decided(&Shape::Any(leaves()), &[Critical, Warning, Passing]), Some(2));
        assert_eq!(decided(&Shape::Any(leaves()), &[Critical, Critical, Critical]), Some(0));
        let nested = Shape::All(vec![Shape::Leaf(0), Shape::Any(vec![Shape::Leaf(1), Shape::Leaf(2)])]);
        assert_eq!(decided(&nested, &[Passing, Critical, Warning]), Some(2));
    }

    #[test]
    fn a_tree_has_leaves_that_are_run_and_not_too_many() {
        assert_eq!(examine(&Tree::All(vec![leaf(), Tree::Any(vec![leaf()])])), Ok(()));
        assert_eq!(examine(&Tree::Any(Vec::new())), Err(TreeFault::Empty));
        assert_eq!(examine(&Tree::All(vec![leaf(); MAX_TREE_LEAVES])), Ok(()));
        assert_eq!(examine(&Tree::All(vec![leaf(); MAX_TREE_LEAVES + 1])), Err(TreeFault::TooWide));
        let deep = |depth| (0..depth).fold(leaf(), |tree, _| Tree::All(vec![tree]));
        assert_eq!(examine(&deep(MAX_TREE_DEPTH)), Ok(()));
        assert_eq!(examine(&deep(MAX_TREE_DEPTH + 1)), Err(TreeFault::TooDeep));
        let mut told = tcp("told");
        told.probe = Probe::Ttl { ttl: Duration::from_secs(1) };
        assert_eq!(examine(&Tree::Leaf(Box::new(told))), Err(TreeFault::NotRun("told".to_owned())));
    }
}
