//! Was it linearizable? Two independent answers about one [`History`], and a short counterexample when it was not.
//!
//! - [`witness`] trusts the indexes in the answers: they propose an order, which only needs to be verified, over all keys at once and in
//!   `O(n log n)`.
//! - [`search`] ignores the order of the indexes and looks for any legal order of one key (Wing and Gong 1993, Lowe 2017, with the
//!   memory of Horn and Kroening 2015); [`rounds`] shares a budget of steps fairly between the keys.
//!
//! A verdict of [`Verdict::Illegal`] is never given on a spent budget, nor on the word of a hash: the counterexample itself has been
//! searched with exact memory. Nothing here reads a clock or draws chance: the same history gives the same report.

mod compile;
mod counterexample;
mod file;
mod history;
mod jsonl;
mod lanes;
#[cfg(test)]
mod oracle;
mod page;
mod register;
mod report;
pub mod rounds;
pub mod search;
mod seen;
mod settle;
mod shrink;
#[cfg(test)]
mod tests;
pub mod witness;

pub use compile::{Alike, Standing, Step};
pub use counterexample::{Counterexample, Part, Shown};
pub use file::{CheckError, check_file};
pub use history::{Action, Found, Headers, History, Mode, Nanos, Operation, Outcome};
pub use jsonl::{LineError, read_lines, write_lines};
pub use register::{Effect, Need, Register};
pub use report::{Report, Verdict, check, check_apart_from_indexes};
