//! Programs a scenario has put on a host, in place of real child processes.

use super::KernelWait;
use crate::world;
use muster::runtime::{Command, Ended, Ran, Tail};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a program does whenever it is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// How long it takes.
    pub takes: Duration,
    /// Its exit code.
    pub exit: i32,
    /// What it writes before it ends.
    pub output: Vec<u8>,
}

/// Runs what the running task's host has under exactly these arguments; `NotFound` if it has nothing.
pub async fn run(command: Command) -> io::Result<Ran> {
    let who = world::me();
    let found = world::with(|w| w.host(who).programs.get(&command.args).cloned());
    let Program { takes, exit, output } = found.ok_or(io::ErrorKind::NotFound)?;
    let mut tail = Tail::new(command.output_limit);
    tail.write(&output);
    if takes > command.timeout {
        KernelWait::after(command.timeout).await;
        return Ok(Ran { ended: Ended::TimedOut, output: tail });
    }
    KernelWait::after(takes).await;
    Ok(Ran { ended: Ended::Exited(exit), output: tail })
}

/// A stream to a Unix socket: there are none, so there is no value.
#[derive(Debug)]
pub enum UnixStream {}

impl AsyncRead for UnixStream {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }
}

impl AsyncWrite for UnixStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        match *self {}
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }
}
