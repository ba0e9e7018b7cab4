use super::{Core, Errand, Hands, Now, Start};
use crate::agent::antientropy::{self, Outcome};
use crate::agent::local::{FileChange, Local, LocalChange, LocalError, LocalSettings, OtherChecks, Record};
use crate::health::{self, Verdict};
use crate::model::{CheckDefinition, CheckStatus, Instant, NodeId, NodeName, Probe, ServiceDefinition, ServiceSpec, Thresholds, Timestamp};
use crate::state::CatalogCommand;
use crate::state::nodes::NodeSpec;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

/// A core without an agent: the test is its clock, its disk, its runs and its catalog.
struct World {
    core: Core<u64>,
    begun: Begun,
    now: Now,
    /// What the catalog was told, oldest first.
    told: Vec<CatalogCommand>,
}

/// The runs that began and were not cancelled.
#[derive(Default)]
struct Begun(RefCell<BTreeMap<u64, Start>>);

impl Hands for Begun {
    type Held = u64;

    fn begin(&self, start: Start) -> u64 {
        let run = start.run.0;
        self.0.borrow_mut().insert(run, start);
        run
    }

    fn cancel(&self, held: u64) {
        self.0.borrow_mut().remove(&held);
    }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

impl World {
    fn new() -> World {
        let name = NodeName::parse("n1").unwrap();
        let empty = BTreeMap::new;
        let node = NodeSpec { id: None, name: name.clone(), address: "10.0.0.1".to_owned(), tagged_addresses: empty(), meta: empty() };
        let now = Now { at: Instant::ZERO + seconds(100), wall: Timestamp::from_unix_nanos(1_000_000_000_000) };
        let sync = antientropy::Setup { id: NodeId::from_u128(1), life: 1, node, check_update_interval: seconds(300), seed: 7 };
        let core = Core::new(Local::new(LocalSettings::of(name)), health::Setup::consul(7), sync, now, false);
        let mut world = World { core, begun: Begun::default(), now, told: Vec::new() };
        // The first full sync is due at once.
        world.pass(Duration::ZERO);
        world
    }

    fn change(&mut self, change: LocalChange) -> Result<(), LocalError> {
        self.core.change(self.now, change, &self.begun).map(drop)
    }

    /// Goes on for that long, doing what falls due when it does.
    fn pass(&mut self, time: Duration) {
        let end = self.now.at + time;
        while let Some(due) = self.core.set_alarm().filter(|due| *due <= end) {
            self.jump(due);
        }
        self.jump(end);
    }

    fn jump(&mut self, at: Instant) {
        let passed = at.since(self.now.at);
        let wall = Timestamp::from_unix_nanos(self.now.wall.as_unix_nanos() + passed.as_nanos() as u64);
        self.now = Now { at: self.now.at + passed, wall };
        self.core.turn(self.now, &self.begun);
        self.settle();
    }

    /// The catalog does what it is asked, and had nothing before.
    fn settle(&mut self) {
        loop {
            let errands = self.core.take_errands();
            if errands.is_empty() {
                return;
            }
            for errand in errands {
                let input = match errand {
                    Errand::Fetch(fetch) => antientropy::Input::Fetched { fetch, found: None },
                    Errand::Write(write, _, command) => {
                        self.told.push(*command);
                        antientropy::Input::Written { write, outcome: Outcome::Done }
                    }
                };
                self.core.tell(self.now, input);
            }
        }
    }

    /// All runs under way find this.
    fn find(&mut self, status: CheckStatus, output: &str) {
        for start in std::mem::take(&mut *self.begun.0.borrow_mut()).into_values() {
            let found = Verdict { status, output: output.to_owned() };
            self.core.done(self.now, start.check, start.run, found, &self.begun);
        }
        self.settle();
    }

    fn status(&self, check: &str) -> CheckStatus {
        self.core.view().checks[check].status
    }

