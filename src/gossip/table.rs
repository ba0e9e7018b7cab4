//! Everybody known. Found by name fingerprint, probed in rounds, summed up in buckets, all without a walk over the table.

use super::frame::{Digest, Mark, Row};
use super::hash::{fingerprint, mix};
use super::member::{Doubt, Member, MemberStatus, Profile};
use super::suspicion::Suspicion;
use crate::model::{Instant, NodeId, NodeName, codec};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// Most members known. At the bound a newcomer is not let in (and counted): its digests must still fit one frame.
pub const MAX_MEMBERS: usize = 32_768;

/// Buckets a sync compares before it compares members.
pub const BUCKETS: usize = 64;

const BUCKET_SHIFT: u32 = 64 - BUCKETS.trailing_zeros();

/// A member's place in the table, until it is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SlotId(u32);

impl SlotId {
    /// This agent's own place.
    pub const SELF: SlotId = SlotId(0);

    fn at(self) -> usize {
        self.0 as usize
    }
}

/// Whether it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Alive,
    Suspect,
    Dead,
}

/// Whether it announced that it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    Stay,
    Leave,
}

/// For how long the dead are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    pub failed: Duration,
    pub left: Duration,
}

impl Memory {
    pub fn of(self, mark: Mark) -> Duration {
        match mark {
            Mark::Failed => self.failed,
            Mark::Left => self.left,
            Mark::Here | Mark::Leaving => Duration::MAX,
        }
    }
}

/// One member.
#[derive(Debug)]
pub(super) struct Slot {
    pub profile: Arc<Profile>,
    pub name_hash: u64,
    profile_hash: u32,
    pub incarnation: u64,
    pub life: Life,
    pub intent: Intent,
    /// When `life` or `intent` last changed here.
    pub since: Instant,
    /// When the member, dead, is forgotten.
    pub expires: Instant,
    pub suspicion: Option<Box<Suspicion>>,
    /// Index in the list it stands in: `live` or `gone`; meaningless for ourselves.
    place: u32,
}

impl Slot {
    pub fn mark(&self) -> Mark {
        match (self.life, self.intent) {
            (Life::Alive | Life::Suspect, Intent::Stay) => Mark::Here,
            (Life::Alive | Life::Suspect, Intent::Leave) => Mark::Leaving,
            (Life::Dead, Intent::Stay) => Mark::Failed,
            (Life::Dead, Intent::Leave) => Mark::Left,
        }
    }

    pub fn digest(&self) -> Digest {
        Digest { name: self.name_hash, incarnation: self.incarnation, mark: self.mark(), profile: self.profile_hash }
    }

    pub fn row(&self, now: Instant, memory: Memory) -> Row {
        let mark = self.mark();
        let age = memory.of(mark).saturating_sub(self.expires.since(now)).as_secs();
        let age = if self.life == Life::Dead { u32::try_from(age).unwrap_or(u32::MAX) } else { 0 };
        Row { profile: self.profile.clone(), incarnation: self.incarnation, mark, age }
    }

    pub fn member(&self) -> Member {
        let status = match self.mark() {
            Mark::Here => MemberStatus::Alive,
            Mark::Leaving => MemberStatus::Leaving,
            Mark::Failed => MemberStatus::Failed,
            Mark::Left => MemberStatus::Left,
        };
        let doubt = if self.life == Life::Suspect { Doubt::Suspected } else { Doubt::Trusted };
        Member { profile: self.profile.clone(), status, doubt, incarnation: self.incarnation }
    }

    fn sum(&self) -> u64 {
        let mark = self.mark() as u64;
        mix(self.name_hash ^ mix(self.incarnation.wrapping_mul(4).wrapping_add(mark)) ^ mix(u64::from(self.profile_hash)))
    }
}

/// Fingerprint of a name, as digests carry it.
pub(super) fn name_hash(name: &NodeName) -> u64 {
    fingerprint(name.as_str().as_bytes())
}

pub(super) fn profile_hash(profile: &Profile) -> u32 {
    let mut bytes = Vec::with_capacity(256);
    codec::encode_compact_into(&mut bytes, 0, profile);
    fingerprint(&bytes) as u32
}

