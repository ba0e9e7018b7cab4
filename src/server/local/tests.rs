use super::LocalAgent;
use crate::agent::local::{Folder, LocalChange, LocalError, Maintenance, OtherChecks, Record, RecordFile};
use crate::config::{CheckTuning, Config, Host, Profile, ScriptChecks, Sources, load};
use crate::model::{CheckDefinition, CheckStatus, NodeId, Probe, ServiceDefinition, ServiceSpec, Thresholds};
use crate::runtime::Runtime;
use crate::runtime::tokio::Tokio;
use crate::server::checks::ProbeSetting;
use futures_util::FutureExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A data directory of a test's own, gone with it.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Place(std::env::temp_dir().join(format!("muster-local-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))))
    }

    fn file(&self, folder: Folder, id: &str) -> PathBuf {
        self.0.join(folder.path()).join(RecordFile::of(folder, id).name)
    }

    async fn open_with(&self, config: &Config) -> LocalAgent<Tokio> {
        let disk = Tokio::disk(&self.0).unwrap();
        LocalAgent::open(config, NodeId::from(1), disk, ProbeSetting::default()).await.unwrap()
    }

    async fn open(&self) -> LocalAgent<Tokio> {
        self.open_with(&config()).await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn config() -> Config {
    let host = Host { name: "box".to_owned(), ..Host::default() };
    load(&Sources { profile: Profile::Dev, ..Sources::default() }, &host).unwrap()
}

fn check(id: &str, service: &str, probe: Probe) -> CheckDefinition {
    CheckDefinition {
        id: id.to_owned(),
        name: id.to_owned(),
        notes: String::new(),
        service_id: service.to_owned(),
        initial: None,
        probe,
        interval: Duration::from_secs(3_600),
        timeout: None,
        thresholds: Thresholds::default(),
        deregister_after: None,
        output_limit: None,
        token: String::new(),
    }
}

fn ttl(id: &str, service: &str) -> CheckDefinition {
    check(id, service, Probe::Ttl { ttl: Duration::from_secs(3_600) })
}

fn service(id: &str, checks: Vec<CheckDefinition>) -> LocalChange {
    let definition = ServiceDefinition { spec: ServiceSpec::new(id, "web"), checks, token: String::new() };
    LocalChange::RegisterService { definition: Box::new(definition), others: OtherChecks::Keep }
}

fn heartbeat(id: &str, output: &str) -> LocalChange {
    LocalChange::Heartbeat { id: id.to_owned(), status: CheckStatus::Passing, output: output.to_owned() }
}

fn stands(agent: &LocalAgent<Tokio>, id: &str) -> Option<(CheckStatus, String)> {
    agent.view().checks.get(id).map(|check| (check.status, check.output.clone()))
}

async fn changed(agent: &LocalAgent<Tokio>, change: LocalChange) {
    agent.change(change).await.unwrap();
}

fn on_tokio(test: impl AsyncFnOnce(Place)) {
    Tokio::block_on(test(Place::new()));
}

/// Nobody drives these agents, so nobody tells the catalog: it is not waited for.
fn impatient() -> Config {
    Config { rpc_hold_timeout: Duration::ZERO, ..config() }
}

#[test]
fn what_was_registered_and_how_it_stood_is_there_after_a_stop() {
    on_tokio(async |place| {
        let agent = place.open_with(&impatient()).await;
        changed(&agent, service("w1", vec![ttl("c1", "w1")])).await;
        changed(&agent, LocalChange::RegisterCheck { definition: Box::new(ttl("node", "")) }).await;
        changed(&agent, LocalChange::NodeMaintenance(Maintenance::On { reason: "why".to_owned() })).await;
        changed(&agent, heartbeat("c1", "fine")).await;
        agent.rest().await;
        let again = place.open().await;
        assert_eq!(again.view().services.keys().map(|id| &**id).collect::<Vec<_>>(), ["w1"]);
        assert_eq!(stands(&again, "c1"), Some((CheckStatus::Passing, "fine".to_owned())));
        assert_eq!(stands(&again, "node"), Some((CheckStatus::Critical, String::new())));
        assert_eq!(again.view().checks["_node_maintenance"].definition.notes, "why");
    });
}

#[test]
fn an_agent_that_crashes_does_not_forget_how_its_checks_stand() {
    on_tokio(async |place| {
        let agent = place.open_with(&impatient()).await;
        let tcp = check("c1", "w1", Probe::Tcp { addr: "192.0.2.1:1".to_owned(), tls: None });
        let passing = |check| CheckDefinition { initial: Some(CheckStatus::Passing), ..check };
        changed(&agent, service("w1", vec![passing(tcp), passing(ttl("c2", "w1")), ttl("c3", "w1")])).await;
        let states = agent.step(|core, now| core.take_states(now));
        agent.write_last_states(states).await;
        drop(agent);
        let again = place.open().await;
        let status = |id| stands(&again, id).unwrap().0;
        assert_eq!(["c1", "c2", "c3"].map(status), [CheckStatus::Passing, CheckStatus::Passing, CheckStatus::Critical]);
    });
}

#[test]
fn a_heartbeat_that_turns_its_check_is_on_disk_when_it_is_answered() {
    on_tokio(async |place| {
        let agent = place.open_with(&impatient()).await;
        changed(&agent, service("w1", vec![ttl("c1", "w1"), ttl("c2", "w1")])).await;
        let again = place.open().await;
        let told = async {
            for (id, status) in [("c1", CheckStatus::Passing), ("c2", CheckStatus::Warning), ("c1", CheckStatus::Critical)] {
                changed(&again, LocalChange::Heartbeat { id: id.to_owned(), status, output: "o".to_owned() }).await;
                let file = RecordFile::of(Folder::States, id);
                let kept = Record::decode(&file, &std::fs::read(place.file(Folder::States, id)).unwrap()).unwrap();
                assert!(matches!(&kept, Record::State(state) if state.status == status), "{kept:?}");
            }
        };
        tokio::select! {
            biased;
            () = told => {}
            () = again.write_states_as_they_change() => {}
        }
        // An agent that leaves writes at its end: nobody waits for that.
        let turn = again.change(LocalChange::Heartbeat { id: "c1".to_owned(), status: CheckStatus::Passing, output: "o".to_owned() });
        assert_eq!(turn.now_or_never(), Some(Ok(())));
        again.rest().await;
        assert_eq!(stands(&place.open().await, "c1"), Some((CheckStatus::Passing, "o".to_owned())));
    });
}

#[test]
fn what_was_deregistered_stays_away_with_its_files() {
    on_tokio(async |place| {
        let agent = place.open_with(&impatient()).await;
        changed(&agent, service("w1", vec![ttl("c1", "w1")])).await;
        assert!(place.file(Folder::Services, "w1").exists() && place.file(Folder::Checks, "c1").exists());
        changed(&agent, LocalChange::DeregisterService { id: "w1".to_owned() }).await;
        assert!(!place.file(Folder::Services, "w1").exists() && !place.file(Folder::Checks, "c1").exists());
        let again = place.open().await;
        assert!(again.view().services.is_empty() && again.view().checks.is_empty());
        let unknown = agent.change(LocalChange::DeregisterService { id: "w1".to_owned() }).await;
        assert_eq!(unknown, Err(LocalError::UnknownService("w1".to_owned())));
    });
}

#[test]
fn what_cannot_be_written_whole_is_not_registered_and_leaves_no_file() {
    on_tokio(async |place| {
        let agent = place.open_with(&impatient()).await;
        changed(&agent, service("w1", vec![])).await;
        let before = agent.view();
        std::fs::remove_dir_all(place.0.join("checks")).unwrap();
        let refused = agent.change(service("w2", vec![ttl("c2", "w2")])).await;
        assert!(matches!(&refused, Err(LocalError::Disk(_))), "{refused:?}");
        assert_eq!(*agent.view(), *before);
        assert!(!place.file(Folder::Services, "w2").exists(), "the service's file was written first, and taken back");
        let renamed = service("w1", vec![ttl("c1", "w1")]);
        assert!(agent.change(renamed).await.is_err());
        assert!(place.file(Folder::Services, "w1").exists(), "what was there before is there again");
    });
}

#[test]
fn a_damaged_file_costs_its_own_registration_and_no_other() {
    on_tokio(async |place| {
        let agent = place.open_with(&impatient()).await;
        changed(&agent, service("w1", vec![])).await;
        changed(&agent, service("w2", vec![])).await;
        let damaged = place.file(Folder::Services, "w1");
        let mut bytes = std::fs::read(&damaged).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&damaged, bytes).unwrap();
        std::fs::write(place.0.join("services/half.tmp"), b"half").unwrap();
        let again = place.open().await;
        assert_eq!(again.view().services.keys().map(|id| &**id).collect::<Vec<_>>(), ["w2"]);
        assert!(damaged.exists(), "it is left for whoever wants to look at it");
        assert!(!place.0.join("services/half.tmp").exists());
    });
}

