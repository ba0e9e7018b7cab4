//! openraft's `AsyncRuntime` over our [`Runtime`]: one adapter, both sides.
//!
//! openraft starts its tasks, reads its clock, draws its chance and selects only through this, so what it does is a function of the seed in the
//! simulator. `openraft_rt::testing::Suite` passes on it on both sides.

use crate::model;
use crate::runtime::watch::{self, Closed};
use crate::runtime::{Chance, Elapsed, Runtime, sleep};
use openraft::rt::watch::{RecvError, SendError, WatchReceiver, WatchSender};
use openraft::rt::{AsyncRuntime, OptionalSend, OptionalSync};
use openraft_rt_tokio::{TokioMpsc, TokioMutex, TokioOneshot};
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// What openraft runs on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RaftRuntime<R>(PhantomData<R>);

/// [`model::Instant`] with the arithmetic openraft asks for, on the clock of `R`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment<R>(model::Instant, PhantomData<R>);

impl<R> Moment<R> {
    /// The point on the node's monotonic clock.
    pub const fn instant(self) -> model::Instant
    where
        R: Copy,
    {
        self.0
    }
}

impl<R: Runtime> openraft::rt::Instant for Moment<R> {
    fn now() -> Moment<R> {
        Moment(R::now(), PhantomData)
    }
}

impl<R> Add<Duration> for Moment<R> {
    type Output = Moment<R>;
    fn add(self, d: Duration) -> Moment<R> {
        Moment(self.0 + d, PhantomData)
    }
}

impl<R> Sub<Duration> for Moment<R> {
    type Output = Moment<R>;
    fn sub(self, d: Duration) -> Moment<R> {
        Moment(self.0 - d, PhantomData)
    }
}

impl<R> Sub for Moment<R> {
    type Output = Duration;
    fn sub(self, other: Moment<R>) -> Duration {
        self.0.since(other.0)
    }
}

impl<R: Copy> AddAssign<Duration> for Moment<R> {
    fn add_assign(&mut self, d: Duration) {
        *self = *self + d;
    }
}

impl<R: Copy> SubAssign<Duration> for Moment<R> {
    fn sub_assign(&mut self, d: Duration) {
        *self = *self - d;
    }
}

/// A pause shorter than this only lets others run. openraft lingers a microsecond after each write to the log so as to report several at once; a
/// timer would make a millisecond of it.
const LINGER: Duration = Duration::from_micros(20);

/// A pause until some point.
pub struct Pause<R: Runtime>(Stage<R>);

enum Stage<R: Runtime> {
    /// So near that others are let run once.
    Near,
    /// Due.
    Over,
    /// A timer's.
    Far(Pin<Box<R::Sleep>>),
}

impl<R: Runtime> Pause<R> {
    fn until(deadline: model::Instant) -> Pause<R> {
        let near = deadline.since(R::now()) < LINGER;
        Pause(if near { Stage::Near } else { Stage::Far(Box::pin(R::sleep_until(deadline))) })
    }
}

impl<R: Runtime> Future for Pause<R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Stage::Near => {
                self.0 = Stage::Over;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Stage::Over => Poll::Ready(()),
            Stage::Far(clock) => clock.as_mut().poll(cx),
        }
    }
}

/// A future with a deadline. If both are ready, the future wins.
pub struct Timeout<R: Runtime, F> {
    future: Pin<Box<F>>,
    clock: Pin<Box<R::Sleep>>,
}

impl<R: Runtime, F: Future> Future for Timeout<R, F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(value) = self.future.as_mut().poll(cx) {
            return Poll::Ready(Ok(value));
        }
        self.clock.as_mut().poll(cx).map(|()| Err(Elapsed))
    }
}

impl<R: Runtime> AsyncRuntime for RaftRuntime<R> {
    type JoinError = R::JoinError;
    type JoinHandle<T: OptionalSend + 'static> = R::JoinHandle<T>;
    type Sleep = Pause<R>;
    type Instant = Moment<R>;
    type TimeoutError = Elapsed;
    type Timeout<O, F: Future<Output = O> + OptionalSend> = Timeout<R, F>;
    type ThreadLocalRng = Chance<R>;
    type Mpsc = TokioMpsc;
    type Watch = Watch;
    type Oneshot = TokioOneshot;
    type Mutex<T: OptionalSend + 'static> = TokioMutex<T>;

