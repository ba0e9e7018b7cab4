//! What the machine is told and what it decides.

use crate::model::{CheckDefinition, CheckStatus, Probe};
use std::sync::Arc;
use std::time::Duration;

/// A check's id, unique on the agent.
pub type CheckId = Arc<str>;

/// One run of one check. Runs grow; none has the number of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run(pub u64);

/// How a check stands: what a run found, or what was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How it stands.
    pub status: CheckStatus,
    /// What it said. A run's is within its limit already; a heartbeat's is cut by the machine.
    pub output: String,
}

/// What the machine is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    /// Shorter intervals are raised to this (Consul: 1 s).
    pub shortest_interval: Duration,
    /// The most output kept of a check, in bytes (`check_output_max_size`); a check may ask for less.
    pub output_limit: usize,
    /// Seed of all the machine's chance.
    pub seed: u64,
}

impl Setup {
    /// Consul's figures.
    pub const fn consul(seed: u64) -> Setup {
        Setup { shortest_interval: Duration::from_secs(1), output_limit: 4096, seed }
    }

    /// The most output kept of a check that asks for `own`: the smaller counts, as with Consul.
    pub(super) fn output_limit_of(&self, own: Option<usize>) -> usize {
        own.map_or(self.output_limit, |own| own.min(self.output_limit))
    }
}

/// What can happen to the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Looks after a check from now on. One of the same id is replaced, and stands as it is told here; how many results in a row it had, and
    /// since when it is critical, stays. If what is run, how long and how often is the same, its runs go on undisturbed, however often it is
    /// registered anew; otherwise the run under way is cancelled and the next one is due no later than the old one's would have been.
    Watch {
        /// What it does.
        definition: Arc<CheckDefinition>,
        /// How it stands before its first result: as defined, or as it stood before a restart.
        verdict: Verdict,
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
    /// At most so much output is kept of any check, in bytes, from its next run or heartbeat on (`check_output_max_size` after a reload).
    OutputLimit(usize),
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
    /// reports that. A check tree has several runs under way at once, one for each leaf at most; any other check has one.
    Start {
        /// Which.
        check: CheckId,
        /// Which run.
        run: Run,
        /// What is done. Never one that waits to be told (`Ttl`, `Alias`, `Maintenance`), and never a tree.
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
    /// A check has been critical for as long as its service may be: deregister the service. Said again every half minute while that lasts.
    GiveUp {
        /// Whose service.
        check: CheckId,
        /// The service's id.
        service: Arc<str>,
    },
}
