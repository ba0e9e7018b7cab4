//! Plays the conformance corpus (`tests/conformance/cases`, format in `tests/conformance/FORMAT.md`) against the built binary, one test a case.
//!
//! `cargo test --test conformance -- kv/` plays the cases whose name contains `kv/`. Cases of areas not built yet stand in
//! `tests/conformance/expected-fail.txt`; one that passes fails the run, so that the list only shrinks.
#![allow(clippy::disallowed_methods, reason = "a test of real sockets and processes lives on the real clock and on threads")]

#[path = "conformance/mod.rs"]
mod conformance;

fn main() -> std::process::ExitCode {
    conformance::main()
}
