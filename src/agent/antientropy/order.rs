//! The order of the agent's writes, however late one arrives.
//!
//! A write that is given up may lie somewhere and take effect at any time, until one that was sent later has been applied. So one that changes nothing (a
//! barrier) goes ahead of a full sync as long as such writes may lie about: what is read afterwards stays so.

use super::words::{Fetch, Write};
use crate::model::NodeId;
use crate::state::WriteOrder;

#[derive(Debug)]
pub(super) struct Numbers {
    node: NodeId,
    life: u64,
    last: u64,
    /// Writes up to this number are of an earlier life.
    began: u64,
    /// Writes up to this number may have been given up and may still arrive.
    adrift: Option<u64>,
    barrier: Option<(Write, Fetch)>,
}

impl Numbers {
    pub fn new(node: NodeId, life: u64) -> Numbers {
        // An earlier life has left who knows what behind.
        Numbers { node, life, last: 0, began: 0, adrift: (life > 1).then_some(0), barrier: None }
    }

    /// The next write, while these older ones are waited for.
    pub fn next<'a>(&mut self, open: impl Iterator<Item = &'a Write>) -> (Write, WriteOrder) {
        self.last += 1;
        let open = open.map(|write| write.0).filter(|number| *number > self.began).collect();
        (Write(self.last), WriteOrder { node: self.node, life: self.life, number: self.last, open })
    }

    /// A write was given up.
    pub fn given_up(&mut self) {
        self.adrift = Some(self.last);
    }

    /// A write was applied, or refused by the state, which comes to the same: nothing older that was given up when it was sent can arrive any more.
    pub fn arrived(&mut self, write: Write) {
        self.adrift = self.adrift.filter(|adrift| write.0 <= *adrift);
    }

    /// Whether a write that was given up may still arrive.
    pub fn is_adrift(&self) -> bool {
        self.adrift.is_some()
    }

    /// No write of `life` is taken any more: a newer one begins, unless it has already.
    pub fn outlive(&mut self, life: u64) {
        if life >= self.life {
            self.life = life.saturating_add(1);
            self.began = self.last;
            self.adrift = Some(self.last);
        }
    }

    /// This write goes ahead of that fetch.
    pub fn set_barrier(&mut self, write: Write, fetch: Fetch) {
        self.barrier = Some((write, fetch));
    }

    /// The fetch this write went ahead of.
    pub fn take_barrier(&mut self, write: Write) -> Option<Fetch> {
        self.barrier.take_if(|(barrier, _)| *barrier == write).map(|(_, fetch)| fetch)
    }
}
