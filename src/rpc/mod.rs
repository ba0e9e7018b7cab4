//! Floor 4: framed calls between agents.

/// Which procedure a call is for. Opaque here: numbers are given out by the rooms that own the procedures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Method(pub u16);
