//! Telling: rumors ride on every datagram, and when there is news a few random members are told each interval.

use super::broadcasts::{Queued, retransmit_limit};
use super::frame::Mark;
use super::machine::{Gossip, Output};
use super::packet::{Alive, Claim, ClaimKind, Head, PacketBuilder, Rumor, encode_rumor};
use super::table::{SlotId, name_hash};
use crate::model::{Instant, NodeName};
use rand::RngExt;
use rand::seq::SliceRandom;
use std::net::SocketAddr;
use std::time::Duration;

/// Room in a datagram that encryption may need (version, nonce and tag of AES-GCM).
const SEAL_ROOM: usize = 32;

/// One of those that failed a short time ago is asked about every so many probe intervals.
const ASK_THE_DEAD_PROBES: u32 = 5;

/// Unasked-for answers a second: whoever repeats stale news must not make us repeat ours without end.
const COURTESIES_PER_SECOND: u32 = 64;

/// A budget of unasked-for answers.
#[derive(Debug, Default)]
pub(super) struct Courtesy {
    second: u64,
    used: u32,
}

impl Courtesy {
    pub fn allows(&mut self, now: Instant) -> bool {
        let second = now.as_nanos() / 1_000_000_000;
        if second != self.second {
            *self = Courtesy { second, used: 0 };
        }
        self.used += 1;
        self.used <= COURTESIES_PER_SECOND
    }
}

impl Gossip {
    /// Queues news about a member, or about ourselves.
    pub(super) fn broadcast(&mut self, now: Instant, about: &NodeName, rumor: &Rumor) {
        if self.broadcasts.push(name_hash(about), encode_rumor(rumor)) == Queued::DroppedAnother {
            self.stats.broadcasts_dropped += 1;
        }
        // At once if the last round is long enough ago: waiting for a tick would only delay every hop.
        self.timers.spread.get_or_insert(self.timers.spread_again.max(now));
    }

    pub(super) fn broadcast_alive(&mut self, now: Instant, id: SlotId) {
        let (profile, incarnation) = (self.table[id].profile.clone(), self.table[id].incarnation);
        let name = profile.name.clone();
        self.broadcast(now, &name, &Rumor::Alive(Alive { profile, incarnation }));
    }

    pub(super) fn broadcast_claim(&mut self, now: Instant, claim: Claim) {
        let about = claim.about.clone();
        self.broadcast(now, &about, &Rumor::Claim(claim));
    }

    /// Whether anything waits to be told.
    pub(super) fn has_news(&self) -> bool {
        !self.broadcasts.is_empty() || !self.shouts.is_empty()
    }

    /// One round of telling.
    pub(super) fn spread(&mut self, now: Instant) {
        let interval = self.setup.tuning.gossip_interval;
        self.recent.retain(|(until, _)| *until > now);
        for target in self.random_told(self.setup.tuning.gossip_nodes) {
            if !self.has_news() {
                break;
            }
            let addr = self.table[target].profile.addr;
            self.transmit(addr, None, None);
        }
        if self.table.live().is_empty() && self.recent.is_empty() {
            // Nobody to tell: whoever comes learns it by a sync.
            self.broadcasts.clear();
            self.shouts.clear();
        }
        self.timers.spread_again = now + interval;
        self.timers.spread = self.has_news().then_some(now + interval);
    }

    /// Sends one datagram: the head, what this receiver should hear first, then whatever news still fits.
    pub(super) fn transmit(&mut self, to: SocketAddr, head: Option<&Head>, first: Option<&Rumor>) {
        let version = super::Versions::OURS.max;
        let mut packet = PacketBuilder::new(version, head);
        if let Some(rumor) = first {
            packet.push(&encode_rumor(rumor));
        }
        let limit = retransmit_limit(self.setup.tuning.retransmit_mult, self.table.alive_count());
        let told = first.and_then(Rumor::about).map(name_hash);
        let budget = self.setup.tuning.udp_buffer.saturating_sub(SEAL_ROOM);
        self.broadcasts.fill(&mut packet, budget, limit, told);
        // Events take what room the members leave.
        self.shouts.fill(&mut packet, budget, limit, None);
        if !self.has_news() {
            self.timers.spread = None;
        }
        if packet.is_bare() {
            return;
        }
        let bytes = packet.finish();
        self.stats.datagrams_sent += 1;
        self.stats.datagram_bytes_sent += bytes.len() as u64;
        self.output(Output::Send { to, bytes: bytes.into() });
    }

