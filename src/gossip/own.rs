//! What is said of ourselves, and what we say: only we raise our incarnation.

use super::frame::Mark;
use super::machine::{Gossip, Output, Prune};
use super::member::{Conflict, EventKind, Profile, Refusal, Tags};
use super::packet::{Alive, Claim, ClaimKind, MAX_INCARNATION};
use super::table::SlotId;
use crate::model::{Instant, NodeName};
use std::net::SocketAddr;
use std::sync::Arc;

impl Gossip {
    /// A claim about ourselves. While we take part it is wrong, so we refute it;
    /// whoever made it, stale or not, hears first.
    pub(super) fn hear_of_ourselves(&mut self, now: Instant, claim: &Claim, from: Option<SocketAddr>) {
        if !self.departure.takes_part() {
            return;
        }
        if claim.incarnation >= self.table.own().incarnation {
            match claim.kind {
                ClaimKind::Suspect | ClaimKind::Failed => self.awareness.worsen(1),
                ClaimKind::Leaving | ClaimKind::Left | ClaimKind::Pruned => {}
            }
            self.refute(now, claim.incarnation);
        }
        if let Some(from) = from {
            self.correct(now, SlotId::SELF, from);
        }
    }

    /// Somebody says our own word back to us: an echo, an earlier life of ours, or another process with our name.
    pub(super) fn hear_own_alive(&mut self, now: Instant, alive: Alive, from: Option<SocketAddr>) -> Result<(), Refusal> {
        let slot = self.table.own();
        let (profile, own) = (slot.profile.clone(), slot.incarnation);
        if !self.departure.takes_part() {
            return Ok(());
        }
        if !profile.same_place(&alive.profile) {
            let same_node = profile.id().is_some_and(|id| alive.profile.id() == Some(id));
            let (name, holder, claimant) = (profile.name.clone(), profile.addr, alive.profile.addr);
            // Our own past at another address is outdone once; a living twin with our id must not make us bid for ever.
            if same_node && alive.incarnation >= own && self.rejoin.may_outdo(now, self.setup.tuning.dead_node_reclaim) {
                self.refute(now, alive.incarnation);
            }
            return Err(Conflict::Name { name, holder, claimant }.into());
        }
        if alive.incarnation > own || (alive.incarnation == own && *profile != *alive.profile) {
            self.refute(now, alive.incarnation);
        } else if alive.incarnation < own
            && let Some(from) = from
        {
            self.correct(now, SlotId::SELF, from);
        }
        Ok(())
    }

    /// Speaks up, above `incarnation`.
    pub(super) fn refute(&mut self, now: Instant, incarnation: u64) {
        self.stats.refutations += 1;
        self.speak(now, incarnation, self.table.own().profile.clone());
    }

    fn speak(&mut self, now: Instant, above: u64, profile: Arc<Profile>) {
        let change = |slot: &mut super::table::Slot| {
            // Whoever drove it to the end of the range can lie about us for ever; what we say must still be readable.
            slot.incarnation = (slot.incarnation.max(above) + 1).min(MAX_INCARNATION);
            slot.profile = profile;
        };
        self.table.change(SlotId::SELF, |n| n, change);
        self.broadcast_alive(now, SlotId::SELF);
    }

    pub(super) fn set_tags(&mut self, now: Instant, tags: Tags) {
        let own = self.table.own();
        if own.profile.tags == tags || own.mark() != Mark::Here {
            return;
        }
        let (incarnation, profile) = (own.incarnation, Profile { tags, ..Profile::clone(&own.profile) });
        self.speak(now, incarnation, profile.into());
        self.event(SlotId::SELF, EventKind::Updated, Vec::new());
    }

    /// An operator says that a member is not coming back. If it is there, it will say so.
    pub(super) fn force_leave(&mut self, now: Instant, name: &NodeName, prune: Prune) {
        let Some(id) = self.table.find(name).filter(|id| *id != SlotId::SELF) else { return };
        let kind = match prune {
            Prune::Keep => ClaimKind::Leaving,
            Prune::Forget => ClaimKind::Pruned,
        };
        let (incarnation, by) = (self.table[id].incarnation, self.setup.name.clone());
        if kind == ClaimKind::Leaving && self.table[id].mark() == Mark::Left {
            return;
        }
        self.hear_about(now, id, kind, incarnation, &by);
    }

    /// Says who was not let in, at most so often.
    pub(super) fn report(&mut self, now: Instant, refusal: &Refusal) {
        self.stats.refused += 1;
        if let Refusal::Conflict(conflict) = refusal
            && self.courtesy.allows(now)
        {
            self.output(Output::Conflict(conflict.clone()));
        }
    }
}
