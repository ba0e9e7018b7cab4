//! Each law, broken on purpose, is caught: a harness that passes everything proves nothing.

use super::laws::obeys;
use super::retry::{Broken, Fault};
use std::panic::catch_unwind;

/// Asserts that the fault is caught and that the law said to be broken is the right one.
fn is_caught(fault: Fault, law: &str) {
    let panic = catch_unwind(|| obeys(&Broken(fault))).expect_err("the laws let the fault pass");
    let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
    assert!(said.contains(law), "expected {law:?} to be named: {said}");
}

#[test]
fn a_machine_that_acts_early_is_caught() {
    is_caught(Fault::ActsEarly, "an early handle_timeout has no effect");
}

#[test]
fn a_machine_that_changes_when_asked_for_its_deadline_is_caught() {
    is_caught(Fault::MovesWhenPolled, "poll_timeout changes nothing");
}

#[test]
fn a_machine_that_draws_from_the_process_is_caught() {
    is_caught(Fault::DrawsAmbiently, "the same inputs at the same times give the same outputs");
}

#[test]
fn a_machine_that_takes_inputs_undrained_is_caught() {
    is_caught(Fault::TakesUndrained, "handle panics when the outputs of the last call were not drained");
}

#[test]
fn a_machine_whose_deadline_stands_still_is_caught() {
    is_caught(Fault::StandsStill, "a due timeout that was handled moves on");
}

#[test]
fn a_machine_that_speaks_after_none_is_caught() {
    is_caught(Fault::SpeaksAfterNone, "outputs are drained to None");
}

#[test]
fn a_machine_that_breaks_its_own_law_is_caught() {
    is_caught(Fault::OutgrowsItself, "requests wait");
}
