//! What news does to the table. Higher incarnations win; at one incarnation conditions only climb (alive, suspected, dead; staying,
//! leaving), so that everyone ends up the same whatever the order of arrival, and an incarnation never falls, whatever the evidence.

use super::frame::Mark;
use super::intents::Heard;
use super::machine::{Gossip, Output};
use super::member::{Conflict, Event, EventKind, Profile, Refusal, Versions};
use super::packet::{Alive, Claim, ClaimKind, Rumor};
use super::suspicion::{Confirmation, Suspicion, shortest};
use super::table::{Intent, Life, SlotId};
use crate::model::{Instant, NodeName};
use rand::RngExt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

impl Gossip {
    /// One rumor. `from` is whom to tell if it is stale.
    pub(super) fn hear(&mut self, now: Instant, rumor: Rumor, from: Option<SocketAddr>) {
        match rumor {
            Rumor::Alive(alive) => {
                if let Err(refusal) = self.hear_alive(now, alive, from) {
                    self.report(now, &refusal);
                }
            }
            Rumor::Claim(claim) => self.hear_claim(now, claim, from),
            Rumor::Event(event) => self.hear_event(now, event, from),
            Rumor::Question(question) => self.hear_question(now, question),
        }
    }

    /// A member's own word. An error says why the member is not let in.
    pub(super) fn hear_alive(&mut self, now: Instant, alive: Alive, from: Option<SocketAddr>) -> Result<(), Refusal> {
        match self.table.find(&alive.profile.name) {
            Some(SlotId::SELF) => self.hear_own_alive(now, alive, from),
            Some(id) => {
                self.vet(&alive.profile)?;
                self.renew(now, id, alive)
            }
            None => {
                self.vet(&alive.profile)?;
                self.admit(now, alive)
            }
        }
    }

    /// The rules of the pool, apart from what the table says.
    pub(super) fn vet(&self, profile: &Profile) -> Result<(), Refusal> {
        let name = || profile.name.clone();
        if let Some(ours) = &self.setup.datacenter {
            let theirs = profile.tags.get("dc").unwrap_or("");
            if theirs != ours.as_str() {
                return Err(Refusal::Datacenter { name: name(), datacenter: theirs.to_owned() });
            }
        }
        if Versions::OURS.newest_shared(profile.versions).is_none() {
            return Err(Refusal::Versions { name: name(), min: profile.versions.min, max: profile.versions.max });
        }
        if profile.addr.port() == 0 || profile.addr.ip().is_unspecified() || profile.addr.ip().is_multicast() {
            return Err(Refusal::Address { name: name(), addr: profile.addr });
        }
        match profile.id().and_then(|id| self.table.find_id(id).map(|holder| (id, &self.table[holder]))) {
            Some((id, holder)) if holder.profile.name != profile.name && holder.life != Life::Dead => {
                Err(Conflict::Id { id, holder: holder.profile.name.clone(), claimant: name() }.into())
            }
            Some(_) | None => Ok(()),
        }
    }

    fn admit(&mut self, now: Instant, alive: Alive) -> Result<(), Refusal> {
        let name = alive.profile.name.clone();
        let mark = match self.intents.recall(now, &name, alive.incarnation) {
            None => Mark::Here,
            Some(Heard::Leaves) => Mark::Leaving,
            Some(Heard::Pruned) => return Ok(()),
        };
        let Some(id) = self.place(alive.profile, alive.incarnation, mark, (now, Instant::from_nanos(u64::MAX))) else { return Ok(()) };
        self.wake_prober(now);
        self.event(id, EventKind::Joined, Vec::new());
        if mark == Mark::Leaving {
            self.event(id, EventKind::Leaving, Vec::new());
        }
        self.broadcast_alive(now, id);
        Ok(())
    }

    /// A place for somebody unknown; `None`, counted, if the table has none.
    pub(super) fn place(&mut self, profile: Arc<Profile>, incarnation: u64, mark: Mark, times: (Instant, Instant)) -> Option<SlotId> {
        let rng = &mut self.rng;
        let placed = self.table.insert(profile, incarnation, mark, times, |n| rng.random_range(0..n));
        self.stats.refused += u64::from(placed.is_err());
        placed.ok()
    }

