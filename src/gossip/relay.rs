//! Pings made for others: the ack is passed on; silence is said too (Lifeguard's nack), so that the asker can tell its own deafness.

use super::machine::Gossip;
use super::packet::Head;
use crate::model::{Instant, NodeName};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Relayed pings under way. At the bound further ones are not made (and counted): the asker has other relays.
const MAX_RELAYS: usize = 512;

#[derive(Debug)]
struct Relay {
    asker: SocketAddr,
    asker_seq: u32,
    nack_at: Instant,
}

/// Relayed pings by the number of our ping. Numbers and deadlines rise together, as all wait equally long.
#[derive(Debug, Default)]
pub(super) struct Relays {
    by_seq: BTreeMap<u32, Relay>,
}

impl Relays {
    pub fn deadline(&self) -> Option<Instant> {
        self.by_seq.values().map(|relay| relay.nack_at).min()
    }

    pub fn clear(&mut self) {
        self.by_seq.clear();
    }

    pub fn check_invariants(&self) {
        assert!(self.by_seq.len() <= MAX_RELAYS, "relays are bounded");
    }
}

impl Gossip {
    pub(super) fn relay_ping(&mut self, now: Instant, asker: SocketAddr, asker_seq: u32, to: NodeName, addr: SocketAddr) {
        if self.relays.by_seq.len() >= MAX_RELAYS {
            self.stats.relays_refused += 1;
            return;
        }
        self.stats.relayed += 1;
        let seq = self.prober.next_seq();
        // Lifeguard section IV-A: early enough that the nack is back before the asker gives up.
        let nack_at = now + self.setup.tuning.probe_timeout * 4 / 5;
        self.relays.by_seq.insert(seq, Relay { asker, asker_seq, nack_at });
        let doubt = self.opinion(&to);
        let ping = Head::Ping { seq, to, from: self.setup.name.clone() };
        self.transmit(addr, Some(&ping), doubt.as_ref());
    }

    /// Passes the ack on, if it belongs to a relayed ping.
    pub(super) fn relay_ack(&mut self, seq: u32) {
        if let Some(relay) = self.relays.by_seq.remove(&seq) {
            self.transmit(relay.asker, Some(&Head::Ack { seq: relay.asker_seq }), None);
        }
    }

    pub(super) fn relays_due(&mut self, now: Instant) {
        let silent = self.relays.by_seq.extract_if(.., |_, relay| relay.nack_at <= now);
        for (_, relay) in silent.collect::<Vec<_>>() {
            self.transmit(relay.asker, Some(&Head::Nack { seq: relay.asker_seq }), None);
        }
    }
}
