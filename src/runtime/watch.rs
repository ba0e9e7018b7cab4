//! A value that tasks can wait on, waking them in the order they began to wait.
//!
//! tokio's `watch` spreads its waiters over several lists by a draw from process-wide state, so two runs of one seed differ; this one does not.
//! Only the newest value is kept: a receiver that is slow sees the last of several changes. A waiter costs one map entry while it waits; one
//! that gives up takes its entry away.
//!
//! ```
//! use muster::runtime::watch;
//! let (tx, rx) = watch::channel(1);
//! tx.send(2);
//! assert_eq!(*rx.borrow(), 2);
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard};
use std::task::{Context, Poll, Waker};

/// Every sender is gone: the value will not change again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the watched value has no sender any more")
    }
}

impl std::error::Error for Closed {}

/// A watched value and its two ends, which can be cloned. The first receiver has seen `value`.
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let cell = Arc::new(Cell {
        value: RwLock::new(value),
        version: AtomicU64::new(0),
        waiting: Mutex::new(Waiting { next: 0, wakers: BTreeMap::new() }),
        senders: AtomicUsize::new(1),
        receivers: AtomicUsize::new(1),
    });
    (Sender(cell.clone()), Receiver { cell, seen: 0 })
}

/// Changes the value.
pub struct Sender<T>(Arc<Cell<T>>);

/// Reads the value and waits for it to change. Each receiver remembers which change it has seen.
pub struct Receiver<T> {
    cell: Arc<Cell<T>>,
    seen: u64,
}

/// A borrow of the value. Senders wait while it lives, so keep it short and never across an await.
pub struct Ref<'a, T>(RwLockReadGuard<'a, T>);

impl<T> Sender<T> {
    /// Puts `value` in and wakes everyone who waits.
    pub fn send(&self, value: T) {
        self.send_if_modified(|current| {
            *current = value;
            true
        });
    }

    /// Changes the value in place; receivers are woken only if `modify` says that it did change it. Returns what `modify` said.
    pub fn send_if_modified(&self, modify: impl FnOnce(&mut T) -> bool) -> bool {
        let mut value = self.0.value.write().expect("no panic while held");
        if !modify(&mut value) {
            return false;
        }
        self.0.version.fetch_add(1, Ordering::Release);
        drop(value);
        self.0.wake_all();
        true
    }

    /// The value as it is now.
    pub fn borrow(&self) -> Ref<'_, T> {
        self.0.borrow()
    }

    /// Another receiver, which has seen the value as it is now.
    pub fn subscribe(&self) -> Receiver<T> {
        self.0.receivers.fetch_add(1, Ordering::Relaxed);
        let seen = self.0.version.load(Ordering::Acquire);
        Receiver { cell: self.0.clone(), seen }
    }

    /// How many receivers there are.
    pub fn receivers(&self) -> usize {
        self.0.receivers.load(Ordering::Acquire)
    }
}

impl<T> Receiver<T> {
    /// The value as it is now.
    pub fn borrow(&self) -> Ref<'_, T> {
        self.cell.borrow()
    }

    /// The value as it is now, which counts as seen: [`changed`](Receiver::changed) waits for the next one.
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let value = self.cell.borrow();
        self.seen = self.cell.version.load(Ordering::Acquire);
        value
    }

    /// Waits until the value is one this receiver has not seen, and marks it seen. [`Closed`] if that will never be. Cancel-safe.
    pub fn changed(&mut self) -> Changed<'_, T> {
        Changed { receiver: self, ticket: None }
    }

    /// Waits until `wanted` holds of the value and returns a copy of it; [`Closed`] if that will never be. Cancel-safe.
    pub async fn wait_for(&mut self, mut wanted: impl FnMut(&T) -> bool) -> Result<T, Closed>
    where
        T: Clone,
    {
        loop {
            {
                let value = self.borrow_and_update();
                if wanted(&value) {
                    return Ok(value.clone());
                }
            }
            self.changed().await?;
        }
    }
}

/// The future of [`Receiver::changed`].
pub struct Changed<'a, T> {
    receiver: &'a mut Receiver<T>,
    ticket: Option<u64>,
}

impl<T> Future for Changed<'_, T> {
    type Output = Result<(), Closed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let cell = self.receiver.cell.clone();
        // Under the lock that a sender takes after its change: it either finds this waiter, or the change is seen here.
        let mut waiting = cell.waiting();
        let version = cell.version.load(Ordering::Acquire);
        if version != self.receiver.seen {
            self.receiver.seen = version;
            return Poll::Ready(Ok(()));
        }
        if cell.senders.load(Ordering::Acquire) == 0 {
            return Poll::Ready(Err(Closed));
        }
        self.ticket = Some(waiting.admit(self.ticket, cx.waker()));
        Poll::Pending
    }
}

impl<T> Drop for Changed<'_, T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.receiver.cell.waiting().wakers.remove(&ticket);
        }
    }
}

struct Cell<T> {
    value: RwLock<T>,
    /// Counts changes; moves only under the write lock of `value`.
    version: AtomicU64,
    waiting: Mutex<Waiting>,
    senders: AtomicUsize,
    receivers: AtomicUsize,
}

