//! Who is connected, what each is doing, and who has been doing nothing for too long.

use crate::model::Instant;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;

/// What a server allows those who are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowed {
    /// Connections of all clients together; one more is closed at once.
    pub(super) connections: usize,
    /// Connections of one address.
    pub(super) per_client: usize,
    /// A connection on which nothing is asked, or whose answer is not taken, is closed after this long.
    pub(super) idle: Duration,
    /// A request must have arrived whole this long after its first byte.
    pub(super) arrival: Duration,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing, or sending what was answered.
    Idle,
    /// A request is arriving.
    Arriving,
    /// A request is being answered; that has time bounds of its own.
    Answering,
}

/// What a connection is told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    /// Go on.
    Serve,
    /// Finish what is under way, then close.
    Finish,
    /// Close now.
    Cut,
}

/// One connection, as seen by itself and by those who look after all of them.
#[derive(Debug)]
pub(super) struct Activity {
    phase: AtomicU8,
    since: AtomicU64,
    order: AtomicU8,
    ordered: Notify,
}

impl Activity {
    pub(super) fn new(now: Instant) -> Activity {
        Activity { phase: AtomicU8::new(0), since: AtomicU64::new(now.as_nanos()), order: AtomicU8::new(0), ordered: Notify::new() }
    }

    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Idle,
            1 => Phase::Arriving,
            _ => Phase::Answering,
        }
    }

    /// Begins `phase`, or goes on with it having made progress.
    pub(super) fn enter(&self, phase: Phase, now: Instant) {
        self.since.store(now.as_nanos(), Ordering::Relaxed);
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// What it was told last.
    pub(super) fn order(&self) -> Order {
        match self.order.load(Ordering::Acquire) {
            0 => Order::Serve,
            1 => Order::Finish,
            _ => Order::Cut,
        }
    }

    fn give(&self, order: Order) {
        if self.order.fetch_max(order as u8, Ordering::AcqRel) < order as u8 {
            self.ordered.notify_waiters();
        }
    }

    /// Completes when `order`, or a stronger one, was given.
    pub(super) async fn ordered(&self, order: Order) {
        loop {
            let mut notified = pin!(self.ordered.notified());
            notified.as_mut().enable();
            if self.order() >= order {
                return;
            }
            notified.await;
        }
    }

    fn is_overdue(&self, now: Instant, allowed: &Allowed) -> bool {
        let lasted = now.since(Instant::from_nanos(self.since.load(Ordering::Relaxed)));
        match self.phase() {
            Phase::Idle => lasted > allowed.idle,
            Phase::Arriving => lasted > allowed.arrival,
            Phase::Answering => false,
        }
    }
}

/// All connections of the server, on all its sockets.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    allowed: Allowed,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    open: Mutex<Open>,
    emptied: Notify,
    closed: Notify,
}

#[derive(Debug, Default)]
struct Open {
    admitted: u64,
    draining: bool,
    by_number: BTreeMap<u64, Arc<Activity>>,
    by_client: BTreeMap<IpAddr, usize>,
}

/// Whether a client may come in.
#[derive(Debug)]
pub(super) enum Admission {
    /// It may, and counts until this is dropped.
    Admitted(Guest),
    /// This client has as many connections as it may.
    TooMany,
    /// The server has as many connections as it may, or is closing.
    Full,
}

/// A connection that counts.
#[derive(Debug)]
pub(super) struct Guest {
    number: u64,
    client: IpAddr,
    pub(super) activity: Arc<Activity>,
    shared: Arc<Shared>,
}

impl Connections {
    pub(super) fn new(allowed: Allowed) -> Connections {
        Connections { allowed, shared: Arc::default() }
    }

    pub(super) fn admit(&self, client: IpAddr, now: Instant) -> Admission {
        let mut open = self.shared.lock();
        if open.draining || open.by_number.len() >= self.allowed.connections {
            return Admission::Full;
        }
        let count = open.by_client.entry(client).or_default();
        if *count >= self.allowed.per_client {
            return Admission::TooMany;
        }
        *count += 1;
        open.admitted += 1;
        let number = open.admitted;
        let activity = Arc::new(Activity::new(now));
        open.by_number.insert(number, activity.clone());
        Admission::Admitted(Guest { number, client, activity, shared: self.shared.clone() })
    }

