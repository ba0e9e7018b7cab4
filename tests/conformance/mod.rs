//! The runner: corpus and list of expected failures in, trials out.

mod agent;
mod corpus;
mod dns;
mod expected;
mod fake;
mod fixtures;
mod http;
mod matcher;
mod patience;
mod player;
mod pool;
mod ports;
mod selftest;
mod steps;
mod variables;

use corpus::Case;
use expected::ExpectedFailures;
use libtest_mimic::{Arguments, Failed, Trial};
use patience::Patience;
use pool::Pool;
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Agents at work at a time unless `--test-threads` says otherwise: cases wait more than they compute.
const AGENTS_AT_A_TIME: usize = 4;

/// Why a case, or a step of it, did not come out as expected: the text for whoever reads the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(pub String);

impl Failure {
    /// A failure with this text.
    pub fn new(text: impl Into<String>) -> Failure {
        Failure(text.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Runs what the command line asks for. Called as `conformance agent ...` it is the scripted agent of the runner's own tests.
pub fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("agent") {
        return fake::main();
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AGENTS_AT_A_TIME);
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let cases = corpus::load(&folder.join("cases"));
    let expected = ExpectedFailures::read(&folder.join("expected-fail.txt"));
    let pool = Arc::new(Pool::new(binary()));
    let mut trials = selftest::trials();
    trials.push(list_trial(&expected, &cases));
    trials.extend(cases.into_iter().map(|case| trial(case, &expected, &pool)));
    let conclusion = libtest_mimic::run(&arguments, trials);
    pool.close();
    conclusion.exit_code()
}

/// The binary under test: ours, unless `CONFORMANCE_AGENT` names another (a peer's, to see that the corpus is right).
fn binary() -> PathBuf {
    std::env::var_os("CONFORMANCE_AGENT").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_muster")), PathBuf::from)
}

fn list_trial(expected: &ExpectedFailures, cases: &[Case]) -> Trial {
    let faults = expected.faults(cases.iter().map(|c| c.name.as_str()));
    Trial::test("expected-fail.txt/names-cases-once", move || match faults.as_slice() {
        [] => Ok(()),
        faults => Err(Failed::from(faults.join("\n"))),
    })
}

fn trial(case: Case, expected: &ExpectedFailures, pool: &Arc<Pool>) -> Trial {
    let (name, pool) = (case.name.clone(), Arc::clone(pool));
    if !expected.contains(&name) {
        return Trial::test(name, move || pool.play(&case, Patience::Full).map_err(|f| Failed::from(explained(&case, &f))));
    }
    let patience = Patience::of_a_listed_case();
    Trial::test(name, move || expected::judge(pool.play(&case, patience))).with_kind("expected to fail")
}

fn explained(case: &Case, failure: &Failure) -> String {
    format!("{}\n    {failure}", case.why)
}
