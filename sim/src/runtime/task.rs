//! Tasks of a node.

use super::meter::metered;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The task was aborted, or its node was killed. A task that panics ends the whole run instead.
///
/// madsim's own error prints a task number counted over the whole process, which no two runs share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JoinError;

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("task was cancelled")
    }
}

impl std::error::Error for JoinError {}

/// A spawned task; dropping it lets the task run on.
#[derive(Debug)]
pub struct JoinHandle<T>(madsim::task::JoinHandle<T>);

impl<T: Send + 'static> JoinHandle<T> {
    /// Starts a task of the running task's node.
    pub fn spawn(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        JoinHandle(madsim::task::spawn(metered(task)))
    }

    /// Starts a task of another node.
    pub fn spawn_on(node: &madsim::runtime::NodeHandle, task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        JoinHandle(node.spawn(metered(task)))
    }

    /// Cancels the task at its next await.
    pub fn abort(&self) {
        self.0.abort();
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|done| done.map_err(|_| JoinError))
    }
}
