//! Events for many readers, each with a bounded queue: a reader that falls behind is told to reconcile, so it never acts on a gap.

use crate::gossip::Event;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// Events waiting for one reader. At the bound the queue is given up and the reader gets [`Notice::Reconcile`].
const EVENT_QUEUE: usize = 512;

/// What a reader hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// One change.
    Event(Event),
    /// Events were lost: compare with the whole member list.
    Reconcile,
}

/// One reader's end.
#[derive(Debug)]
pub struct Events {
    queue: mpsc::Receiver<Event>,
    overflowed: Arc<AtomicBool>,
}

impl Events {
    /// The next notice, in the order things happened; `None` when the pool has stopped. Cancel-safe.
    pub async fn next(&mut self) -> Option<Notice> {
        if let Some(notice) = self.gap() {
            return Some(notice);
        }
        let event = self.queue.recv().await?;
        Some(self.gap().unwrap_or(Notice::Event(event)))
    }

    fn gap(&mut self) -> Option<Notice> {
        if !self.overflowed.swap(false, Ordering::AcqRel) {
            return None;
        }
        while self.queue.try_recv().is_ok() {}
        Some(Notice::Reconcile)
    }
}

#[derive(Debug)]
struct Subscriber {
    queue: mpsc::Sender<Event>,
    overflowed: Arc<AtomicBool>,
}

/// The driver's end: everybody who reads.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    all: Mutex<Vec<Subscriber>>,
}

impl Subscribers {
    pub fn subscribe(&self) -> Events {
        let (sender, queue) = mpsc::channel(EVENT_QUEUE);
        let overflowed = Arc::new(AtomicBool::new(false));
        self.all.lock().expect("no panic while held").push(Subscriber { queue: sender, overflowed: overflowed.clone() });
        Events { queue, overflowed }
    }

    pub fn publish(&self, event: &Event) {
        let mut all = self.all.lock().expect("no panic while held");
        all.retain(|subscriber| match subscriber.queue.try_send(event.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                subscriber.overflowed.store(true, Ordering::Release);
                true
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        });
    }

    /// Every reader's [`Events::next`] ends after what is queued.
    pub fn close(&self) {
        self.all.lock().expect("no panic while held").clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{EVENT_QUEUE, Notice, Subscribers};
    use crate::gossip::{Doubt, Event, EventKind, Member, MemberStatus, Profile, Versions};
    use crate::model::NodeName;
    use crate::runtime::{Runtime, tokio::Tokio};

    fn event(incarnation: u64) -> Event {
        let name = NodeName::parse("n1").unwrap();
        let addr = "127.0.0.1:8301".parse().unwrap();
        let profile = Profile { name, addr, tags: Default::default(), versions: Versions::OURS };
        let member = Member { profile: profile.into(), status: MemberStatus::Alive, doubt: Doubt::Trusted, incarnation };
        Event { kind: EventKind::Joined, member, by: Vec::new() }
    }

    #[test]
    fn a_reader_hears_events_in_order() {
        let subscribers = Subscribers::default();
        let mut events = subscribers.subscribe();
        subscribers.publish(&event(1));
        subscribers.publish(&event(2));
        subscribers.close();
        Tokio::block_on(async {
            assert_eq!(events.next().await, Some(Notice::Event(event(1))));
            assert_eq!(events.next().await, Some(Notice::Event(event(2))));
            assert_eq!(events.next().await, None);
        });
    }

    #[test]
    fn a_reader_that_fell_behind_is_told_to_reconcile_and_then_hears_what_is_new() {
        let subscribers = Subscribers::default();
        let mut events = subscribers.subscribe();
        for n in 0..=EVENT_QUEUE as u64 {
            subscribers.publish(&event(n));
        }
        Tokio::block_on(async {
            assert_eq!(events.next().await, Some(Notice::Reconcile));
            subscribers.publish(&event(7777));
            assert_eq!(events.next().await, Some(Notice::Event(event(7777))));
        });
    }
}