/// Who waits, by the order in which they began to.
struct Waiting {
    next: u64,
    wakers: BTreeMap<u64, Waker>,
}

impl Waiting {
    /// Keeps a waiter's place if it still has one.
    fn admit(&mut self, ticket: Option<u64>, waker: &Waker) -> u64 {
        if let Some(ticket) = ticket
            && let Some(kept) = self.wakers.get_mut(&ticket)
        {
            kept.clone_from(waker);
            return ticket;
        }
        self.next += 1;
        self.wakers.insert(self.next, waker.clone());
        self.next
    }
}

impl<T> Cell<T> {
    fn borrow(&self) -> Ref<'_, T> {
        Ref(self.value.read().expect("no panic while held"))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no panic while held")
    }

    fn wake_all(&self) {
        let woken = std::mem::take(&mut self.waiting().wakers);
        woken.into_values().for_each(Waker::wake);
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.0.senders.fetch_add(1, Ordering::Relaxed);
        Sender(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.0.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.wake_all();
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        self.cell.receivers.fetch_add(1, Ordering::Relaxed);
        Receiver { cell: self.cell.clone(), seen: self.seen }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.cell.receivers.fetch_sub(1, Ordering::AcqRel);
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sender").field(&*self.borrow()).finish()
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receiver").field(&*self.borrow()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Closed, Receiver, channel};
    use std::future::Future;
    use std::pin::pin;
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll, Wake, Waker};

    /// Writes its number down when it is woken.
    struct Bell(usize, Arc<Mutex<Vec<usize>>>);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    fn poll<F: Future>(future: std::pin::Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(waker))
    }

    #[test]
    fn waiters_wake_in_the_order_they_began_to_wait() {
        let (tx, rx) = channel(0);
        let woken = Arc::new(Mutex::new(Vec::new()));
        let mut receivers: Vec<Receiver<i32>> = (0..9).map(|_| rx.clone()).collect();
        let wakers: Vec<Waker> = (0..9).map(|n| Arc::new(Bell(n, woken.clone())).into()).collect();
        let mut waits: Vec<_> = receivers.iter_mut().map(|r| Box::pin(r.changed())).collect();
        for n in [4, 1, 8, 0, 2] {
            assert!(poll(waits[n].as_mut(), &wakers[n]).is_pending());
        }
        // Polled again, a waiter keeps its place.
        assert!(poll(waits[4].as_mut(), &wakers[4]).is_pending());
        tx.send(1);
        assert_eq!(*woken.lock().unwrap(), [4, 1, 8, 0, 2]);
    }

    #[test]
    fn a_waiter_that_gives_up_leaves_nothing_behind() {
        let (tx, mut rx) = channel(0);
        let woken = Arc::new(Mutex::new(Vec::new()));
        let waker: Waker = Arc::new(Bell(0, woken.clone())).into();
        {
            let mut wait = pin!(rx.changed());
            assert!(poll(wait.as_mut(), &waker).is_pending());
        }
        tx.send(1);
        assert!(woken.lock().unwrap().is_empty());
        assert!(rx.cell.waiting().wakers.is_empty());
        assert_eq!(poll(pin!(rx.changed()), &waker), Poll::Ready(Ok(())), "the change itself is not lost");
    }

    #[test]
    fn a_change_is_seen_once_by_each_receiver() {
        let (tx, mut rx) = channel(0);
        let waker = Waker::noop();
        assert!(poll(pin!(rx.changed()), waker).is_pending());
        tx.send(1);
        tx.send(2);
        assert_eq!(poll(pin!(rx.changed()), waker), Poll::Ready(Ok(())));
        assert_eq!(*rx.borrow(), 2);
        assert!(poll(pin!(rx.changed()), waker).is_pending());
        tx.send(3);
        assert_eq!(*rx.borrow_and_update(), 3);
        assert!(poll(pin!(rx.changed()), waker).is_pending());
    }

    #[test]
    fn a_change_that_says_it_was_none_wakes_nobody() {
        let (tx, mut rx) = channel(0);
        assert!(!tx.send_if_modified(|_| false));
        assert!(poll(pin!(rx.changed()), Waker::noop()).is_pending());
    }

    #[test]
    fn the_last_sender_closes_the_value_after_its_last_change() {
        let (tx, mut rx) = channel(0);
        let woken = Arc::new(Mutex::new(Vec::new()));
        let waker: Waker = Arc::new(Bell(7, woken.clone())).into();
        let second = tx.clone();
        drop(tx);
        let mut other = rx.clone();
        let mut wait = pin!(other.changed());
        assert!(poll(wait.as_mut(), &waker).is_pending());
        second.send(1);
        drop(second);
        assert_eq!(*woken.lock().unwrap(), [7]);
        assert_eq!(poll(pin!(rx.changed()), &waker), Poll::Ready(Ok(())), "the change comes first");
        assert_eq!(poll(pin!(rx.changed()), &waker), Poll::Ready(Err(Closed)));
    }

    #[test]
    fn wait_for_returns_at_once_if_it_holds_already() {
        let (_tx, mut rx) = channel(5);
        assert_eq!(poll(pin!(rx.wait_for(|v| *v == 5)), Waker::noop()), Poll::Ready(Ok(5)));
    }
}
