//! Members told of in a sync. A peer's word that a member we reach is dead starts a suspicion, no more: it may only have been cut off.

use super::frame::{Mark, Row};
use super::machine::Gossip;
use super::member::{EventKind, Refusal};
use super::packet::{Alive, Claim, ClaimKind};
use super::table::{Life, SlotId};
use crate::model::{Instant, NodeName};
use std::time::Duration;

impl Gossip {
    /// One member as `peer` knows it.
    pub(super) fn hear_row(&mut self, now: Instant, row: Row, peer: &NodeName) -> Result<(), Refusal> {
        match self.table.find(&row.profile.name) {
            None => self.learn(now, row, peer),
            Some(SlotId::SELF) => {
                let alive = Alive { profile: row.profile.clone(), incarnation: row.incarnation };
                self.hear_own_alive(now, alive, None)?;
                if let Some(claim) = claim_of(&row, peer) {
                    self.hear_of_ourselves(now, &claim, None);
                }
                Ok(())
            }
            Some(id) => self.merge_row(now, id, row, peer),
        }
    }

    fn merge_row(&mut self, now: Instant, id: SlotId, row: Row, peer: &NodeName) -> Result<(), Refusal> {
        let slot = &self.table[id];
        let both_dead = slot.life == Life::Dead && matches!(row.mark, Mark::Failed | Mark::Left);
        if row.incarnation >= slot.incarnation && !both_dead {
            self.hear_alive(now, Alive { profile: row.profile.clone(), incarnation: row.incarnation }, None)?;
        }
        if let Some(claim) = claim_of(&row, peer) {
            // Of the dead, a peer's word is enough; of the living, it is a suspicion.
            let kind = if claim.kind == ClaimKind::Failed { ClaimKind::Suspect } else { claim.kind };
            self.hear_about(now, id, kind, claim.incarnation, peer);
        }
        Ok(())
    }

    /// Somebody unknown. The dead are learned too, as long as they are worth remembering, so that all tables agree.
    fn learn(&mut self, now: Instant, row: Row, peer: &NodeName) -> Result<(), Refusal> {
        let name = row.profile.name.clone();
        let kind = match row.mark {
            Mark::Here | Mark::Leaving => {
                let claim = claim_of(&row, peer);
                self.hear_alive(now, Alive { profile: row.profile, incarnation: row.incarnation }, None)?;
                if let Some(claim) = claim {
                    self.hear_claim(now, claim, None);
                }
                return Ok(());
            }
            Mark::Failed => EventKind::Failed,
            Mark::Left => EventKind::Left,
        };
        self.vet(&row.profile)?;
        let memory = self.memory().of(row.mark);
        let age = Duration::from_secs(u64::from(row.age));
        // Close to the end we may just have forgotten it ourselves: learning it again would have it die twice.
        let too_old = age >= memory.mul_f64(0.9);
        if too_old || self.intents.recall(now, &name, row.incarnation) == Some(super::intents::Heard::Pruned) {
            return Ok(());
        }
        if let Some(id) = self.place(row.profile, row.incarnation, row.mark, (now, now + (memory - age))) {
            self.event(id, kind, vec![peer.clone()]);
        }
        Ok(())
    }
}

fn claim_of(row: &Row, peer: &NodeName) -> Option<Claim> {
    let kind = match row.mark {
        Mark::Here => return None,
        Mark::Leaving => ClaimKind::Leaving,
        Mark::Failed => ClaimKind::Failed,
        Mark::Left => ClaimKind::Left,
    };
    Some(Claim { kind, about: row.profile.name.clone(), incarnation: row.incarnation, by: peer.clone() })
}
