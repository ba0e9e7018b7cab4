//! The newest events that concerned this agent, in the order in which gossip told them: each after those its origin knew. One that comes late is the
//! newest all the same: whoever asks for what came after an event it knows would never see what was put before that.

use crate::gossip::UserEvent;
use std::collections::VecDeque;
use std::sync::Arc;

/// Events remembered, as in Consul. At the bound the oldest is forgotten.
const REMEMBERED: usize = 256;

/// See the module. Cloning shares the events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventRing {
    events: VecDeque<Arc<UserEvent>>,
}

impl EventRing {
    /// Remembers one more.
    pub fn push(&mut self, event: Arc<UserEvent>) {
        if self.events.len() == REMEMBERED {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// Those of this name, or all; oldest first.
    pub fn of<'a>(&'a self, name: Option<&'a str>) -> impl Iterator<Item = &'a Arc<UserEvent>> {
        self.events.iter().filter(move |event| name.is_none_or(|name| event.name == name))
    }

    /// Those of this name, or all, that came after the one with the id `last`; if that is not remembered, all of them.
    pub fn after<'a>(&'a self, last: Option<u128>, name: Option<&'a str>) -> impl Iterator<Item = &'a Arc<UserEvent>> {
        let known = last.and_then(|last| self.events.iter().rposition(|event| event.id == last));
        let told = known.map_or(0, |at| at + 1);
        self.events.iter().skip(told).filter(move |event| name.is_none_or(|name| event.name == name))
    }

    /// What `X-Consul-Index` says of them: the newest one's ([`index_of`]), 1 if there is none. It does not rise: whoever waits, waits until it is
    /// another.
    pub fn index(&self, name: Option<&str>) -> u64 {
        self.of(name).last().map_or(1, |event| index_of(event.id))
    }
}

/// An event's id as an index: one half of it laid over the other, as Consul does.
pub const fn index_of(id: u128) -> u64 {
    (id >> 64) as u64 ^ id as u64
}

#[cfg(test)]
mod tests {
    use super::{EventRing, REMEMBERED, index_of};
    use crate::gossip::{Scope, UserEvent};

    fn event(id: u128, name: &str) -> std::sync::Arc<UserEvent> {
        UserEvent { id, at: 1, name: name.to_owned(), payload: Default::default(), scope: Scope::default(), after: Vec::new() }.into()
    }

    #[test]
    fn the_newest_are_remembered_and_the_newest_of_a_name_gives_the_index() {
        let mut ring = EventRing::default();
        assert_eq!(ring.index(None), 1);
        for n in 0..REMEMBERED as u128 + 10 {
            ring.push(event((n << 64) | 0xff, if n % 2 == 0 { "even" } else { "odd" }));
        }
        assert_eq!(ring.of(None).count(), REMEMBERED);
        assert_eq!(ring.of(None).next().map(|event| event.id >> 64), Some(10), "oldest first");
        assert_eq!(ring.index(Some("even")), 264 ^ 0xff);
        assert_eq!((ring.index(None), ring.index(Some("other"))), (265 ^ 0xff, 1));
    }

    #[test]
    fn what_came_after_an_event_is_found_or_all_if_it_is_forgotten() {
        let mut ring = EventRing::default();
        (1..=4).for_each(|id| ring.push(event(id, if id == 3 { "other" } else { "e" })));
        let after = |last: Option<u128>, name: Option<&str>| ring.after(last, name).map(|event| event.id).collect::<Vec<_>>();
        assert_eq!((after(Some(2), None), after(Some(2), Some("e"))), (vec![3, 4], vec![4]));
        assert_eq!((after(None, Some("e")), after(Some(99), None), after(Some(4), None)), (vec![1, 2, 4], vec![1, 2, 3, 4], vec![]));
    }

    #[test]
    fn an_index_is_the_halves_of_the_id_laid_over_one_another() {
        assert_eq!(index_of(0xb5fa_5ba0_94bb_4ee8_b3d3_7e4a_4ab2_c411), 0xb5fa_5ba0_94bb_4ee8 ^ 0xb3d3_7e4a_4ab2_c411);
    }
}