    fn spawn<F>(task: F) -> R::JoinHandle<F::Output>
    where
        F: Future + OptionalSend + 'static,
        F::Output: OptionalSend + 'static,
    {
        R::spawn(task)
    }

    fn sleep(duration: Duration) -> Pause<R> {
        Pause::until(R::now() + duration)
    }

    fn sleep_until(deadline: Moment<R>) -> Pause<R> {
        Pause::until(deadline.0)
    }

    fn timeout<O, F: Future<Output = O> + OptionalSend>(duration: Duration, future: F) -> Timeout<R, F> {
        Timeout { future: Box::pin(future), clock: Box::pin(sleep::<R>(duration)) }
    }

    fn timeout_at<O, F: Future<Output = O> + OptionalSend>(deadline: Moment<R>, future: F) -> Timeout<R, F> {
        Timeout { future: Box::pin(future), clock: Box::pin(R::sleep_until(deadline.0)) }
    }

    fn is_panic(_: &R::JoinError) -> bool {
        // Asked only to word an error; whoever sees openraft stop treats every unasked stop alike.
        false
    }

    fn thread_rng() -> Chance<R> {
        Chance::new()
    }

    fn new(_threads: usize) -> RaftRuntime<R> {
        RaftRuntime(PhantomData)
    }

    fn block_on<F, T>(&mut self, task: F) -> T
    where
        F: Future<Output = T>,
    {
        R::block_on(task)
    }

    /// The default starts an OS thread for each call, which the simulator forbids.
    fn spawn_blocking<F, T>(work: F) -> impl Future<Output = Result<T, io::Error>> + Send
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        R::spawn_blocking(work)
    }
}

/// openraft's watch is ours: [`crate::runtime::watch`].
pub struct Watch;

impl openraft::rt::watch::Watch for Watch {
    type Sender<T: OptionalSend + OptionalSync> = watch::Sender<T>;
    type Receiver<T: OptionalSend + OptionalSync> = watch::Receiver<T>;
    type Ref<'a, T: OptionalSend + 'a> = watch::Ref<'a, T>;

    fn channel<T: OptionalSend + OptionalSync>(value: T) -> (watch::Sender<T>, watch::Receiver<T>) {
        watch::channel(value)
    }
}

impl<T: OptionalSend + OptionalSync> WatchSender<Watch, T> for watch::Sender<T> {
    fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.receivers() == 0 {
            return Err(SendError(value));
        }
        watch::Sender::send(self, value);
        Ok(())
    }

    fn send_if_modified<F: FnOnce(&mut T) -> bool>(&self, modify: F) -> bool {
        watch::Sender::send_if_modified(self, modify)
    }

    fn borrow_watched(&self) -> watch::Ref<'_, T> {
        self.borrow()
    }

    fn subscribe(&self) -> watch::Receiver<T> {
        watch::Sender::subscribe(self)
    }
}

impl<T: OptionalSend + OptionalSync> WatchReceiver<Watch, T> for watch::Receiver<T> {
    async fn changed(&mut self) -> Result<(), RecvError> {
        watch::Receiver::changed(self).await.map_err(|Closed| RecvError(()))
    }

    fn borrow_watched(&self) -> watch::Ref<'_, T> {
        self.borrow()
    }

    fn borrow_and_update(&mut self) -> watch::Ref<'_, T> {
        watch::Receiver::borrow_and_update(self)
    }
}

#[cfg(test)]
mod tests {
    use super::RaftRuntime;
    use crate::runtime::Runtime;
    use crate::runtime::tokio::Tokio;
    use openraft::rt::AsyncRuntime;
    use std::time::Duration;

    #[test]
    fn openrafts_own_suite_passes_on_tokio() {
        openraft_rt::testing::Suite::<RaftRuntime<Tokio>>::test_all();
    }

    #[test]
    fn a_pause_of_a_microsecond_takes_no_timers_millisecond() {
        Tokio::block_on(async {
            let before = Tokio::now();
            for _ in 0..1000 {
                RaftRuntime::<Tokio>::sleep(Duration::from_micros(1)).await;
            }
            let took = Tokio::now().since(before);
            assert!(took < Duration::from_millis(500), "{took:?}");
        });
    }
}
