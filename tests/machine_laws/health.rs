//! The checks of an agent, registered, run, told and forgotten at random.

use super::specimen::Specimen;
use muster::health::{Checks, Input, Output, Run, Setup, Verdict};
use muster::model::{CheckDefinition, CheckStatus, Instant, Probe, Thresholds, Tree};
use proptest::prelude::{BoxedStrategy, Strategy, prop_oneof};
use proptest::sample::select;
use std::sync::Arc;
use std::time::Duration;

/// A machine with a handful of checks.
pub struct OfHealth;

impl Specimen for OfHealth {
    type Input = Input;
    type Output = Output;
    type Machine = Checks;

    fn build(&self, seed: u64, _now: Instant) -> Checks {
        Checks::new(Setup::consul(seed))
    }

    fn inputs(&self) -> BoxedStrategy<Vec<Input>> {
        prop_oneof![3 => watch(), 3 => done(), 3 => told(), 1 => ids().prop_map(Input::Forget)].prop_map(|input| vec![input]).boxed()
    }

    fn longest_pause(&self) -> Duration {
        Duration::from_secs(40)
    }
}

fn ids() -> impl Strategy<Value = Arc<str>> {
    select(vec!["a", "b", "c", "d"]).prop_map(Arc::from)
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    let statuses = select(vec![CheckStatus::Passing, CheckStatus::Warning, CheckStatus::Critical]);
    (statuses, "[a-c]{0,2}").prop_map(|(status, output)| Verdict { status, output })
}

fn probes() -> impl Strategy<Value = Probe> {
    let tcp = || Probe::Tcp { addr: "h:1".to_owned(), tls: None };
    let leaf = move || Tree::Leaf(Box::new(definition("leaf", tcp())));
    prop_oneof![
        (1..20u64).prop_map(|ttl| Probe::Ttl { ttl: Duration::from_secs(ttl) }),
        select(vec![
            tcp(),
            Probe::Script { args: vec!["true".to_owned()] },
            Probe::Alias { node: String::new(), service: "web".to_owned() },
            Probe::Tree(Tree::Any(vec![leaf(), Tree::All(vec![leaf(), leaf()])])),
            Probe::Maintenance,
        ]),
    ]
}

fn definition(id: &str, probe: Probe) -> CheckDefinition {
    CheckDefinition {
        id: id.to_owned(),
        name: id.to_owned(),
        notes: String::new(),
        service_id: "web".to_owned(),
        initial: None,
        probe,
        interval: Duration::from_secs(5),
        timeout: None,
        thresholds: Thresholds::default(),
        deregister_after: None,
        output_limit: None,
        token: String::new(),
    }
}

fn watch() -> impl Strategy<Value = Input> {
    let after = proptest::option::of((1..90u64).prop_map(Duration::from_secs));
    (ids(), probes(), 0..4u32, after, verdicts()).prop_map(|(id, probe, failures, deregister_after, verdict)| {
        let thresholds = Thresholds { failures_before_critical: failures, ..Thresholds::default() };
        let definition = CheckDefinition { thresholds, deregister_after, ..definition(&id, probe) };
        Input::Watch { definition: Arc::new(definition), verdict }
    })
}

fn done() -> impl Strategy<Value = Input> {
    (ids(), 1..12u64, verdicts()).prop_map(|(check, run, verdict)| Input::Done { check, run: Run(run), verdict })
}

fn told() -> impl Strategy<Value = Input> {
    prop_oneof![
        (ids(), verdicts()).prop_map(|(check, verdict)| Input::Heartbeat { check, verdict }),
        (ids(), verdicts()).prop_map(|(check, verdict)| Input::Target { check, verdict }),
        (0..64usize).prop_map(Input::OutputLimit),
    ]
}