#[test]
fn a_heartbeat_that_says_the_same_wakes_nobody_and_writes_nothing() {
    on_tokio(async |place| {
        let agent = place.open_with(&impatient()).await;
        changed(&agent, service("w1", vec![ttl("c1", "w1")])).await;
        changed(&agent, heartbeat("c1", "fine")).await;
        // The driver and the writer of states look once, and have nothing left to do.
        drop(agent.look());
        agent.step(|core, now| core.take_states(now));
        while agent.0.driver.notified().now_or_never().is_some() || agent.0.states.notified().now_or_never().is_some() {}
        let (view, mut watching) = (agent.view(), agent.watch());
        for _ in 0..1_000 {
            changed(&agent, heartbeat("c1", "fine")).await;
        }
        assert!(std::sync::Arc::ptr_eq(&view, &agent.view()), "nothing new is shown");
        assert!(watching.changed().now_or_never().is_none());
        assert!(agent.0.driver.notified().now_or_never().is_none() && agent.0.states.notified().now_or_never().is_none());
        changed(&agent, heartbeat("c1", "other")).await;
        assert!(watching.changed().now_or_never().is_none(), "those who wait for a service do not wait for its checks");
        assert_eq!(stands(&agent, "c1"), Some((CheckStatus::Passing, "other".to_owned())));
    });
}