    /// The statuses of this check that the catalog was told, oldest first.
    fn told_of(&self, check: &str) -> Vec<(String, String)> {
        let checks = self.told.iter().flat_map(|command| match command {
            CatalogCommand::Register { checks, .. } => checks.as_slice(),
            CatalogCommand::DeregisterNode { .. } | CatalogCommand::DeregisterService { .. } | CatalogCommand::DeregisterCheck { .. } => {
                &[]
            }
        });
        let of_check = checks.filter(|spec| spec.id == check);
        of_check.map(|spec| (spec.status.as_str().to_owned(), spec.output.clone())).collect()
    }
}

fn check(id: &str, probe: Probe, interval: Duration) -> CheckDefinition {
    CheckDefinition {
        id: id.to_owned(),
        name: id.to_owned(),
        notes: String::new(),
        service_id: "web".to_owned(),
        initial: None,
        probe,
        interval,
        timeout: None,
        thresholds: Thresholds::default(),
        deregister_after: None,
        output_limit: None,
        token: String::new(),
    }
}

fn tcp() -> CheckDefinition {
    check("c", Probe::Tcp { addr: "127.0.0.1:1".to_owned(), tls: None }, seconds(10))
}

fn web(checks: Vec<CheckDefinition>) -> LocalChange {
    let definition = ServiceDefinition { spec: ServiceSpec::new("web", "web"), checks, token: String::new() };
    LocalChange::RegisterService { definition: Box::new(definition), others: OtherChecks::Keep }
}

#[test]
fn a_check_is_run_in_its_interval_and_the_catalog_hears_of_each_turn() {
    let mut world = World::new();
    world.change(web(vec![tcp()])).unwrap();
    world.settle();
    assert_eq!(world.told_of("c"), [("critical".to_owned(), String::new())]);
    for (status, output) in [(CheckStatus::Passing, "up"), (CheckStatus::Critical, "down"), (CheckStatus::Passing, "up")] {
        world.pass(seconds(10));
        assert_eq!(world.begun.0.borrow().len(), 1, "one run, within an interval");
        world.find(status, output);
        assert_eq!(world.status("c"), status);
        assert_eq!(world.told_of("c").last(), Some(&(status.to_string(), output.to_owned())));
    }
}

#[test]
fn what_a_check_says_beside_its_status_reaches_the_catalog_later() {
    let mut world = World::new();
    world.change(web(vec![tcp()])).unwrap();
    world.pass(seconds(10));
    world.find(CheckStatus::Passing, "one");
    let told = world.told_of("c").len();
    world.pass(seconds(10));
    world.find(CheckStatus::Passing, "two");
    assert_eq!(world.core.view().checks["c"].output, "two", "the agent shows it at once");
    assert_eq!(world.told_of("c").len(), told);
    for _ in 0..60 {
        world.pass(seconds(10));
        world.find(CheckStatus::Passing, "two");
    }
    assert_eq!(world.told_of("c").last(), Some(&("passing".to_owned(), "two".to_owned())));
}

#[test]
fn a_service_that_stays_critical_is_given_up_once_its_time_is_over() {
    let mut world = World::new();
    let given_up_after = |time| CheckDefinition { deregister_after: Some(time), ..tcp() };
    world.change(web(vec![given_up_after(seconds(90))])).unwrap();
    let mut waited = Duration::ZERO;
    while world.core.take_given_up().is_empty() {
        assert!(waited < seconds(300), "it is given up at last");
        world.pass(seconds(1));
        world.find(CheckStatus::Critical, "down");
        waited += seconds(1);
    }
    assert!(waited >= seconds(90) && waited <= seconds(121), "{waited:?}");
}

#[test]
fn checks_that_hang_keep_no_quick_one_waiting() {
    let mut world = World::new();
    let quick = check("quick", Probe::Script { args: Vec::new() }, seconds(10));
    world.change(web(vec![quick])).unwrap();
    for _ in 0..10 {
        world.pass(seconds(1));
        world.find(CheckStatus::Passing, "up");
    }
    let hung = |n| check(&format!("hung{n}"), Probe::Script { args: Vec::new() }, seconds(1));
    world.change(web((0..300).map(hung).collect())).unwrap();
    for second in 0..120 {
        world.pass(seconds(1));
        let over = |start: &Start| &*start.check == "quick" || second % 30 == 29;
        let over: Vec<u64> = world.begun.0.borrow().values().filter(|start| over(start)).map(|start| start.run.0).collect();
        for run in over {
            let start = world.begun.0.borrow_mut().remove(&run).unwrap();
            let status = if &*start.check == "quick" { CheckStatus::Passing } else { CheckStatus::Critical };
            let found = Verdict { status, output: format!("in second {second}") };
            world.core.done(world.now, start.check, start.run, found, &world.begun);
        }
        let output = &world.core.view().checks["quick"].output;
        let last = output.rsplit(' ').next().and_then(|last| last.parse().ok()).unwrap_or(0);
        assert!(second - last <= 11, "in second {second}: {output}");
        world.settle();
    }
}

#[test]
fn a_check_that_goes_takes_its_run_with_it() {
    let mut world = World::new();
    world.change(web(vec![tcp()])).unwrap();
    world.pass(seconds(10));
    let late = world.begun.0.borrow().values().next().cloned().expect("a run is under way");
    world.change(LocalChange::DeregisterService { id: "web".to_owned() }).unwrap();
    assert!(world.begun.0.borrow().is_empty(), "it was cancelled");
    let found = Verdict { status: CheckStatus::Passing, output: String::new() };
    world.core.done(world.now, late.check, late.run, found, &world.begun);
    world.settle();
    assert!(world.core.view().checks.is_empty(), "a run that ends too late changes nothing");
    assert!(matches!(world.told.last(), Some(CatalogCommand::DeregisterService { service, .. }) if service == "web"));
}

#[test]
fn an_alias_stands_as_what_it_follows_in_the_same_step() {
    let mut world = World::new();
    let alias = check("alias", Probe::Alias { node: String::new(), service: "web".to_owned() }, Duration::ZERO);
    let ttl = check("ttl", Probe::Ttl { ttl: seconds(60) }, Duration::ZERO);
    world.change(web(vec![ttl])).unwrap();
    let other = ServiceDefinition { spec: ServiceSpec::new("other", "other"), checks: vec![alias], token: String::new() };
    world.change(LocalChange::RegisterService { definition: Box::new(other), others: OtherChecks::Keep }).unwrap();
    for status in [CheckStatus::Passing, CheckStatus::Warning, CheckStatus::Critical] {
        world.change(LocalChange::Heartbeat { id: "ttl".to_owned(), status, output: "x".to_owned() }).unwrap();
        assert_eq!(world.status("alias"), status);
    }
}

#[test]
fn a_state_that_could_not_be_written_is_written_before_the_next_sign_of_life() {
    let mut world = World::new();
    assert!(world.core.take_states(world.now).is_empty(), "there is nothing to vouch for");
    let ttl = check("ttl", Probe::Ttl { ttl: seconds(60) }, Duration::ZERO);
    world.change(web(vec![ttl, tcp()])).unwrap();
    let failed = world.core.take_states(world.now);
    assert_eq!(world.core.take_states(world.now).len(), 1, "the life alone");
    let beat = |status| LocalChange::Heartbeat { id: "ttl".to_owned(), status, output: String::new() };
    world.change(beat(CheckStatus::Passing)).unwrap();
    world.core.put_back_states(failed);
    let written: Vec<Record> = world.core.take_states(world.now).iter().map(record).collect();
    let [Record::State(a), Record::State(b), Record::Life(_)] = &written[..] else { panic!("{written:?}") };
    let mut states = [(a.check.as_str(), a.status), (b.check.as_str(), b.status)];
    states.sort();
    assert_eq!(states, [("c", CheckStatus::Critical), ("ttl", CheckStatus::Passing)], "what is known better is not put back");
}

fn record(change: &FileChange) -> Record {
    match change {
        FileChange::Write { file, bytes } => Record::decode(file, bytes).unwrap(),
        FileChange::Remove(file) => panic!("{file:?} is removed"),
    }
}

#[test]
fn the_driver_is_needed_for_errands_and_for_what_falls_due_before_it_looks() {
    let mut world = World::new();
    world.core.set_alarm();
    assert!(!world.core.needs_driver());
    world.change(web(vec![check("ttl", Probe::Ttl { ttl: seconds(5) }, Duration::ZERO)])).unwrap();
    assert!(world.core.needs_driver(), "the catalog is to be told");
    world.settle();
    assert!(world.core.needs_driver(), "the check expires before the next full sync");
    world.core.set_alarm();
    world.change(LocalChange::Heartbeat { id: "ttl".to_owned(), status: CheckStatus::Critical, output: String::new() }).unwrap();
    assert!(!world.core.needs_driver(), "a heartbeat only moves things away");
}
