//! News waiting to ride along: of members, where newer news of one replaces older, and events. Each is sent a limited number of times, the
//! least sent first.

use super::packet::{MAX_RUMORS, PacketBuilder};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Broadcasts kept. At the bound the one sent most often, then the oldest, is dropped: syncs carry what it said.
const MAX_BROADCASTS: usize = 4096;

/// How many broadcasts are tried for one packet when the next ones do not fit.
const LOOK_AHEAD: usize = 32;

/// Events kept. At the bound one that was sent most often, and of those the oldest, is dropped: syncs carry it while it is recent.
const MAX_SHOUTS: usize = 512;

/// How often it was sent, then its turn among those.
type Rank = (u32, u64);

/// Which of those that were sent equally often goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    NewestFirst,
    OldestFirst,
}

#[derive(Debug)]
struct Broadcast {
    about: u64,
    rumor: Arc<[u8]>,
}

/// The queue, by fingerprint of whom or what the news is about.
#[derive(Debug)]
pub(super) struct Broadcasts {
    turn: Turn,
    bound: usize,
    queue: BTreeMap<Rank, Broadcast>,
    by_member: BTreeMap<u64, Rank>,
    born: u64,
}

/// Whether a broadcast had to go for a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Queued {
    Fits,
    DroppedAnother,
}

impl Broadcasts {
    fn new(turn: Turn, bound: usize) -> Broadcasts {
        Broadcasts { turn, bound, queue: BTreeMap::new(), by_member: BTreeMap::new(), born: 0 }
    }

    /// For news of members: the newest is what counts.
    pub fn of_members() -> Broadcasts {
        Broadcasts::new(Turn::NewestFirst, MAX_BROADCASTS)
    }

    /// For events, in the order in which they came.
    pub fn of_events() -> Broadcasts {
        Broadcasts::new(Turn::OldestFirst, MAX_SHOUTS)
    }

