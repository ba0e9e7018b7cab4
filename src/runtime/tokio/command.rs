//! Child processes of the operating system's.
//!
//! The child gets one pipe for both outputs. Reading end and writing end have flags of their own, so ours does not block while the child's does.
//! Nothing is asked of std that keeps it from `posix_spawn`: no hook before exec, no other user, the agent's own `PATH`. glibc and musl make that
//! a `vfork`: its price does not grow with the agent's memory.

use crate::runtime::{Command, Ended, Ran, Tail, timeout};
use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, ChildStdin};

/// Bytes read at a time.
const PIECE: usize = 8192;

/// What is read after the program's end, in bytes: at least a full pipe. What a process it left behind goes on writing is not waited for.
const AFTER_THE_END: usize = 1 << 20;

/// How long a killed group is waited for. What the kernel cannot end sooner (it hangs in a device) is reaped when it can.
const BURIAL: Duration = Duration::from_secs(1);

/// Runs `command`. Errors are those of starting it. Dropping the future kills the process group; tokio reaps what was not waited for.
pub async fn run(command: Command) -> io::Result<Ran> {
    let (reader, writer) = io::pipe()?;
    let mut output = Receiver::from_owned_fd(OwnedFd::from(reader))?;
    let mut group = spawn(&command, writer)?;
    let mut tail = Tail::new(command.output_limit);
    let feeding = feed(group.leader.stdin.take(), command.input.clone());
    let ended = timeout::<super::Tokio, _>(command.timeout, follow(&mut group.leader, feeding, &mut output, &mut tail)).await;
    let ended = match ended {
        Ok(status) => ended_by(status?),
        Err(_) => {
            group.kill();
            // Reaped or not: the verdict is the same.
            let _ = timeout::<super::Tokio, _>(BURIAL, group.leader.wait()).await;
            Ended::TimedOut
        }
    };
    drain(&output, &mut tail);
    Ok(Ran { ended, output: tail })
}

fn spawn(command: &Command, writer: io::PipeWriter) -> io::Result<Group> {
    let (program, args) = command.args.split_first().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no program is named"))?;
    let mut spawning = tokio::process::Command::new(program);
    let second = Stdio::from(writer.try_clone()?);
    let stdin = if command.input.is_empty() { Stdio::null() } else { Stdio::piped() };
    spawning.args(args).stdin(stdin).stdout(writer).stderr(second).process_group(0);
    spawning.envs(command.env.iter().map(|(name, value)| (name, value)));
    Ok(Group { leader: spawning.spawn()? })
}

/// A child that leads a process group. The group is killed when this is dropped before the child was reaped.
struct Group {
    leader: Child,
}

impl Group {
    /// Kills the group while its number is still the child's: one that was reaped has no number any more.
    fn kill(&self) {
        let leader = self.leader.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(leader) = leader {
            // It can only be gone already.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Writes the child's input and closes it. A child that does not read, or has gone, is its own business.
async fn feed(stdin: Option<ChildStdin>, input: Bytes) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(&input).await;
    }
}

/// Reads what the child writes until it ends. Its outputs may close sooner, or stay open in a process it left behind.
async fn follow(leader: &mut Child, feeding: impl Future<Output = ()>, output: &mut Receiver, tail: &mut Tail) -> io::Result<ExitStatus> {
    let mut feeding = pin!(feeding);
    let mut piece = [0; PIECE];
    let (mut hungry, mut open) = (true, true);
    loop {
        tokio::select! {
            biased;
            status = leader.wait() => return status,
            () = feeding.as_mut(), if hungry => hungry = false,
            read = output.read(&mut piece), if open => match read {
                Ok(0) | Err(_) => open = false,
                Ok(n) => tail.write(&piece[..n]),
            },
        }
    }
}

/// Takes what is in the pipe already.
fn drain(output: &Receiver, tail: &mut Tail) {
    let mut piece = [0; PIECE];
    let mut left = AFTER_THE_END;
    while left > 0 {
        match output.try_read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(n) => {
                tail.write(&piece[..n]);
                left = left.saturating_sub(n);
            }
        }
    }
}

fn ended_by(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exited(code),
        (None, Some(signal)) => Ended::Signalled(signal),
        (None, None) => unreachable!("who was waited for has exited or been killed"),
    }
}

#[cfg(test)]
mod tests;