    /// What we hold against a member: it should be the first to hear.
    pub(super) fn opinion(&self, name: &NodeName) -> Option<Rumor> {
        let slot = &self.table[self.table.find(name)?];
        let kind = match (slot.mark(), &slot.suspicion) {
            (Mark::Failed, _) => ClaimKind::Failed,
            (Mark::Left, _) => ClaimKind::Left,
            (Mark::Here | Mark::Leaving, Some(_)) => ClaimKind::Suspect,
            (Mark::Here | Mark::Leaving, None) => return None,
        };
        let by = slot.suspicion.as_ref().and_then(|s| s.accusers().first()).unwrap_or(&self.setup.name).clone();
        Some(Rumor::Claim(Claim { kind, about: name.clone(), incarnation: slot.incarnation, by }))
    }

    /// Up to `count` different live members other than `except`.
    pub(super) fn random_live(&mut self, count: usize, except: Option<SlotId>) -> Vec<SlotId> {
        let live = self.table.live();
        draw(&mut self.rng, count, live.len(), |n| Some(live[n]).filter(|id| Some(*id) != except))
    }

    /// Up to `count` different members to tell: live, or failed a short time ago and perhaps only cut off.
    fn random_told(&mut self, count: usize) -> Vec<SlotId> {
        let (live, recent) = (self.table.live(), &self.recent);
        draw(&mut self.rng, count, live.len() + recent.len(), |n| Some(live.get(n).copied().unwrap_or_else(|| recent[n - live.len()].1)))
    }

    /// Somebody has just died: it is told news for a while, and asked whether it really is dead.
    pub(super) fn tell_for_a_while(&mut self, now: Instant, id: SlotId) {
        self.recent.push((now + self.setup.tuning.gossip_to_the_dead, id));
        let first = now + self.pause_before_asking();
        self.timers.ask_the_dead.get_or_insert(first);
    }

    /// Tells one of those that failed a short time ago, and lives perhaps, what is said of it. If everybody but us has heard its
    /// refutation, nobody else would tell it that we have not.
    pub(super) fn ask_the_dead(&mut self, now: Instant) {
        self.recent.retain(|(until, _)| *until > now);
        let next = now + self.pause_before_asking();
        self.timers.ask_the_dead = (!self.recent.is_empty() && self.departure.takes_part()).then_some(next);
        if self.timers.ask_the_dead.is_none() {
            return;
        }
        let (_, id) = self.recent[self.rng.random_range(0..self.recent.len())];
        if self.table[id].mark() == Mark::Failed {
            let profile = self.table[id].profile.clone();
            let opinion = self.opinion(&profile.name);
            self.transmit(profile.addr, None, opinion.as_ref());
        }
    }

    fn pause_before_asking(&mut self) -> Duration {
        (self.setup.tuning.probe_interval * ASK_THE_DEAD_PROBES).mul_f64(self.rng.random_range(0.5..1.0))
    }

    /// Who speaks of `id` as failed at an incarnation that is over has missed its later word: it is told that.
    pub(super) fn correct(&mut self, now: Instant, id: SlotId, to: SocketAddr) {
        if self.courtesy.allows(now) {
            let slot = &self.table[id];
            let alive = Rumor::Alive(Alive { profile: slot.profile.clone(), incarnation: slot.incarnation });
            self.transmit(to, None, Some(&alive));
        }
    }
}

/// Pools up to this size are shuffled; larger ones are drawn from at random, where a few misses make a round smaller, not biased.
const SHUFFLED: usize = 16;

/// Up to `count` different picks of `0..of`.
fn draw(rng: &mut impl rand::Rng, count: usize, of: usize, pick: impl Fn(usize) -> Option<SlotId>) -> Vec<SlotId> {
    if of <= SHUFFLED {
        let mut places: [usize; SHUFFLED] = std::array::from_fn(|n| n);
        places[..of].shuffle(rng);
        return places[..of].iter().filter_map(|n| pick(*n)).take(count).collect();
    }
    let mut picked: Vec<SlotId> = Vec::with_capacity(count);
    for _ in 0..count * 4 {
        if picked.len() == count {
            break;
        }
        picked.extend(pick(rng.random_range(0..of)).filter(|id| !picked.contains(id)));
    }
    picked
}
