//! The guard: a second process that ends the command when its holder cannot.
//!
//! A holder that is frozen (`kill -STOP`, a debugger) or killed (`kill -9`) leaves its command running, and the session then passes the lock to another.
//! The guard knows until when the holder's word counts. It ends the command's process group when that time is over, or when the holder has gone.
//! A holder whose command has ended ends the guard first. Should holder and guard be killed together, the command is at least sent SIGTERM
//! ([`tethered`](crate::cli::supervise::tethered)). Like the holder it never asks whether the lock is in fact another's: it goes by the clock.
//!
//! When all of them are frozen together and wake together, the command may run for as long as the guard takes to get a processor. That is what fencing tokens
//! are for.

use super::hold::{RETRY, Terms};
use crate::cli::args::{FlagSpec, value};
use crate::cli::command::Call;
use crate::cli::report::{Outcome, Report};
use crate::cli::supervise::{Alarm, Group, now, say, signal_group};
use crate::model::Instant;
use crate::runtime::Runtime;
use crate::runtime::tokio::Tokio;
use rustix::process::{Pid, Signal, test_kill_process_group};
use std::io::{self, BufRead, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::sync::mpsc;

/// The name under which `muster` starts itself as a guard.
pub(in crate::cli) const NAME: &str = "lock-guard";

/// How often a group that is ending is looked at.
const POLL: Duration = Duration::from_millis(50);

pub(in crate::cli) const FLAGS: &[FlagSpec] = &[value("grace-millis", "What the command gets between SIGTERM and SIGKILL.")];

/// What a holder tells its guard, one line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// This is the command's process group.
    Group(Pid),
    /// The holder's word counts until then.
    Until(Instant),
}

impl Word {
    fn line(self) -> String {
        match self {
            Word::Group(group) => format!("group {}\n", group.as_raw_nonzero()),
            Word::Until(lapse) => format!("until {}\n", lapse.as_nanos()),
        }
    }

    fn read(line: &str) -> Option<Word> {
        match line.split_once(' ') {
            Some(("group", number)) => number.parse().ok().filter(|number| *number > 1).and_then(Pid::from_raw).map(Word::Group),
            Some(("until", nanos)) => nanos.parse().ok().map(|nanos| Word::Until(Instant::from_nanos(nanos))),
            None | Some(_) => None,
        }
    }
}

/// A running guard, as its holder sees it. Dropping it is the holder's end.
pub(super) struct Guard {
    child: Child,
}

impl Guard {
    /// Starts one. Errors are those of starting it.
    pub(super) fn start(terms: &Terms) -> io::Result<Guard> {
        use std::os::unix::process::CommandExt;
        // The program that runs, even if another one has its name by now.
        let mut command = Command::new("/proc/self/exe");
        command.arg(NAME).arg(format!("-grace-millis={}", terms.grace().as_millis()));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0);
        Ok(Guard { child: command.spawn()? })
    }

    /// Names what is guarded, until `lapse`. An error is a guard that has gone.
    pub(super) fn watch(&mut self, group: &Group, lapse: Instant) -> io::Result<()> {
        self.tell(Word::Group(group.id()))?;
        self.tell(Word::Until(lapse))
    }

    /// Says that the holder's word counts until `lapse`. An error is a guard that has gone.
    pub(super) fn extend(&mut self, lapse: Instant) -> io::Result<()> {
        self.tell(Word::Until(lapse))
    }

    /// Ends it: the command has ended. Not by a word, which one that is stopped would not hear.
    pub(super) fn dismiss(mut self) {
        // It may have gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    fn tell(&mut self, word: Word) -> io::Result<()> {
        let pipe = self.child.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        pipe.write_all(word.line().as_bytes())
    }
}

/// The guard's own life: `lock-guard`, its holder's words on standard input.
pub(in crate::cli) fn run(call: &Call<'_>) -> Outcome {
    call.args.no_words()?;
    let grace = call.args.number("grace-millis")?.ok_or("lock-guard is for `muster lock` to start")?;
    Tokio::block_on(guard(Duration::from_millis(grace))).map_err(|e| format!("the guard of a lock failed: {e}"))?;
    Ok(Report::default())
}

/// The words on standard input, up to its end.
fn words() -> io::Result<mpsc::Receiver<Word>> {
    let (sender, receiver) = mpsc::channel(1);
    let read = move || {
        let lines = io::stdin().lock().lines().map_while(Result::ok);
        let _ = lines.map_while(|line| Word::read(&line)).try_for_each(|word| sender.blocking_send(word));
    };
    // It may read for ever, and the process ends all the same: no task of the runtime's.
    std::thread::Builder::new().spawn(read)?;
    Ok(receiver)
}

async fn guard(grace: Duration) -> io::Result<()> {
    let alarm = Alarm::new()?;
    let mut words = words()?;
    let (mut group, mut lapse) = (None, None);
    let why = loop {
        let over = async {
            match lapse {
                Some(lapse) => alarm.at(lapse).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            word = words.recv() => match word {
                Some(Word::Group(number)) => group = Some(number),
                Some(Word::Until(instant)) => lapse = Some(instant),
                None => break "its holder has gone",
            },
            rang = over => {
                rang?;
                break "its holder has not renewed the session in time";
            }
        }
    };
    let Some(group) = group else { return Ok(()) };
    say(format_args!("muster lock: the lock is lost, {why}: ending the command"));
    end(group, grace, &alarm).await
}

/// SIGTERM, a while, SIGKILL until the group has gone, or a holder that has woken up ends us.
async fn end(group: Pid, grace: Duration, alarm: &Alarm) -> io::Result<()> {
    signal_group(group, Signal::TERM);
    // One that was stopped takes SIGTERM first and goes on only to obey it.
    signal_group(group, Signal::CONT);
    let killed_at = now() + grace;
    while test_kill_process_group(group).is_ok() {
        let is_late = now() >= killed_at;
        if is_late {
            signal_group(group, Signal::KILL);
        }
        alarm.after(if is_late { RETRY } else { POLL }).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Word;
    use crate::model::Instant;
    use rustix::process::Pid;

    #[test]
    fn what_a_holder_says_is_what_its_guard_hears() {
        for word in [Word::Group(Pid::from_raw(4711).unwrap()), Word::Until(Instant::from_nanos(u64::MAX))] {
            assert_eq!(Word::read(word.line().trim_end()), Some(word));
        }
    }

    #[test]
    fn no_word_makes_a_guard_signal_everybody() {
        for line in ["group 0", "group 1", "group -5", "group", "until", "until x", "", "done"] {
            assert_eq!(Word::read(line), None, "{line}");
        }
    }
}