fn bucket_of(name_hash: u64) -> usize {
    (name_hash >> BUCKET_SHIFT) as usize
}

/// Why a newcomer found no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// [`MAX_MEMBERS`] are known.
    Full,
    /// Its name has another's fingerprint.
    Collision,
}

/// The table. Our own place is [`SlotId::SELF`] and stands in neither list.
#[derive(Debug)]
pub(super) struct Table {
    slots: Vec<Option<Slot>>,
    free: Vec<SlotId>,
    by_name: BTreeMap<u64, SlotId>,
    by_id: BTreeMap<NodeId, SlotId>,
    /// Others that are not dead, in the order of the current probe round.
    live: Vec<SlotId>,
    /// Where the round stands in `live`.
    cursor: usize,
    /// Others that are dead.
    gone: Vec<SlotId>,
    /// How many of `gone` have failed; the rest has left.
    failed: usize,
    sums: [u64; BUCKETS],
    revision: u64,
    lasting: u64,
}

impl Table {
    pub fn new(own: Profile, incarnation: u64, now: Instant) -> Table {
        let slot = Slot {
            name_hash: name_hash(&own.name),
            profile_hash: profile_hash(&own),
            profile: own.into(),
            incarnation,
            life: Life::Alive,
            intent: Intent::Stay,
            since: now,
            expires: Instant::from_nanos(u64::MAX),
            suspicion: None,
            place: 0,
        };
        let mut sums = [0; BUCKETS];
        sums[bucket_of(slot.name_hash)] = slot.sum();
        let by_id = slot.profile.id().map(|id| (id, SlotId::SELF)).into_iter().collect();
        let by_name = BTreeMap::from([(slot.name_hash, SlotId::SELF)]);
        let (free, live, gone) = (Vec::new(), Vec::new(), Vec::new());
        Table { slots: vec![Some(slot)], free, by_name, by_id, live, cursor: 0, gone, failed: 0, sums, revision: 0, lasting: 0 }
    }

    pub fn own(&self) -> &Slot {
        &self[SlotId::SELF]
    }

    pub fn find(&self, name: &NodeName) -> Option<SlotId> {
        let id = *self.by_name.get(&name_hash(name))?;
        (self[id].profile.name == *name).then_some(id)
    }

    pub fn find_hash(&self, name_hash: u64) -> Option<SlotId> {
        self.by_name.get(&name_hash).copied()
    }

    pub fn find_id(&self, id: NodeId) -> Option<SlotId> {
        self.by_id.get(&id).copied()
    }