    pub fn len(&self) -> usize {
        self.queue.len()
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub fn clear(&mut self) {
        self.queue.clear();
        self.by_member.clear();
    }

    /// Whether news about this member still waits.
    pub fn holds(&self, about: u64) -> bool {
        self.by_member.contains_key(&about)
    }

    pub fn push(&mut self, about: u64, rumor: Arc<[u8]>) -> Queued {
        if let Some(old) = self.by_member.remove(&about) {
            self.queue.remove(&old);
        }
        let mut queued = Queued::Fits;
        if self.queue.len() >= self.bound {
            self.drop_one();
            queued = Queued::DroppedAnother;
        }
        self.born += 1;
        let turn = match self.turn {
            Turn::NewestFirst => u64::MAX - self.born,
            Turn::OldestFirst => self.born,
        };
        self.insert((0, turn), Broadcast { about, rumor });
        queued
    }

    /// Drops the oldest of those that were sent most often.
    fn drop_one(&mut self) {
        let most = self.queue.last_key_value().map_or(0, |((sent, _), _)| *sent);
        let oldest = match self.turn {
            Turn::NewestFirst => self.queue.pop_last(),
            Turn::OldestFirst => {
                let rank = self.queue.range((most, 0)..).next().map(|(rank, _)| *rank);
                rank.and_then(|rank| self.queue.remove_entry(&rank))
            }
        };
        if let Some((_, dropped)) = oldest {
            self.by_member.remove(&dropped.about);
        }
    }

    /// Fills `packet` up to `budget` bytes, but for news about `told`, who is spoken of in it already; what was sent `limit` times is done. If nothing fits an empty packet, the first goes alone.
    pub fn fill(&mut self, packet: &mut PacketBuilder, budget: usize, limit: u32, told: Option<u64>) {
        let mut chosen = Vec::new();
        let mut length = packet.len();
        for (rank, broadcast) in self.queue.iter().take(MAX_RUMORS + LOOK_AHEAD) {
            if chosen.len() + packet.rumors() >= MAX_RUMORS || length >= budget {
                break;
            }
            if length + broadcast.rumor.len() <= budget && told != Some(broadcast.about) {
                length += broadcast.rumor.len();
                chosen.push(*rank);
            }
        }
        if chosen.is_empty() && packet.is_bare() {
            chosen.extend(self.queue.keys().next());
        }
        for rank in chosen {
            let broadcast = self.queue.remove(&rank).expect("it was just seen");
            packet.push(&broadcast.rumor);
            self.by_member.remove(&broadcast.about);
            if rank.0 + 1 < limit {
                self.insert((rank.0 + 1, rank.1), broadcast);
            }
        }
    }

    fn insert(&mut self, rank: Rank, broadcast: Broadcast) {
        self.by_member.insert(broadcast.about, rank);
        self.queue.insert(rank, broadcast);
    }

    pub fn check_invariants(&self) {
        assert_eq!(self.queue.len(), self.by_member.len(), "one broadcast a member");
        assert!(self.queue.len() <= self.bound, "the queue is bounded");
        for (about, rank) in &self.by_member {
            assert_eq!(self.queue.get(rank).map(|b| b.about), Some(*about), "the index points at its broadcast");
        }
    }
}

/// How often each broadcast is sent in a pool of `members`.
pub(super) fn retransmit_limit(mult: u32, members: usize) -> u32 {
    mult * ((members as f64 + 1.0).log10().ceil() as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::{Broadcasts, MAX_BROADCASTS, MAX_SHOUTS, PacketBuilder, Queued, retransmit_limit};

    fn rumor(byte: u8, length: usize) -> std::sync::Arc<[u8]> {
        vec![byte; length].into()
    }

    fn fill(broadcasts: &mut Broadcasts, budget: usize, limit: u32) -> usize {
        let mut packet = PacketBuilder::new(1, None);
        broadcasts.fill(&mut packet, budget, limit, None);
        broadcasts.check_invariants();
        packet.rumors()
    }

    #[test]
    fn a_broadcast_is_sent_as_often_as_the_limit_says() {
        let mut broadcasts = Broadcasts::of_members();
        broadcasts.push(1, rumor(1, 10));
        assert_eq!((0..5).map(|_| fill(&mut broadcasts, 1400, 3)).collect::<Vec<_>>(), [1, 1, 1, 0, 0]);
    }

    #[test]
    fn newer_news_of_a_member_replaces_older() {
        let mut broadcasts = Broadcasts::of_members();
        broadcasts.push(1, rumor(1, 10));
        broadcasts.push(1, rumor(2, 10));
        assert_eq!(broadcasts.len(), 1);
        assert!(broadcasts.holds(1) && !broadcasts.holds(2));
    }

    #[test]
    fn the_least_sent_goes_first_and_a_small_one_fills_the_gap() {
        let mut broadcasts = Broadcasts::of_members();
        broadcasts.push(1, rumor(1, 600));
        fill(&mut broadcasts, 1400, 9);
        broadcasts.push(2, rumor(2, 900));
        broadcasts.push(3, rumor(3, 300));
        let mut packet = PacketBuilder::new(1, None);
        broadcasts.fill(&mut packet, 1400, 9, None);
        assert_eq!(packet.rumors(), 2, "the two that were never sent, not the one that was");
        assert!(packet.len() <= 1400);
    }

    #[test]
    fn a_rumor_longer_than_a_datagram_goes_alone() {
        let mut broadcasts = Broadcasts::of_members();
        broadcasts.push(1, rumor(1, 2000));
        assert_eq!(fill(&mut broadcasts, 1400, 1), 1);
        assert!(broadcasts.is_empty());
    }

    #[test]
    fn a_full_queue_drops_what_was_sent_most() {
        let mut broadcasts = Broadcasts::of_members();
        broadcasts.push(0, rumor(0, 10));
        fill(&mut broadcasts, 1400, 9);
        for about in 1..MAX_BROADCASTS as u64 {
            assert_eq!(broadcasts.push(about, rumor(1, 10)), Queued::Fits);
        }
        assert_eq!(broadcasts.push(u64::MAX, rumor(2, 10)), Queued::DroppedAnother);
        assert!(!broadcasts.holds(0) && broadcasts.holds(u64::MAX));
        broadcasts.check_invariants();
    }

    #[test]
    fn of_events_the_first_that_came_goes_first() {
        let mut events = Broadcasts::of_events();
        for about in 1..=3 {
            assert_eq!(events.push(about, rumor(about as u8, 600)), Queued::Fits);
        }
        assert_eq!(fill(&mut events, 700, 1), 1);
        assert_eq!((1..=3).map(|about| events.holds(about)).collect::<Vec<_>>(), [false, true, true]);
    }

    #[test]
    fn of_events_the_oldest_that_was_sent_is_dropped() {
        let mut events = Broadcasts::of_events();
        events.push(1, rumor(1, 600));
        events.push(2, rumor(2, 600));
        assert_eq!(fill(&mut events, 700, 9), 1);
        for about in 3..=MAX_SHOUTS as u64 {
            assert_eq!(events.push(about, rumor(3, 10)), Queued::Fits);
        }
        assert_eq!(events.push(u64::MAX, rumor(4, 10)), Queued::DroppedAnother);
        assert!(!events.holds(1) && events.holds(2), "the one that was sent");
        assert_eq!(events.push(u64::MAX - 1, rumor(4, 10)), Queued::DroppedAnother);
        assert!(!events.holds(2) && events.holds(3) && events.holds(u64::MAX), "then the oldest");
        events.check_invariants();
    }

    #[test]
    fn the_retransmit_limit_grows_with_the_logarithm() {
        assert_eq!([1, 9, 10, 30, 1000].map(|n| retransmit_limit(4, n)), [4, 4, 8, 8, 16]);
    }
}
