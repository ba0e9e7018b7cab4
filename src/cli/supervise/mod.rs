//! A command of the user's that runs under our eyes: its process group, the signals it is to get, a clock that goes on while the machine sleeps.

mod alarm;
mod group;
mod notices;
pub(super) mod tether;

pub(super) use alarm::{Alarm, now};
pub(super) use group::{End, Group, Stdin, say, signal_group};
pub(super) use notices::{Notice, Notices, pause};
pub(super) use tether::{Poised, tethered};

/// Waits for what is in `slot` and takes it out; for ever if there is nothing.
pub(super) async fn finished<T>(slot: &mut Option<futures_util::future::LocalBoxFuture<'_, T>>) -> T {
    let Some(future) = slot else { return std::future::pending().await };
    let value = future.await;
    *slot = None;
    value
}