    /// Everybody, ourselves included, by name fingerprint.
    pub fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.by_name.values().map(|id| &self[*id])
    }

    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    pub fn live(&self) -> &[SlotId] {
        &self.live
    }

    pub fn gone(&self) -> &[SlotId] {
        &self.gone
    }

    /// Alive, suspected or leaving, ourselves included.
    pub fn alive_count(&self) -> usize {
        self.live.len() + usize::from(self.own().life != Life::Dead)
    }

    pub fn failed_count(&self) -> usize {
        self.failed
    }

    /// Changes whenever a [`Member`] would look different.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Changes whenever the digests do.
    pub fn lasting(&self) -> u64 {
        self.lasting
    }

    pub fn sums(&self) -> &[u64; BUCKETS] {
        &self.sums
    }

    /// Fingerprint of everything in the digests.
    pub fn root(&self) -> u64 {
        self.sums.iter().fold(self.len() as u64, |root, sum| mix(root ^ *sum).wrapping_add(1))
    }

    /// The members of one bucket, by name fingerprint.
    pub fn bucket(&self, bucket: usize) -> impl Iterator<Item = &Slot> {
        self.by_name.range(bucket_range(bucket)).map(|(_, id)| &self[*id])
    }

    /// Adds somebody unknown. `at` picks its place in the probe round, so that rounds stay random. `times` are [`Slot::since`]
    /// and [`Slot::expires`].
    pub fn insert(
        &mut self,
        profile: Arc<Profile>,
        incarnation: u64,
        mark: Mark,
        times: (Instant, Instant),
        at: impl FnOnce(usize) -> usize,
    ) -> Result<SlotId, NoPlace> {
        let name_hash = name_hash(&profile.name);
        if self.by_name.contains_key(&name_hash) {
            return Err(NoPlace::Collision);
        }
        if self.len() >= MAX_MEMBERS {
            return Err(NoPlace::Full);
        }
        let (life, intent) = split(mark);
        let profile_hash = profile_hash(&profile);
        let (since, expires) = times;
        let slot = Slot { profile, name_hash, profile_hash, incarnation, life, intent, since, expires, suspicion: None, place: 0 };
        let id = self.free.pop().unwrap_or(SlotId(self.slots.len() as u32));
        if id.at() == self.slots.len() {
            self.slots.push(None);
        }
        self.sums[bucket_of(name_hash)] = self.sums[bucket_of(name_hash)].wrapping_add(slot.sum());
        self.claim_id(&slot.profile, id);
        self.slots[id.at()] = Some(slot);
        self.by_name.insert(name_hash, id);
        self.enlist(id, at);
        self.revision += 1;
        self.lasting += 1;
        Ok(id)
    }

    /// Forgets somebody dead.
    pub fn remove(&mut self, id: SlotId) -> Slot {
        assert!(id != SlotId::SELF && self[id].life == Life::Dead, "only the dead are forgotten");
        self.delist(id);
        let slot = self.slots[id.at()].take().expect("ids in use point at members");
        let sum = &mut self.sums[bucket_of(slot.name_hash)];
        *sum = sum.wrapping_sub(slot.sum());
        self.by_name.remove(&slot.name_hash);
        self.release_id(&slot.profile, id);
        self.free.push(id);
        self.revision += 1;
        self.lasting += 1;
        slot
    }

    /// Changes a member, keeping sums, lists and indexes right. `at` as for [`Table::insert`], used if it comes back to life.
    pub fn change(&mut self, id: SlotId, at: impl FnOnce(usize) -> usize, change: impl FnOnce(&mut Slot)) {
        let slot = self.slots[id.at()].as_mut().expect("ids in use point at members");
        let (sum, mark, profile) = (slot.sum(), slot.mark(), slot.profile.clone());
        change(slot);
        assert_eq!(slot.profile.name, profile.name, "a member keeps its name");
        if !Arc::ptr_eq(&profile, &slot.profile) {
            slot.profile_hash = profile_hash(&slot.profile);
        }
        let (new_sum, new_mark, new_profile) = (slot.sum(), slot.mark(), slot.profile.clone());
        let total = &mut self.sums[bucket_of(self[id].name_hash)];
        *total = total.wrapping_sub(sum).wrapping_add(new_sum);
        if !Arc::ptr_eq(&profile, &new_profile) {
            self.release_id(&profile, id);
            self.claim_id(&new_profile, id);
        }
        self.relist(id, mark, new_mark, at);
        self.revision += 1;
        self.lasting += u64::from(sum != new_sum);
    }

    fn relist(&mut self, id: SlotId, old: Mark, new: Mark, at: impl FnOnce(usize) -> usize) {
        if id == SlotId::SELF || old == new {
            return;
        }
        match (split(old).0 == Life::Dead, split(new).0 == Life::Dead) {
            (false, false) => {}
            (true, true) => {
                self.failed -= usize::from(old == Mark::Failed);
                self.failed += usize::from(new == Mark::Failed);
            }
            (true, false) => {
                self.failed -= usize::from(old == Mark::Failed);
                self.take_gone(self[id].place);
                self.enlist(id, at);
            }
            (false, true) => {
                self.take_live(self[id].place);
                self.enlist(id, at);
            }
        }
    }

    /// The next member to probe, each once a round; `reshuffle` starts a round. `None` if nobody is there.
    pub fn next_to_probe(&mut self, reshuffle: impl FnOnce(&mut [SlotId])) -> Option<SlotId> {
        if self.cursor >= self.live.len() {
            self.cursor = 0;
            reshuffle(&mut self.live);
            for place in 0..self.live.len() {
                self.set_place(self.live[place], place);
            }
        }
        let next = self.live.get(self.cursor).copied();
        self.cursor += usize::from(next.is_some());
        next
    }

    fn enlist(&mut self, id: SlotId, at: impl FnOnce(usize) -> usize) {
        if self[id].life == Life::Dead {
            self.failed += usize::from(self[id].intent == Intent::Stay);
            self.set_place(id, self.gone.len());
            self.gone.push(id);
            return;
        }
        let last = self.live.len();
        self.live.push(id);
        let place = at(last + 1).min(last);
        self.live.swap(place, last);
        self.set_place(self.live[last], last);
        self.set_place(id, place);
    }

    fn delist(&mut self, id: SlotId) {
        let (life, place) = (self[id].life, self[id].place);
        match life {
            Life::Dead => {
                self.failed -= usize::from(self[id].intent == Intent::Stay);
                self.take_gone(place);
            }
            Life::Alive | Life::Suspect => self.take_live(place),
        }
    }

    fn take_gone(&mut self, place: u32) {
        self.gone.swap_remove(place as usize);
        if let Some(moved) = self.gone.get(place as usize) {
            self.set_place(*moved, place as usize);
        }
    }

    /// Closes the gap so that nobody still waiting in this round moves to where the round has passed.
    fn take_live(&mut self, place: u32) {
        let mut hole = place as usize;
        if hole < self.cursor {
            self.cursor -= 1;
            self.live.swap(hole, self.cursor);
            self.set_place(self.live[hole], hole);
            hole = self.cursor;
        }
        self.live.swap_remove(hole);
        if let Some(moved) = self.live.get(hole) {
            self.set_place(*moved, hole);
        }
    }

    fn set_place(&mut self, id: SlotId, place: usize) {
        self.slots[id.at()].as_mut().expect("ids in use point at members").place = place as u32;
    }

    /// Node ids belong to the one that is not dead, else to the first.
    fn claim_id(&mut self, profile: &Profile, id: SlotId) {
        let Some(node_id) = profile.id() else { return };
        let holder = self.by_id.get(&node_id).and_then(|held| self.slots[held.at()].as_ref());
        if holder.is_none_or(|slot| slot.life == Life::Dead) {
            self.by_id.insert(node_id, id);
        }
    }

    fn release_id(&mut self, profile: &Profile, id: SlotId) {
        if let Some(node_id) = profile.id()
            && self.by_id.get(&node_id) == Some(&id)
        {
            self.by_id.remove(&node_id);
        }
    }

    pub fn check_invariants(&self) {
        assert_eq!(self.by_name.len(), 1 + self.live.len() + self.gone.len(), "everybody but ourselves stands in one list");
        assert!(self.cursor <= self.live.len() && self.len() <= MAX_MEMBERS);
        let lists = [(&self.live, [Life::Alive, Life::Suspect]), (&self.gone, [Life::Dead, Life::Dead])];
        for (list, lives) in lists {
            for (place, id) in list.iter().enumerate() {
                assert!(self[*id].place as usize == place && lives.contains(&self[*id].life), "members know their place");
            }
        }
        let failed = self.gone.iter().filter(|id| self[**id].mark() == Mark::Failed).count();
        assert_eq!(failed, self.failed, "the failed are counted");
        for bucket in 0..BUCKETS {
            let sum = self.bucket(bucket).fold(0u64, |sum, slot| sum.wrapping_add(slot.sum()));
            assert_eq!(sum, self.sums[bucket], "bucket {bucket} is summed up");
        }
        for slot in self.iter() {
            assert_eq!(slot.suspicion.is_some(), slot.life == Life::Suspect, "{} is suspected by a running suspicion", slot.profile.name);
        }
    }
}

impl std::ops::Index<SlotId> for Table {
    type Output = Slot;
    fn index(&self, id: SlotId) -> &Slot {
        self.slots[id.at()].as_ref().expect("ids in use point at members")
    }
}

fn bucket_range(bucket: usize) -> RangeInclusive<u64> {
    let start = (bucket as u64) << BUCKET_SHIFT;
    start..=start + ((1 << BUCKET_SHIFT) - 1)
}

pub(super) fn split(mark: Mark) -> (Life, Intent) {
    match mark {
        Mark::Here => (Life::Alive, Intent::Stay),
        Mark::Leaving => (Life::Alive, Intent::Leave),
        Mark::Failed => (Life::Dead, Intent::Stay),
        Mark::Left => (Life::Dead, Intent::Leave),
    }
}
