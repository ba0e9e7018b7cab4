//! Floor 1: the checks of an agent as a machine. It decides when each is run, how long it may take, what its results make of its status, when a
//! silent TTL check turns critical and when a service that stays critical is given up. It runs nothing: a driver does, and reports.

mod words;

pub use words::{CheckId, Input, Output, Run, Verdict};
