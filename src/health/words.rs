//! What the machine is told and what it decides.

use crate::model::{CheckDefinition, CheckStatus, Probe};
use std::sync::Arc;
use std::time::Duration;

/// A check's id, unique on the agent.
pub type CheckId = Arc<str>;

/// One run of one check. Runs grow; none has the number of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run(pub u64);

/// What a run found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How it stands.
    pub status: CheckStatus,
    /// What it said, within its limit already.
    pub output: String,
}

/// What can happen to the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Looks after a check from now on. One of the same id is replaced: its run is cancelled, its status and counts stay as they are told here.
    Watch {
        /// What it does.
        definition: Arc<CheckDefinition>,
        /// How it stands before its first result: as defined, or as it stood before a restart.
        verdict: Verdict,
        /// For a TTL check that was restored: how much of its TTL is left. `None` begins anew.
        left: Option<Duration>,
    },
    /// Forgets a check; its run is cancelled.
    Forget(CheckId),
    /// A run is over. One that is not under way (any more) has no effect.
    Done {
        /// Whose.
        check: CheckId,
        /// Which.
        run: Run,
        /// What it found.
        verdict: Verdict,
    },
    /// A TTL check was told how it stands. Has no effect on others.
    Heartbeat {
        /// Which.
        check: CheckId,
        /// What it was told.
        verdict: Verdict,
    },
    /// An alias check's target stands so. Has no effect on others.
    Target {
        /// Which alias check.
        check: CheckId,
        /// How its target stands.
        verdict: Verdict,
    },
}

/// What the machine decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Run a check and report [`Input::Done`]. What takes longer than `timeout` is stopped by the driver and reported as its kind of check
    /// reports that.
    Start {
        /// Which.
        check: CheckId,
        /// Which run.
        run: Run,
        /// What is done.
        probe: Arc<Probe>,
        /// How long it may take.
        timeout: Duration,
        /// The most output kept, in bytes.
        output_limit: usize,
    },
    /// Stop a run and report nothing.
    Cancel(Run),
    /// A check stands otherwise, or says something else. Never the same twice in a row.
    Changed {
        /// Which.
        check: CheckId,
        /// How it stands now.
        verdict: Verdict,
    },
    /// A check has been critical for as long as its service may be: deregister the service. Said again at each look while that lasts.
    GiveUp {
        /// Whose service.
        check: CheckId,
        /// The service's id.
        service: Arc<str>,
    },
}
