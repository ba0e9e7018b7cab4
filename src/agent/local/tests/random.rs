//! Random changes: what is on disk and what the machine of checks was told always add up to what is registered.

use super::world::{after, check_of, empty, service, settings};
use crate::agent::local::{
    Effects, FileChange, Local, LocalChange, LocalCheck, LocalView, Maintenance, Origin, OtherChecks, Record, RecordFile,
};
use crate::health::{Input, Verdict};
use crate::model::{CheckDefinition, CheckStatus, Probe};
use proptest::collection::{btree_set, vec};
use proptest::prelude::{Strategy, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const SERVICES: [&str; 3] = ["web", "db", "mq"];
const CHECKS: [&str; 4] = ["c0", "c1", "c2", "c3"];

#[derive(Debug, Clone)]
enum Step {
    Change(LocalChange),
    Settle(&'static str, CheckStatus),
    Reload(BTreeSet<usize>, BTreeSet<usize>),
}

fn checks() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(CHECKS.to_vec(), 0..3)
}

fn change() -> impl Strategy<Value = LocalChange> {
    let services = || select(SERVICES.to_vec());
    let maintenance = select(vec![Maintenance::Off, Maintenance::On { reason: "r".to_owned() }]);
    let others = select(vec![OtherChecks::Keep, OtherChecks::Drop]);
    let alias = |(of, check): (&str, &str)| {
        let probe = Probe::Alias { node: String::new(), service: of.to_owned() };
        LocalChange::RegisterCheck { definition: Box::new(CheckDefinition { probe, ..check_of("", check) }) }
    };
    prop_oneof![
        4 => (services(), checks(), others).prop_map(|(id, checks, others)| {
            LocalChange::RegisterService { definition: Box::new(service(id, &checks)), others }
        }),
        2 => services().prop_map(|id| LocalChange::DeregisterService { id: id.to_owned() }),
        2 => (select(vec!["", "web", "db"]), select(CHECKS.to_vec())).prop_map(|(service, check)| {
            LocalChange::RegisterCheck { definition: Box::new(check_of(service, check)) }
        }),
        1 => (select(vec!["", "web", "db"]), select(CHECKS.to_vec())).prop_map(alias),
        1 => select(CHECKS.to_vec()).prop_map(|id| LocalChange::DeregisterCheck { id: id.to_owned() }),
        1 => (services(), maintenance).prop_map(|(id, maintenance)| LocalChange::ServiceMaintenance { id: id.to_owned(), maintenance }),
        1 => select(CHECKS.to_vec()).prop_map(|id| {
            LocalChange::Heartbeat { id: id.to_owned(), status: CheckStatus::Passing, output: "ok".to_owned() }
        }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let statuses = select(vec![CheckStatus::Passing, CheckStatus::Warning, CheckStatus::Critical]);
    prop_oneof![
        6 => change().prop_map(Step::Change),
        2 => (select(CHECKS.to_vec()), statuses).prop_map(|(check, status)| Step::Settle(check, status)),
        1 => (btree_set(0..3usize, 0..3), btree_set(0..4usize, 0..2)).prop_map(|(services, checks)| Step::Reload(services, checks)),
    ]
}

/// What the rest of the agent makes of the effects.
#[derive(Default)]
struct Mirror {
    disk: BTreeMap<RecordFile, Vec<u8>>,
    watched: BTreeMap<Arc<str>, Arc<CheckDefinition>>,
}

impl Mirror {
    fn follow(&mut self, effects: Effects) {
        for change in effects.files {
            match change {
                FileChange::Write { file, bytes } => drop(self.disk.insert(file, bytes)),
                FileChange::Remove(file) => drop(self.disk.remove(&file)),
            }
        }
        for input in effects.health {
            match input {
                Input::Watch { definition, .. } => drop(self.watched.insert(definition.id.as_str().into(), definition)),
                Input::Forget(id) => drop(self.watched.remove(&id).expect("what is forgotten was watched")),
                Input::Target { check, .. } | Input::Heartbeat { check, .. } => assert!(self.watched.contains_key(&check)),
                Input::Done { .. } | Input::OutputLimit(_) => panic!("nothing is run here"),
            }
        }
    }

    fn records(&self) -> Vec<Record> {
        self.disk.iter().map(|(file, bytes)| Record::decode(file, bytes).expect("a record")).collect()
    }
}

fn defined(services: &BTreeSet<usize>, checks: &BTreeSet<usize>) -> (Vec<crate::model::ServiceDefinition>, Vec<CheckDefinition>) {
    let services = services.iter().map(|n| service(SERVICES[*n], &[])).collect();
    (services, checks.iter().map(|n| check_of("", CHECKS[*n])).collect())
}

fn definitions(view: &LocalView, origin: impl Fn(Origin) -> bool) -> Vec<(Arc<str>, Arc<CheckDefinition>)> {
    let ours = |(_, check): &(&Arc<str>, &Arc<LocalCheck>)| origin(check.origin);
    view.checks.iter().filter(ours).map(|(id, check)| (id.clone(), check.definition.clone())).collect()
}

proptest! {
    #[test]
    fn disk_and_machine_add_up_to_what_is_registered(steps in vec(step(), 1..60)) {
        let (mut local, mut mirror): (Local, Mirror) = (empty(), Mirror::default());
        let mut files = (BTreeSet::new(), BTreeSet::new());
        for (n, step) in steps.into_iter().enumerate() {
            let at = after(Duration::from_secs(n as u64));
            let before = local.view().clone();
            let effects = match step {
                Step::Change(change) => local.apply(at, change),
                Step::Settle(id, status) => Ok(local.settle(at, id, Verdict { status, output: "said".to_owned() })),
                Step::Reload(services, checks) => {
                    let (served, checked) = defined(&services, &checks);
                    files = (services, checks);
                    local.replace_file_definitions(at, served, checked)
                }
            };
            local.check_invariants();
            match effects {
                Ok(effects) => mirror.follow(effects),
                Err(_) => prop_assert_eq!(local.view(), &before),
            }
            let run: Vec<_> = local.view().checks.values().filter(|check| check.definition.probe != Probe::Maintenance).collect();
            prop_assert_eq!(mirror.watched.values().collect::<Vec<_>>(), run.iter().map(|check| &check.definition).collect::<Vec<_>>());
        }
        let (served, checked) = defined(&files.0, &files.1);
        let soon = after(Duration::from_secs(60));
        let (again, _) = Local::resume(settings(), soon, mirror.records(), served, checked).expect("it starts again");
        // What a registration over HTTP had taken from a file, the file takes back.
        let outlives = |id: &str| !SERVICES.iter().enumerate().any(|(n, name)| *name == id && files.0.contains(&n));
        let kept = |view: &LocalView| view.services.values().filter(|kept| outlives(&kept.spec.id)).cloned().collect::<Vec<_>>();
        prop_assert_eq!(kept(again.view()), kept(local.view()));
        let api = |origin| origin != Origin::File;
        let again = definitions(again.view(), api);
        let expected = definitions(local.view(), api);
        let by_file = |id: &str| CHECKS.iter().enumerate().any(|(n, name)| *name == id && files.1.contains(&n));
        prop_assert_eq!(again, expected.into_iter().filter(|(id, _)| !by_file(id)).collect::<Vec<_>>());
    }
}
