//! A child and the process group it leads.

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::io::{self, IsTerminal, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};

/// Where the child's standard input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Stdin {
    /// There is none.
    Empty,
    /// Ours.
    Ours,
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum End {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl End {
    /// As a shell tells it: 128 and the number of the signal, for who was killed.
    pub(in crate::cli) fn exit_code(self) -> u8 {
        let code = match self {
            End::Code(code) => code,
            End::Signal(signal) => signal.saturating_add(128),
        };
        u8::try_from(code & 0xff).expect("eight bits are left")
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            End::Code(code) => write!(f, "exit status {code}"),
            End::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> End {
        match (status.code(), status.signal()) {
            (Some(code), _) => End::Code(code),
            (None, Some(signal)) => End::Signal(signal),
            (None, None) => unreachable!("who was waited for has exited or been killed"),
        }
    }
}

/// A child that leads a process group of its own, so that what it starts gets its signals too. Not killed when this is dropped.
pub(in crate::cli) struct Group {
    child: Child,
}

impl Group {
    /// Starts `args` without a shell, with `env` beside our own variables. Errors are those of starting it.
    pub(in crate::cli) fn start(args: &[String], env: &[(&str, String)], stdin: Stdin) -> io::Result<Group> {
        let (program, args) = args.split_first().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no program is named"))?;
        // A group in the background is stopped when it reads from a terminal, so we read for it.
        let copied = stdin == Stdin::Ours && io::stdin().is_terminal();
        let input = match stdin {
            Stdin::Empty => Stdio::null(),
            Stdin::Ours if copied => Stdio::piped(),
            Stdin::Ours => Stdio::inherit(),
        };
        let mut command = Command::new(program);
        command.args(args).envs(env.iter().map(|(name, value)| (name, value))).stdin(input).process_group(0);
        let mut child = command.spawn().map_err(|e| io::Error::new(e.kind(), format!("{program}: {e}")))?;
        if let Some(mut pipe) = child.stdin.take() {
            // Ends with the terminal, with the child or with us.
            std::thread::Builder::new().spawn(move || io::copy(&mut io::stdin().lock(), &mut pipe).map(drop))?;
        }
        Ok(Group { child })
    }

    /// The group that a child leads.
    pub(super) fn of(child: Child) -> Group {
        Group { child }
    }

    /// The group's number, which is its leader's.
    pub(in crate::cli) fn id(&self) -> Pid {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("the operating system gave the number")
    }

    /// Sends a signal to all of the group. Its number stays taken until [`Group::reap`], so nobody else is hit.
    pub(in crate::cli) fn signal(&self, signal: Signal) {
        signal_group(self.id(), signal);
    }

    /// Whether the leader has ended. It is not reaped by this.
    pub(in crate::cli) fn has_ended(&self) -> io::Result<bool> {
        let seen = waitid(WaitId::Pid(self.id()), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG)?;
        Ok(seen.is_some())
    }

    /// Waits for the leader's end and gives its number back.
    pub(in crate::cli) fn reap(mut self) -> io::Result<End> {
        Ok(End::from(self.child.wait()?))
    }
}

/// Sends a signal to a process group.
pub(in crate::cli) fn signal_group(group: Pid, signal: Signal) {
    // It can only be gone already.
    let _ = kill_process_group(group, signal);
}

/// Tells whoever reads standard error; nobody has to.
pub(in crate::cli) fn say(text: impl std::fmt::Display) {
    let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::{End, Group, Stdin};
    use rustix::process::Signal;

    fn shell(script: &str) -> Group {
        let args = ["/bin/sh", "-c", script].map(str::to_owned);
        Group::start(&args, &[("CODE", "7".to_owned())], Stdin::Empty).unwrap()
    }

    #[test]
    fn a_child_has_its_variables_and_its_end_is_told_as_a_shell_would() {
        assert_eq!(shell("exit $CODE").reap().unwrap(), End::Code(7));
        let group = shell("exec sleep 600");
        assert!(!group.has_ended().unwrap());
        group.signal(Signal::TERM);
        let end = group.reap().unwrap();
        assert_eq!((end, end.exit_code()), (End::Signal(15), 143));
    }

    #[test]
    fn what_cannot_be_started_is_named() {
        let error = Group::start(&["/none/such".to_owned()], &[], Stdin::Empty).map(|_| ()).unwrap_err();
        assert!(error.to_string().starts_with("/none/such: "), "{error}");
    }
}