    /// How many are open.
    pub(super) fn count(&self) -> usize {
        self.shared.lock().by_number.len()
    }

    /// Cuts those that have been idle or arriving for too long.
    pub(super) fn sweep(&self, now: Instant) {
        for activity in self.shared.lock().by_number.values().filter(|activity| activity.is_overdue(now, &self.allowed)) {
            activity.give(Order::Cut);
        }
    }

    /// Admits nobody any more and gives everyone an order.
    pub(super) fn order_all(&self, order: Order) {
        let mut open = self.shared.lock();
        open.draining = true;
        self.shared.closed.notify_waiters();
        open.by_number.values().for_each(|activity| activity.give(order));
    }

    /// Completes when nobody is admitted any more.
    pub(super) async fn draining(&self) {
        loop {
            let mut notified = pin!(self.shared.closed.notified());
            notified.as_mut().enable();
            if self.shared.lock().draining {
                return;
            }
            notified.await;
        }
    }

    /// Completes when nobody is connected.
    pub(super) async fn emptied(&self) {
        loop {
            let mut notified = pin!(self.shared.emptied.notified());
            notified.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            notified.await;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().expect("nothing panics while it holds the connections")
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut open = self.shared.lock();
        open.by_number.remove(&self.number);
        if let Some(count) = open.by_client.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.by_client.remove(&self.client);
            }
        }
        if open.by_number.is_empty() {
            self.shared.emptied.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Admission, Allowed, Connections, Guest, Order, Phase};
    use crate::model::Instant;
    use std::net::IpAddr;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);
    const IDLE_LIMIT: Duration = Duration::from_secs(300);
    const ARRIVAL_LIMIT: Duration = Duration::from_secs(30);

    fn connections(per_client: usize) -> Connections {
        Connections::new(Allowed { connections: 10, per_client, idle: IDLE_LIMIT, arrival: ARRIVAL_LIMIT })
    }

    fn client(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn admit(connections: &Connections, last: u8) -> Option<Guest> {
        match connections.admit(client(last), Instant::ZERO) {
            Admission::Admitted(guest) => Some(guest),
            Admission::TooMany => None,
            Admission::Full => panic!("there is room"),
        }
    }

    #[test]
    fn a_client_has_a_number_of_connections_and_others_are_not_its_concern() {
        let connections = connections(2);
        let (first, second) = (admit(&connections, 1), admit(&connections, 1));
        assert!(first.is_some() && second.is_some() && admit(&connections, 1).is_none());
        let _other = admit(&connections, 2).unwrap();
        drop(first);
        assert!(admit(&connections, 1).is_some());
    }

    #[test]
    fn the_slow_and_the_idle_are_cut_and_a_waiting_query_is_not() {
        let connections = connections(9);
        let [idle, slow, waiting] = [1, 2, 3].map(|last| admit(&connections, last).unwrap());
        slow.activity.enter(Phase::Arriving, Instant::ZERO);
        waiting.activity.enter(Phase::Answering, Instant::ZERO);
        let orders = || [&idle, &slow, &waiting].map(|guest| guest.activity.order());
        connections.sweep(Instant::ZERO + ARRIVAL_LIMIT);
        assert_eq!(orders(), [Order::Serve; 3]);
        connections.sweep(Instant::ZERO + ARRIVAL_LIMIT + SECOND);
        assert_eq!(orders(), [Order::Serve, Order::Cut, Order::Serve]);
        connections.sweep(Instant::ZERO + IDLE_LIMIT + SECOND);
        assert_eq!(orders(), [Order::Cut, Order::Cut, Order::Serve]);
    }

    #[test]
    fn nobody_is_admitted_once_draining_has_begun() {
        let connections = connections(9);
        let guest = admit(&connections, 1).unwrap();
        connections.order_all(Order::Finish);
        assert_eq!(guest.activity.order(), Order::Finish);
        assert!(matches!(connections.admit(client(2), Instant::ZERO), Admission::Full));
    }
}
