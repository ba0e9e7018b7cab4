//! The newest applied state, for readers that never wait, and the door for those who do.

use crate::model::{Index, Topic, Touched};
use crate::runtime::watch;
use crate::state::State;
use crate::watch::{Full, Ticket, Watches};
use arc_swap::ArcSwap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::oneshot;

/// An immutable state and the last entry it holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct View {
    /// The index of a change that the last entry applied, a command or not, would have made ([`State::index_of`]); 0 before the first.
    pub index: Index,
    /// Where that entry stands in the log. Behind `index` once a state with higher indexes was restored.
    pub log: Index,
    /// The tables as of that entry.
    pub state: State,
}

/// As many requests wait as this server holds; the next is answered without waiting, or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{limit} requests are waiting, the most this server holds")]
pub struct TooManyWaiters {
    /// The bound.
    pub limit: usize,
}

/// Where the state machine puts each new view, and where waiters stand.
pub(super) struct Published {
    view: ArcSwap<View>,
    waiting: Mutex<Watches<oneshot::Sender<()>>>,
    applied: watch::Sender<Index>,
}

impl Published {
    /// Room for `limit` waiters.
    pub(super) fn new(view: View, limit: usize) -> Published {
        let applied = watch::channel(view.log).0;
        Published { view: ArcSwap::from_pointee(view), waiting: Mutex::new(Watches::new(limit)), applied }
    }

    /// The newest view.
    pub(super) fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Follows [`View::log`].
    pub(super) fn applied(&self) -> watch::Receiver<Index> {
        self.applied.subscribe()
    }

    /// Puts a view in place, then wakes whom `touched` concerns.
    pub(super) fn publish(&self, view: View, touched: &Touched) {
        if touched.is_everything() {
            return self.publish_anew(view);
        }
        self.replace(view, |waiting| waiting.wake(touched));
    }

    /// Puts a view in place that has little to do with the last: wakes everyone.
    pub(super) fn publish_anew(&self, view: View) {
        self.replace(view, Watches::wake_all);
    }

    fn replace(&self, view: View, wake: impl FnOnce(&mut Watches<oneshot::Sender<()>>) -> Vec<oneshot::Sender<()>>) {
        let log = view.log;
        self.view.store(Arc::new(view));
        // After the view: whoever registers too late to be found here sees it.
        let woken = wake(&mut self.waiting());
        for waiter in woken {
            let _ = waiter.send(());
        }
        self.applied.send(log);
    }

    /// Waits until one of `topics` is touched by an entry after `after`, the index of the view that the caller has looked at. May return early:
    /// if anything at all was applied since, the caller looks again.
    pub(super) async fn changed(&self, topics: Vec<Topic>, after: Index) -> Result<(), TooManyWaiters> {
        let (waiter, woken) = oneshot::channel();
        let ticket = self.waiting().register(topics, waiter).map_err(|Full { limit, .. }| TooManyWaiters { limit })?;
        let _place = Place { published: self, ticket };
        if self.view.load().index > after {
            return Ok(());
        }
        // The sender is dropped only when it is woken.
        let _ = woken.await;
        Ok(())
    }

    fn waiting(&self) -> MutexGuard<'_, Watches<oneshot::Sender<()>>> {
        self.waiting.lock().expect("no panic while held")
    }
}

/// A place among the waiters, given up with the request.
struct Place<'a> {
    published: &'a Published,
    ticket: Ticket,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.published.waiting().cancel(self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::{Published, View};
    use crate::model::{Table, Topic, Touched};
    use crate::state::State;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn view(index: u64) -> View {
        View { index, log: index, state: State::default() }
    }

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn touched(table: Table) -> Touched {
        let mut touched = Touched::default();
        touched.add(Topic::Table(table));
        touched
    }

    #[test]
    fn only_a_change_to_what_was_asked_ends_a_wait() {
        let published = Published::new(view(1), 8);
        let mut wait = pin!(published.changed(vec![Topic::Table(Table::Nodes)], 1));
        assert!(poll(wait.as_mut()).is_pending());
        published.publish(view(2), &touched(Table::Checks));
        assert!(poll(wait.as_mut()).is_pending());
        published.publish(view(3), &touched(Table::Nodes));
        assert_eq!(poll(wait.as_mut()), Poll::Ready(Ok(())));
    }

    #[test]
    fn a_change_between_the_look_and_the_wait_is_not_missed() {
        let published = Published::new(view(1), 8);
        let looked_at = published.view().index;
        published.publish(view(2), &touched(Table::Nodes));
        let mut wait = pin!(published.changed(vec![Topic::Table(Table::Nodes)], looked_at));
        assert_eq!(poll(wait.as_mut()), Poll::Ready(Ok(())));
    }

    #[test]
    fn a_restored_state_wakes_everyone() {
        let published = Published::new(view(1), 8);
        let mut wait = pin!(published.changed(vec![Topic::Table(Table::Nodes)], 1));
        assert!(poll(wait.as_mut()).is_pending());
        published.publish_anew(view(9));
        assert_eq!(poll(wait.as_mut()), Poll::Ready(Ok(())));
    }

    #[test]
    fn a_waiter_that_goes_away_gives_its_place_up() {
        let published = Published::new(view(1), 1);
        let topics = || vec![Topic::Table(Table::Nodes)];
        {
            let mut first = pin!(published.changed(topics(), 1));
            assert!(poll(first.as_mut()).is_pending());
            assert!(matches!(poll(pin!(published.changed(topics(), 1))), Poll::Ready(Err(e)) if e.limit == 1));
        }
        assert!(poll(pin!(published.changed(topics(), 1))).is_pending());
    }
}
