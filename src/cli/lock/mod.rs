//! `lock`: runs a command while a lock is held, in one copy in the whole cluster or in `-n` of them.
//!
//! A lock without a fencing token is a hint: whatever this program does, a command that a machine froze may do one more thing after it lost the lock. The
//! command finds its token in `MUSTER_LOCK_TOKEN`; a write that carries it (`?fence=`) is refused once the lock is another's.

mod compete;
pub(super) mod guard;
mod hold;
mod keep;
mod mutex;
mod place;
mod semaphore;
mod session;

use super::args::{Args, FlagSpec, switch, value};
use super::command::Call;
use super::remote::Remote;
use super::report::{Outcome, Report};
use super::supervise::{Notices, Poised, Stdin};
use crate::model::duration;
use crate::runtime::Runtime;
use crate::runtime::tokio::Tokio;
use compete::{Race, compete};
use guard::Guard;
use hold::Terms;
use keep::{Ready, keep};
use session::Behavior;
use std::time::Duration;

pub(super) const FLAGS: &[FlagSpec] = &[
    switch("child-exit-code", "Exit with 2 if COMMAND ran and failed."),
    value("lock-delay", "How long nobody gets the lock after its holder was lost; 15s unless set, 0s for at once."),
    value("monitor-retry", "How many failures in a row to see whether the lock is still held are borne; 3 unless set."),
    value("n", "How many may hold the lock at once; 1 unless set."),
    value("name", "Name of the session, for whoever looks."),
    switch("pass-stdin", "Give COMMAND the standard input."),
    switch("shell", "Have /bin/sh run COMMAND; the default, -shell=false runs it without."),
    value("timeout", "Give up if the lock is not held after this time, such as 30s; waits for ever unless set."),
    value("try", "The same as -timeout."),
    value("ttl", "How long the lock outlives its holder's last sign of life at least; 15s unless set."),
    switch("verbose", "Tell what goes on."),
];

/// Time a session or a lock-delay has unless something else is asked for.
const USUAL: Duration = Duration::from_secs(15);

/// Failures to look that are borne, unless something else is asked for.
const MONITOR_RETRY: u64 = 3;

/// What was asked for.
struct Plan {
    agent: Remote,
    prefix: String,
    limit: u64,
    name: String,
    /// How long to wait for the lock.
    timeout: Option<Duration>,
    terms: Terms,
    behavior: Behavior,
    stdin: Stdin,
    /// The program and its arguments.
    command: Vec<String>,
    /// Whether a failure of the command is one of ours.
    child_exit_code: bool,
    verbose: bool,
}

impl Plan {
    fn of(call: &Call<'_>) -> Result<Plan, String> {
        let args = &call.args;
        let (prefix, command) = match args.words.as_slice() {
            [] | [_] => return Err("Key prefix and child command must be specified".to_owned()),
            [prefix, command @ ..] => (prefix.trim_matches('/'), command),
        };
        if prefix.is_empty() {
            return Err("Key prefix must not be empty".to_owned());
        }
        let limit = args.number("n")?.unwrap_or(1);
        if limit == 0 {
            return Err("Lock holder limit must be positive".to_owned());
        }
        let line = command.join(" ");
        let name = args.value("name").map_or_else(|| format!("Lock for '{line}' at '{prefix}'"), str::to_owned);
        let lock_delay = time(args, "lock-delay")?.unwrap_or(USUAL);
        let in_shell = args.value("shell") != Some("false");
        Ok(Plan {
            agent: call.client()?.remote(args),
            prefix: prefix.to_owned(),
            limit,
            name,
            timeout: timeout(args)?,
            terms: Terms {
                ttl: time(args, "ttl")?.unwrap_or(USUAL),
                lock_delay: if limit == 1 { lock_delay } else { Duration::ZERO },
                monitor_retry: args.number("monitor-retry")?.unwrap_or(MONITOR_RETRY),
            },
            behavior: if limit == 1 { Behavior::Release } else { Behavior::Delete },
            stdin: if args.is_on("pass-stdin") { Stdin::Ours } else { Stdin::Empty },
            command: if in_shell { ["/bin/sh", "-c", &line].map(str::to_owned).to_vec() } else { command.to_vec() },
            child_exit_code: args.is_on("child-exit-code"),
            verbose: args.is_on("verbose"),
        })
    }

    fn tell(&self, text: impl std::fmt::Display) {
        if self.verbose {
            super::supervise::say(text);
        }
    }
}

fn time(args: &Args, flag: &str) -> Result<Option<Duration>, String> {
    let read = |text: &str| duration::parse(text).map_err(|e| format!("invalid value {text:?} for flag -{flag}: {e}"));
    args.value(flag).map(read).transpose()
}

/// `-try` and `-timeout`, which mean the same.
fn timeout(args: &Args) -> Result<Option<Duration>, String> {
    match (time(args, "try")?, time(args, "timeout")?) {
        (Some(Duration::ZERO), _) => Err("Timeout must be positive: -try is how long to try".to_owned()),
        (Some(_), Some(_)) => Err("Give either -try or -timeout, not both".to_owned()),
        (Some(trying), None) => Ok(Some(trying)),
        // As with Consul's: none.
        (None, given) => Ok(given.filter(|timeout| !timeout.is_zero())),
    }
}

pub(super) fn run(call: &Call<'_>) -> Outcome {
    let plan = Plan::of(call)?;
    Tokio::block_on(async {
        let mut notices = Notices::take().map_err(|e| format!("Error catching signals: {e}"))?;
        // They are there before they are needed: the lock is not held up by their start.
        let guard = Guard::start(&plan.terms).map_err(|e| format!("Error starting the lock's guard: {e}"))?;
        let poised = match plan.stdin {
            Stdin::Empty => Some(Poised::start(&plan.command).map_err(|e| format!("Error executing command: {e}"))?),
            Stdin::Ours => None,
        };
        match compete(&plan, &mut notices).await? {
            Race::Won(won) => keep(&plan, *won, Ready { guard, poised }, &mut notices).await,
            Race::Left(why) => Ok(Report::failed(why)),
        }
    })
}
