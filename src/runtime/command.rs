//! Programs that the agent runs.

use super::Tail;
use bytes::Bytes;
use std::time::Duration;

/// A program to be run, in a process group of its own, with what it writes to either output kept together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program, looked for in `PATH` if it has no `/`, and its arguments. No shell reads them.
    pub args: Vec<String>,
    /// Variables beside those of the agent.
    pub env: Vec<(String, String)>,
    /// What it finds on its standard input.
    pub input: Bytes,
    /// How long it may run. Its whole group is killed then.
    pub timeout: Duration,
    /// The most output kept, in bytes: the last.
    pub output_limit: usize,
}

/// What became of a program that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub ended: Ended,
    /// The end of what it wrote.
    pub output: Tail,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this code.
    Exited(i32),
    /// By a signal that was not ours.
    Signalled(i32),
    /// By us, because its time was over.
    TimedOut,
}
