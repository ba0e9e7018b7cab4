//! What an agent holds of its views, for those who read and for the task that keeps it current.

use crate::agent::query::{Answer, Query};
use crate::agent::views::{Ask, Contact, Input, Output, Tuning, Views};
use crate::config::CacheTuning;
use crate::model::{Deadline, Index, Instant, Machine};
use crate::runtime::watch;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;

/// A view, as its readers see it.
#[derive(Debug, Clone)]
pub(super) enum Copy {
    /// Nothing was sent yet.
    Awaited,
    /// The newest answer.
    Held(Arc<Answer>),
    /// There is no room for it: the servers are to be asked.
    Refused,
}

/// What the task that talks to the server is to do.
#[derive(Debug)]
pub(super) enum Order {
    Ask(Ask),
    Change(Ask),
    HangUp,
}

/// How current the copies are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Currency {
    /// How long nobody has vouched for them.
    pub(super) age: Duration,
    pub(super) contact: Contact,
}

/// The views of an agent.
pub(in crate::server) struct Copies {
    core: Mutex<Core>,
    /// There are orders.
    ordered: Notify,
    /// The highest index that clients of this agent were shown outside its views.
    seen: AtomicU64,
}

struct Core {
    views: Views,
    watched: BTreeMap<Query, watch::Sender<Copy>>,
    orders: VecDeque<Order>,
}

impl Copies {
    /// None yet.
    pub(in crate::server) fn new(now: Instant, tuning: &CacheTuning, seed: u64) -> Copies {
        let tuning = Tuning { fetch_interval: tuning.fetch_interval, fetch_burst: tuning.fetch_burst, ..Tuning::default() };
        let core = Core { views: Views::new(now, tuning, seed), watched: BTreeMap::new(), orders: VecDeque::new() };
        Copies { core: Mutex::new(core), ordered: Notify::new(), seen: AtomicU64::new(0) }
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().expect("no panic while held")
    }

    /// A client of this agent is shown `index`.
    pub(in crate::server) fn saw(&self, index: Index) {
        self.seen.fetch_max(index, Ordering::Relaxed);
    }

    pub(super) fn seen(&self) -> Index {
        self.seen.load(Ordering::Relaxed)
    }

    /// The cluster began anew at `index`.
    pub(super) fn forget_seen(&self, index: Index) {
        self.seen.store(index, Ordering::Relaxed);
    }

    /// How many views are held.
    pub(in crate::server) fn len(&self) -> usize {
        self.core().views.len()
    }

    /// A reader uses a view; where it appears.
    pub(super) fn want(&self, now: Instant, view: &Query) -> watch::Receiver<Copy> {
        let mut core = self.core();
        let seen = self.seen();
        core.feed(now, Input::Seen(seen));
        let watched = core.watched.entry(view.clone()).or_insert_with(|| watch::channel(Copy::Awaited).0).subscribe();
        core.feed(now, Input::Want(view.clone()));
        self.announce(&core);
        watched
    }

    /// Something happened to the subscription.
    pub(super) fn feed(&self, now: Instant, input: Input) {
        let mut core = self.core();
        core.feed(now, input);
        self.announce(&core);
    }

    /// Time passed.
    pub(super) fn fall_due(&self, now: Instant) {
        let mut core = self.core();
        core.views.handle_timeout(now);
        core.drain();
        self.announce(&core);
    }

    fn announce(&self, core: &Core) {
        if !core.orders.is_empty() {
            self.ordered.notify_one();
        }
    }

    pub(super) fn order(&self) -> Option<Order> {
        self.core().orders.pop_front()
    }

    /// Completes when there may be orders.
    pub(super) async fn ordered(&self) {
        self.ordered.notified().await;
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        self.core().views.poll_timeout()
    }

    pub(super) fn currency(&self, now: Instant) -> Currency {
        let core = self.core();
        Currency { age: core.views.age(now), contact: core.views.contact() }
    }
}

impl Core {
    fn feed(&mut self, now: Instant, input: Input) {
        self.views.handle(now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.views.poll_output() {
            match output {
                Output::Ask(ask) => self.orders.push_back(Order::Ask(ask)),
                Output::Change(ask) => self.orders.push_back(Order::Change(ask)),
                Output::HangUp => self.orders.push_back(Order::HangUp),
                Output::Fill(view, answer) => self.show(&view, Copy::Held(answer)),
                // Those who wait for it go elsewhere; who comes next finds another.
                Output::Refuse(view) | Output::Drop(view) => {
                    self.show(&view, Copy::Refused);
                    self.watched.remove(&view);
                }
                Output::Fault(why) => tracing::warn!(why, "a server broke the rules of a subscription"),
            }
        }
    }

    fn show(&self, view: &Query, copy: Copy) {
        if let Some(watched) = self.watched.get(view) {
            watched.send(copy);
        }
    }
}
