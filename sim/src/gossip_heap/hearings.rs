//! Invariants of user events: each member hears each at most once, none is missing, and none comes before another that its origin had heard when it
//! fired it.

use super::world::Fired;
use std::collections::{BTreeMap, BTreeSet};

/// An event that was fired.
#[derive(Debug, Clone)]
pub struct Shot {
    /// By which member.
    pub origin: usize,
    /// Its id.
    pub id: u128,
    /// Which events its origin had heard, its own too.
    pub known: BTreeSet<u128>,
}

impl Shot {
    /// One that `origin` fires now, after what was heard so far.
    pub fn after(heard: &[Fired], origin: usize, id: u128) -> Shot {
        let known = heard.iter().filter(|fired| fired.by == origin).map(|fired| fired.event.id).collect();
        Shot { origin, id, known }
    }
}

/// How many pairs of a member and an event there are of which the member heard nothing.
pub fn missed(heard: &[Fired], shots: &[Shot], members: usize) -> usize {
    let pairs: BTreeSet<(usize, u128)> = heard.iter().map(|fired| (fired.by, fired.event.id)).collect();
    let lacks = |shot: &Shot| (0..members).filter(|member| !pairs.contains(&(*member, shot.id))).count();
    shots.iter().map(lacks).sum()
}

/// How often a member heard an event again.
pub fn twice(heard: &[Fired]) -> usize {
    let pairs: BTreeSet<(usize, u128)> = heard.iter().map(|fired| (fired.by, fired.event.id)).collect();
    heard.len() - pairs.len()
}

/// How often an event bears no later time than one that its origin had heard.
pub fn time_breaks(heard: &[Fired], shots: &[Shot]) -> usize {
    let times: BTreeMap<u128, u64> = heard.iter().map(|fired| (fired.event.id, fired.event.at)).collect();
    let breaks = |shot: &Shot| shot.known.iter().filter(|known| times.get(known) >= times.get(&shot.id)).count();
    shots.iter().map(breaks).sum()
}

/// How often a member heard an event before another that its origin had heard when it fired it; and how often the two were of one origin.
pub fn disorder(heard: &[Fired], shots: &[Shot]) -> (usize, usize) {
    let shot_of: BTreeMap<u128, &Shot> = shots.iter().map(|shot| (shot.id, shot)).collect();
    let mut so_far: BTreeMap<usize, Vec<u128>> = BTreeMap::new();
    let (mut all, mut of_one_origin) = (0, 0);
    for fired in heard {
        let earlier = so_far.entry(fired.by).or_default();
        let overtaken = earlier.iter().filter_map(|id| shot_of.get(id)).filter(|shot| shot.known.contains(&fired.event.id));
        for shot in overtaken {
            all += 1;
            of_one_origin += usize::from(shot_of.get(&fired.event.id).is_some_and(|late| late.origin == shot.origin));
        }
        earlier.push(fired.event.id);
    }
    (all, of_one_origin)
}

#[cfg(test)]
mod tests {
    use super::{Fired, Shot, disorder, missed, time_breaks, twice};
    use muster::gossip::{Scope, UserEvent};
    use muster::model::Instant;
    use std::sync::Arc;

    fn heard(by: usize, id: u128, at: u64) -> Fired {
        let (name, payload) = ("e".to_owned(), bytes::Bytes::new());
        Fired { at: Instant::ZERO, by, event: Arc::new(UserEvent { id, at, name, payload, scope: Scope::default(), after: Vec::new() }) }
    }

    /// Member 0 fires 1 and 2, member 1 hears 2 and fires 3.
    fn shots() -> Vec<Shot> {
        let so_far = [heard(0, 1, 1), heard(0, 2, 2), heard(1, 1, 1), heard(1, 2, 2)];
        vec![Shot::after(&[], 0, 1), Shot::after(&so_far[..1], 0, 2), Shot::after(&so_far, 1, 3)]
    }

    #[test]
    fn a_sound_run_is_passed() {
        let run: Vec<Fired> = (0..2).flat_map(|by| (1..=3).map(move |id| heard(by, id, id as u64))).collect();
        assert_eq!((missed(&run, &shots(), 2), twice(&run), time_breaks(&run, &shots()), disorder(&run, &shots())), (0, 0, 0, (0, 0)));
    }

    #[test]
    fn what_is_missing_or_heard_again_is_counted() {
        let run = [heard(0, 1, 1), heard(0, 2, 2), heard(0, 1, 1), heard(1, 3, 3)];
        assert_eq!((missed(&run, &shots(), 2), twice(&run)), (3, 1));
    }

    #[test]
    fn an_event_before_one_its_origin_had_heard_is_out_of_order() {
        let run = [heard(0, 3, 3), heard(0, 2, 2), heard(0, 1, 1), heard(1, 1, 1), heard(1, 2, 2), heard(1, 3, 3)];
        assert_eq!(disorder(&run, &shots()), (3, 1), "3 before 2 and 1, and 2 before 1 of one origin");
    }

    #[test]
    fn a_time_that_does_not_rise_is_found() {
        let run = [heard(0, 1, 5), heard(0, 2, 5), heard(0, 3, 6)];
        assert_eq!(time_breaks(&run, &shots()), 1);
    }
}
