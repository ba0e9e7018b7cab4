//! Which writes of an agent the catalog still takes: none that a newer one, or the removal of its node, has superseded.
//!
//! The newest number that was applied is a fence; older writes pass only if the newest one named them as waited for. It is the window of a selective
//! acknowledgement (RFC 2018), told by the sender. Numbers are the agent's own and no clock is trusted.

use super::departed::REMEMBERED;
use super::{Reply, WriteOrder};
use crate::model::{Index, NodeId};
use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::sync::Arc;

/// The most writes that one may say are still waited for.
pub const MOST_OPEN: usize = 16;

/// The fences of all nodes that are there and of the last [`REMEMBERED`] that are not: a write may arrive after its node was removed, and must not
/// bring it back.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Fences {
    by_node: OrdMap<NodeId, Arc<Fence>>,
    /// Those whose node is not there, by when it went.
    gone: OrdSet<(Index, NodeId)>,
}

/// What is taken of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fence {
    life: u64,
    /// The newest write; [`u64::MAX`] if the life is over.
    newest: u64,
    /// Older ones that may still come.
    open: Vec<u64>,
    /// When the node went; `None` while it is there.
    gone: Option<Index>,
}

impl Fence {
    /// Whether a write may still come: each is taken once.
    fn may_take(&self, life: u64, number: u64) -> bool {
        (life, number) > (self.life, self.newest) || life == self.life && self.open.contains(&number)
    }
}

impl Fences {
    /// Lets a write through, and supersedes what its agent had given up; or the answer to a write that is not taken.
    pub(super) fn pass(&mut self, order: &WriteOrder) -> Result<(), Reply> {
        if order.open.len() > MOST_OPEN {
            return Err(Reply::Refused(format!("a write waits for {} older ones, the most are {MOST_OPEN}", order.open.len())));
        }
        if order.life == u64::MAX {
            return Err(Reply::Refused(format!("the life of a write is {}, the last number there is", order.life)));
        }
        let known = self.by_node.get(&order.node);
        let gone = known.and_then(|fence| fence.gone);
        let open = match known.map(|fence| (fence, (order.life, order.number).cmp(&(fence.life, fence.newest)))) {
            None => order.open.clone(),
            Some((fence, Ordering::Greater)) => order.open.iter().copied().filter(|number| fence.may_take(order.life, *number)).collect(),
            Some((fence, _)) if fence.may_take(order.life, order.number) => {
                let open = fence.open.iter().copied().filter(|number| *number != order.number).collect();
                let fence = Fence { open, ..Fence::clone(fence) };
                self.seat(order.node, fence);
                return Ok(());
            }
            Some((fence, _)) => return Err(Reply::Superseded { life: fence.life }),
        };
        self.seat(order.node, Fence { life: order.life, newest: order.number, open, gone });
        Ok(())
    }

    /// A node was removed: what its agent sent before does not bring it back.
    pub(super) fn shut(&mut self, node: NodeId, index: Index) {
        if let Some(life) = self.by_node.get(&node).map(|fence| fence.life) {
            self.seat(node, Fence { life, newest: u64::MAX, open: Vec::new(), gone: Some(index) });
        }
    }

    /// The node of an agent that wrote is not there.
    pub(super) fn left(&mut self, node: NodeId, index: Index) {
        self.set_gone(node, Some(index));
    }

    /// A node is there.
    pub(super) fn returned(&mut self, node: NodeId) {
        self.set_gone(node, None);
    }

    fn set_gone(&mut self, node: NodeId, gone: Option<Index>) {
        if let Some(fence) = self.by_node.get(&node).filter(|fence| fence.gone != gone) {
            let fence = Fence { gone, ..Fence::clone(fence) };
            self.seat(node, fence);
        }
    }

    fn seat(&mut self, node: NodeId, fence: Fence) {
        let gone = fence.gone;
        let before = self.by_node.insert(node, Arc::new(fence)).and_then(|before| before.gone);
        if before == gone {
            return;
        }
        if let Some(index) = before {
            self.gone.remove(&(index, node));
        }
        if let Some(index) = gone {
            self.gone.insert((index, node));
        }
        if self.gone.len() > REMEMBERED
            && let Some((_, oldest)) = self.gone.remove_min()
        {
            self.by_node.remove(&oldest);
        }
    }

    /// All of them by node, for a snapshot.
    pub(super) fn iter(&self) -> impl Iterator<Item = (NodeId, Arc<Fence>)> + '_ {
        self.by_node.iter().map(|(node, fence)| (*node, fence.clone()))
    }

    /// What a snapshot says of one; whether it comes in order and within bounds. `there` are the nodes that are there.
    pub(super) fn restore(&mut self, node: NodeId, fence: Arc<Fence>, there: &OrdMap<NodeId, Arc<str>>) -> bool {
        let ascends = self.by_node.get_max().is_none_or(|(last, _)| *last < node);
        let sound = fence.open.len() <= MOST_OPEN && fence.life < u64::MAX && fence.gone.is_none() == there.contains_key(&node);
        self.gone.extend(fence.gone.map(|index| (index, node)));
        self.by_node.insert(node, fence);
        ascends && sound && self.gone.len() <= REMEMBERED
    }
}

#[cfg(test)]
mod tests;
