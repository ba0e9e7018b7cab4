//! What the programs of a run write down, and what they share.

use super::plan::CatalogPlan;
use crate::book::{self, say};
use crate::checker::Nanos;
use crate::invariants::catalog::observed::{Deed, Heartbeat, Inside, Look, Manner, Naming, Order, Seen, Told, Turn, Wipe};
use crate::invariants::observation::Malformed;
use muster::model::CheckStatus;

pub use crate::book::now;

/// The book of a run of the catalog.
pub type Book = book::Book<Pages>;

/// What is in it.
#[derive(Debug)]
pub struct Pages {
    seen: Seen,
    /// How each instance's endpoint answers now.
    manners: Vec<Manner>,
}

impl Book {
    /// A book for the run of `plan`, which starts now.
    pub fn new(plan: &CatalogPlan) -> Book {
        let seen = Seen { servers: plan.base.servers.iter().copied().collect(), instances: plan.instances.clone(), ..Seen::default() };
        Book::begin(Pages { seen, manners: vec![Manner::Well; plan.instances.len()] })
    }

    /// Everything so far.
    pub fn take(&self) -> Seen {
        std::mem::take(&mut self.lock().seen)
    }

    /// Looks at everything so far.
    pub fn with<T>(&self, f: impl FnOnce(&Seen) -> T) -> T {
        f(&self.lock().seen)
    }

    /// How an instance's endpoint answers now.
    pub fn manner(&self, instance: usize) -> Manner {
        self.lock().manners[instance]
    }

    /// Lets an endpoint answer otherwise from now on.
    pub fn turn(&self, instance: usize, manner: Manner) {
        let mut pages = self.lock();
        pages.manners[instance] = manner;
        pages.seen.turns.push(Turn { at: now(), instance, manner });
    }

    /// News is sent; its sender gives up at `over`. Says where it is written.
    pub fn heartbeat(&self, instance: usize, status: CheckStatus, over: Nanos) -> usize {
        let mut pages = self.lock();
        pages.seen.heartbeats.push(Heartbeat { instance, invoked: now(), over, status, told: Told::Unknown });
        pages.seen.heartbeats.len() - 1
    }

    /// News was answered.
    pub fn heartbeat_told(&self, number: usize, told: Told) {
        let mut pages = self.lock();
        let heartbeat = &mut pages.seen.heartbeats[number];
        (heartbeat.told, heartbeat.over) = (told, if told == Told::Unknown { heartbeat.over } else { now() });
    }

    /// Something is ordered. Says where it is written.
    pub fn order(&self, instance: usize, deed: Deed) -> usize {
        let mut pages = self.lock();
        say(format_args!("order {deed:?} of {:?}", pages.seen.instances[instance]));
        pages.seen.orders.push(Order { instance, deed, invoked: now(), done: None });
        pages.seen.orders.len() - 1
    }

    /// An order was acknowledged.
    pub fn order_done(&self, number: usize) {
        let mut pages = self.lock();
        pages.seen.orders[number].done = Some(now());
        let Order { instance, deed, .. } = pages.seen.orders[number];
        say(format_args!("done {deed:?} of {:?}", pages.seen.instances[instance]));
    }

    /// An instance is taken out of the catalog.
    pub fn wipe(&self, instance: usize) {
        let mut pages = self.lock();
        say(format_args!("wipe {:?}", pages.seen.instances[instance]));
        pages.seen.wipes.push(Wipe { instance, invoked: now() });
    }

    /// A check inside an agent changed.
    pub fn inside(&self, inside: Inside) {
        say(format_args!("inside {inside:?}"));
        self.lock().seen.inside.push(inside);
    }

    /// A read was answered.
    pub fn look(&self, look: Look) {
        say(format_args!("look {look:?}"));
        self.lock().seen.looks.push(look);
    }

    /// A look-up by DNS was answered.
    pub fn naming(&self, naming: Naming) {
        say(format_args!("{naming:?}"));
        self.lock().seen.namings.push(naming);
    }

    /// An answer makes no sense.
    pub fn malformed(&self, says: String) {
        self.lock().seen.malformed.push(Malformed { at: now(), says });
    }
}
