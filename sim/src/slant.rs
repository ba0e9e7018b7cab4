//! What a scenario asks of its runs beyond what their seeds draw.

use crate::fault::Kind;

/// A slant, the same in all runs of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slant {
    /// How many servers there are; `None`: as drawn.
    pub servers: Option<u8>,
    /// The kinds of faults; none: as drawn.
    pub kinds: &'static [Kind],
    /// How servers handle their logs.
    pub logs: Logs,
}

/// How servers handle their logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logs {
    /// As drawn.
    Drawn,
    /// A snapshot every half a second as long as anything happens, and next to no entries behind it: a server that comes back has to be sent one,
    /// and remembers nothing of what was before.
    Short,
}

impl Slant {
    /// All as drawn.
    pub const NONE: Slant = Slant { servers: None, kinds: &[], logs: Logs::Drawn };
}