    fn renew(&mut self, now: Instant, id: SlotId, alive: Alive) -> Result<(), Refusal> {
        let slot = &self.table[id];
        let dead = slot.life == Life::Dead;
        if !slot.profile.same_place(&alive.profile) && !self.may_take_over(now, id, &alive) {
            let (name, holder) = (alive.profile.name.clone(), slot.profile.addr);
            return Err(Conflict::Name { name, holder, claimant: alive.profile.addr }.into());
        }
        if alive.incarnation <= slot.incarnation {
            if dead {
                self.contradict(now, &alive.profile);
            }
            return Ok(());
        }
        let old = slot.mark();
        let changed = *slot.profile != *alive.profile;
        let profile = if changed { alive.profile } else { slot.profile.clone() };
        self.revive(now, id, alive.incarnation, profile);
        match old {
            Mark::Failed | Mark::Left => self.event(id, EventKind::Joined, Vec::new()),
            Mark::Leaving => self.event(id, EventKind::Updated, Vec::new()),
            Mark::Here if changed => self.event(id, EventKind::Updated, Vec::new()),
            Mark::Here => {}
        }
        self.broadcast_alive(now, id);
        Ok(())
    }

    /// Whether another process may have the name: its holder has left, has been dead for long enough, or is the same node (same id)
    /// moved to a new address under a higher incarnation.
    fn may_take_over(&self, now: Instant, id: SlotId, alive: &Alive) -> bool {
        let slot = &self.table[id];
        let same_node = alive.profile.id().is_some_and(|node| slot.profile.id() == Some(node));
        match slot.mark() {
            Mark::Left => true,
            Mark::Failed => same_node || now.since(slot.since) >= self.setup.tuning.dead_node_reclaim,
            Mark::Here | Mark::Leaving => same_node && alive.incarnation > slot.incarnation,
        }
    }

    fn revive(&mut self, now: Instant, id: SlotId, incarnation: u64, profile: Arc<Profile>) {
        self.unfile(id);
        let rng = &mut self.rng;
        self.table.change(
            id,
            |n| rng.random_range(0..n),
            |slot| {
                if slot.mark() != Mark::Here {
                    slot.since = now;
                }
                slot.profile = profile;
                slot.incarnation = incarnation;
                slot.life = Life::Alive;
                slot.intent = Intent::Stay;
                slot.suspicion = None;
                slot.expires = Instant::from_nanos(u64::MAX);
            },
        );
        self.recent.retain(|(_, recent)| *recent != id);
        self.wake_prober(now);
    }

    /// Somebody we hold dead is said to be alive, but at an incarnation we know to be over: if it lives it must hear, to speak up again.
    fn contradict(&mut self, now: Instant, profile: &Profile) {
        if self.courtesy.allows(now)
            && let Some(opinion) = self.opinion(&profile.name)
        {
            self.transmit(profile.addr, None, Some(&opinion));
        }
    }

    pub(super) fn hear_claim(&mut self, now: Instant, claim: Claim, from: Option<SocketAddr>) {
        match self.table.find(&claim.about) {
            Some(SlotId::SELF) => self.hear_of_ourselves(now, &claim, from),
            Some(id) => {
                let slot = &self.table[id];
                let outlived = claim.kind == ClaimKind::Failed && claim.incarnation < slot.incarnation && slot.life == Life::Alive;
                match from {
                    Some(from) if outlived => self.correct(now, id, from),
                    Some(_) | None => self.hear_about(now, id, claim.kind, claim.incarnation, &claim.by),
                }
            }
            None => match claim.kind {
                ClaimKind::Suspect | ClaimKind::Failed => {}
                ClaimKind::Leaving | ClaimKind::Left => self.intents.remember(now, &claim.about, claim.incarnation, Heard::Leaves),
                ClaimKind::Pruned => self.intents.remember(now, &claim.about, claim.incarnation, Heard::Pruned),
            },
        }
    }