#[test]
fn programs_are_registered_over_http_only_where_that_is_turned_on() {
    let script = || check("c1", "w1", Probe::Script { args: vec!["true".to_owned()] });
    for (scripts, taken) in [(ScriptChecks::Off, false), (ScriptChecks::Files, false), (ScriptChecks::All, true)] {
        on_tokio(async |place| {
            let mut config = impatient();
            config.check_tuning.scripts = scripts;
            let agent = place.open_with(&config).await;
            let done = agent.change(service("w1", vec![script()])).await;
            assert_eq!(done, if taken { Ok(()) } else { Err(LocalError::ScriptsDisabled) }, "{scripts:?}");
            assert_eq!(agent.view().services.len(), usize::from(taken), "{scripts:?}");
        });
    }
}

#[test]
fn definitions_of_files_come_and_go_with_the_files() {
    on_tokio(async |place| {
        let of_file = |id: &str| ServiceDefinition { spec: ServiceSpec::new(id, "web"), checks: vec![], token: String::new() };
        let config = Config { services: vec![of_file("f1")], ..impatient() };
        let agent = place.open_with(&config).await;
        changed(&agent, service("w1", vec![])).await;
        let (view, mut watching) = (agent.view(), agent.watch());
        let homeless = agent.apply_definitions(vec![of_file("f2")], vec![ttl("c", "nobody")]).await;
        assert_eq!(homeless, Err(LocalError::NoServiceForCheck("nobody".to_owned())));
        assert_eq!(*agent.view(), *view, "a definition that is refused changes nothing");
        agent.apply_definitions(vec![of_file("f2")], vec![ttl("c", "w1")]).await.unwrap();
        assert_eq!(agent.view().services.keys().map(|id| &**id).collect::<Vec<_>>(), ["f2", "w1"]);
        assert!(watching.changed().now_or_never().is_some(), "whoever waits for a service hears of it");
        assert!(!place.file(Folder::Services, "f2").exists(), "files are kept in files");
    });
}

#[test]
fn output_is_not_kept_where_it_is_not_wanted() {
    on_tokio(async |place| {
        let mut config = impatient();
        config.check_tuning.discard_output = true;
        let agent = place.open_with(&config).await;
        changed(&agent, service("w1", vec![ttl("c1", "w1")])).await;
        changed(&agent, heartbeat("c1", "secret")).await;
        assert_eq!(stands(&agent, "c1"), Some((CheckStatus::Passing, String::new())));
        config.check_tuning = CheckTuning { discard_output: false, output_max_size: 4, ..config.check_tuning };
        agent.keep_output(&config.check_tuning);
        changed(&agent, heartbeat("c1", "wordy")).await;
        assert_eq!(stands(&agent, "c1"), Some((CheckStatus::Passing, "word ... (captured 4 of 5 bytes)".to_owned())));
    });
}