    /// A claim about a known member other than ourselves.
    pub(super) fn hear_about(&mut self, now: Instant, id: SlotId, kind: ClaimKind, incarnation: u64, by: &NodeName) {
        let slot = &self.table[id];
        if incarnation < slot.incarnation {
            return;
        }
        if slot.life == Life::Dead {
            self.raise(now, id, incarnation);
        }
        match (self.credible(kind, by), self.table[id].life) {
            (ClaimKind::Suspect, Life::Alive | Life::Suspect) => self.suspect(now, id, incarnation, by),
            (ClaimKind::Suspect | ClaimKind::Failed, Life::Dead) => {}
            (ClaimKind::Failed, Life::Alive | Life::Suspect) => self.bury(now, id, incarnation, self.table[id].intent, vec![by.clone()]),
            (ClaimKind::Leaving, _) => self.intend(now, id, incarnation, by),
            (ClaimKind::Left, Life::Alive | Life::Suspect) => self.bury(now, id, incarnation, Intent::Leave, self.witness(id, by)),
            (ClaimKind::Left, Life::Dead) => self.intend(now, id, incarnation, by),
            (ClaimKind::Pruned, _) => {
                self.intend(now, id, incarnation, by);
                self.prune(now, id, by);
            }
        }
    }

    /// The word of somebody who is suspected or counts as dead itself, and was perhaps only cut off from everybody, is a suspicion at most.
    fn credible(&self, kind: ClaimKind, by: &NodeName) -> ClaimKind {
        let doubted = self.table.find(by).is_some_and(|accuser| self.table[accuser].life != Life::Alive);
        match kind {
            ClaimKind::Failed if doubted => ClaimKind::Suspect,
            ClaimKind::Failed | ClaimKind::Suspect | ClaimKind::Leaving | ClaimKind::Left | ClaimKind::Pruned => kind,
        }
    }

    /// Somebody dead was heard of at a later incarnation: it stays dead, but only a still later word of its own revives it.
    fn raise(&mut self, now: Instant, id: SlotId, incarnation: u64) {
        if incarnation > self.table[id].incarnation {
            self.table.change(id, |n| n, |slot| slot.incarnation = incarnation);
            if let Some(rumor) = self.opinion(&self.table[id].profile.name.clone()) {
                self.broadcast(now, &self.table[id].profile.name.clone(), &rumor);
            }
        }
    }

    fn suspect(&mut self, now: Instant, id: SlotId, incarnation: u64, by: &NodeName) {
        let slot = &self.table[id];
        let mut news = Confirmation::Fresh;
        let suspicion = match &slot.suspicion {
            Some(running) if incarnation == slot.incarnation => {
                let mut running = running.clone();
                news = running.confirm(now, by);
                running
            }
            Some(_) | None => {
                self.stats.suspicions += 1;
                Box::new(self.new_suspicion(now, by))
            }
        };
        if news == Confirmation::Known {
            return;
        }
        self.unfile(id);
        self.suspicions.insert((suspicion.deadline(), id));
        self.table.change(
            id,
            |n| n,
            |slot| {
                if incarnation > slot.incarnation {
                    slot.intent = Intent::Stay;
                }
                slot.incarnation = incarnation;
                slot.life = Life::Suspect;
                slot.suspicion = Some(suspicion);
            },
        );
        let about = self.table[id].profile.name.clone();
        self.broadcast_claim(now, Claim { kind: ClaimKind::Suspect, about, incarnation, by: by.clone() });
    }

    fn new_suspicion(&self, now: Instant, by: &NodeName) -> Suspicion {
        let tuning = &self.setup.tuning;
        let members = self.table.alive_count();
        let min = shortest(tuning.suspicion_mult, members, tuning.probe_interval);
        let max = min * tuning.suspicion_max_mult.max(1);
        // Two of the multiplied intervals pass before even the first confirmations can come (Lifeguard section IV-B: K).
        let expected = tuning.suspicion_mult.saturating_sub(2) as usize;
        Suspicion::new(now, by.clone(), min, max, expected, members)
    }

    /// It is dead: failed, or left if it said that it would go.
    pub(super) fn bury(&mut self, now: Instant, id: SlotId, incarnation: u64, intent: Intent, by: Vec<NodeName>) {
        self.unfile(id);
        let memory = self.memory();
        self.table.change(
            id,
            |n| n,
            |slot| {
                slot.incarnation = incarnation;
                slot.intent = intent;
                slot.life = Life::Dead;
                slot.suspicion = None;
                slot.since = now;
                slot.expires = now + memory.of(slot.mark());
            },
        );
        self.forget_probe_of(now, id);
        self.tell_for_a_while(now, id);
        let about = self.table[id].profile.name.clone();
        let (event, kind) = match intent {
            Intent::Stay => (EventKind::Failed, ClaimKind::Failed),
            Intent::Leave => (EventKind::Left, ClaimKind::Left),
        };
        let speaker = by.first().unwrap_or(&about).clone();
        self.event(id, event, by);
        self.broadcast_claim(now, Claim { kind, about, incarnation, by: speaker });
    }

    /// It goes: leaving if it is there, left if it is dead.
    fn intend(&mut self, now: Instant, id: SlotId, incarnation: u64, by: &NodeName) {
        let slot = &self.table[id];
        if slot.intent == Intent::Leave && incarnation == slot.incarnation {
            return;
        }
        let memory = self.memory();
        self.table.change(
            id,
            |n| n,
            |slot| {
                slot.incarnation = incarnation;
                slot.intent = Intent::Leave;
                slot.since = now;
                if slot.life == Life::Dead {
                    slot.expires = now + memory.left;
                }
            },
        );
        let about = self.table[id].profile.name.clone();
        let event = if self.table[id].life == Life::Dead { EventKind::Left } else { EventKind::Leaving };
        self.event(id, event, self.witness(id, by));
        self.broadcast_claim(now, Claim { kind: ClaimKind::Leaving, about, incarnation, by: by.clone() });
    }

    fn prune(&mut self, now: Instant, id: SlotId, by: &NodeName) {
        let (about, incarnation) = (self.table[id].profile.name.clone(), self.table[id].incarnation);
        self.intents.remember(now, &about, incarnation, Heard::Pruned);
        self.broadcast_claim(now, Claim { kind: ClaimKind::Pruned, about, incarnation, by: by.clone() });
        if self.table[id].life == Life::Dead {
            self.forget(now, id, vec![by.clone()]);
        }
    }

    /// Drops a dead member from the table.
    pub(super) fn forget(&mut self, now: Instant, id: SlotId, by: Vec<NodeName>) {
        self.recent.retain(|(_, recent)| *recent != id);
        self.forget_probe_of(now, id);
        self.forget_position(id);
        let member = self.table[id].member();
        self.table.remove(id);
        self.output(Output::Event(Event { kind: EventKind::Reaped, member, by }));
    }

    pub(super) fn suspicions_due(&mut self, now: Instant) {
        while let Some((deadline, id)) = self.suspicions.first().copied()
            && deadline <= now
        {
            let slot = &self.table[id];
            let accusers = slot.suspicion.as_ref().map_or_else(Vec::new, |suspicion| suspicion.accusers().to_vec());
            let (incarnation, intent) = (slot.incarnation, slot.intent);
            self.stats.declared_failed += 1;
            self.bury(now, id, incarnation, intent, accusers);
        }
    }

    pub(super) fn postpone_suspicions(&mut self, now: Instant, stall: Duration) {
        for (_, id) in std::mem::take(&mut self.suspicions) {
            let postpone = |slot: &mut super::table::Slot| {
                if let Some(suspicion) = &mut slot.suspicion {
                    suspicion.postpone(now, stall);
                }
            };
            self.table.change(id, |n| n, postpone);
            let deadline = self.table[id].suspicion.as_ref().expect("a filed suspicion runs").deadline();
            self.suspicions.insert((deadline, id));
        }
    }

    fn unfile(&mut self, id: SlotId) {
        if let Some(suspicion) = &self.table[id].suspicion {
            self.suspicions.remove(&(suspicion.deadline(), id));
        }
    }

    /// Who speaks, unless the member does itself.
    fn witness(&self, id: SlotId, by: &NodeName) -> Vec<NodeName> {
        if self.table[id].profile.name == *by { Vec::new() } else { vec![by.clone()] }
    }

    fn wake_prober(&mut self, now: Instant) {
        if self.table.live().len() == 1 {
            self.timers.probe = self.timers.probe.max(now);
        }
    }

    pub(super) fn event(&mut self, id: SlotId, kind: EventKind, by: Vec<NodeName>) {
        let member = self.table[id].member();
        self.output(Output::Event(Event { kind, member, by }));
    }
}
