//! `muster lock` on a machine that is cut off from the servers.

use super::hosts::Host;
use super::{LONG, Site, eventually, text};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Of the locks here.
const TTL: Duration = Duration::from_secs(3);

/// A process of the test's. Dropping it kills it.
struct Running(Child);

impl Running {
    fn ended(&mut self, patience: Duration) -> Option<i32> {
        let mut status = None;
        let mut over = || {
            status = self.0.try_wait().expect("our own child");
            status.is_some()
        };
        eventually("it ends", patience, &mut over, String::new);
        status.and_then(|status| status.code())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server on one machine and a client agent on the other.
struct Pair {
    agents: Vec<Running>,
    hosts: [Host; 2],
    site: Site,
}

impl Pair {
    /// Up and running; or why there is none.
    fn up(test: &str) -> Result<Pair, String> {
        let (hosts, site) = (Host::pair(test)?, Site::new(test));
        let mut pair = Pair { agents: Vec::new(), hosts, site };
        pair.start(0, "server", &["-server", "-bootstrap-expect=1", "-hcl=session_ttl_min = \"1s\""]);
        let join = format!("-retry-join={}", pair.hosts[0].address);
        pair.start(1, "client", &[&join]);
        let listed = || text(&pair.hosts[0].ask(&["catalog", "nodes"]).stdout).contains("client");
        let healthy = || pair.hosts[1].ask(&["kv", "put", "a", "1"]).status.success() && listed();
        eventually("both are in the catalog", LONG, healthy, || pair.said());
        Ok(pair)
    }

    fn start(&mut self, host: usize, name: &str, flags: &[&str]) {
        let host = &self.hosts[host];
        let log = File::create(self.file(name)).expect("a log");
        let mut command = host.muster();
        command.arg("agent").args(host.flags(name, &self.site.folder.join(format!("{name}-data")))).args(flags);
        command.stdout(log.try_clone().expect("a handle")).stderr(log);
        self.agents.push(Running(command.spawn().expect("it runs")));
    }

    fn file(&self, name: &str) -> PathBuf {
        self.site.folder.join(name)
    }

    fn journal(&self) -> Vec<String> {
        fs::read_to_string(self.file("journal")).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    fn lines(&self, line: &str) -> usize {
        self.journal().iter().filter(|found| *found == line).count()
    }

    fn said(&self) -> String {
        let log = |name: &str| format!("\n--- {name}:\n{}", fs::read_to_string(self.file(name)).unwrap_or_default());
        let journal = self.journal();
        format!("\n--- journal: {:?}{}{}{}", &journal[journal.len().saturating_sub(20)..], log("server"), log("client"), log("first"))
    }

    /// Somebody who works under the lock, and on when he is told to end: a line in the journal each 20 ms.
    fn worker(&self, host: usize, name: &str, lock_delay: Duration) -> Running {
        let line = format!("trap 'echo {name} told >> $J' TERM; while true; do echo {name} works >> $J; sleep 0.02; done");
        let (ttl, delay) = (format!("-ttl={}s", TTL.as_secs()), format!("-lock-delay={}s", lock_delay.as_secs()));
        let mut command = self.hosts[host].muster();
        command.args(["lock", &ttl, &delay, "x", &line]).env("J", self.file("journal")).stdout(Stdio::null());
        command.stderr(File::create(self.file(name)).expect("a log"));
        Running(command.spawn().expect("it runs"))
    }

    fn works(&self, name: &str, patience: Duration) {
        let line = format!("{name} works");
        eventually(&line, patience, || self.lines(&line) > 0, || self.said());
    }
}

/// Cuts the holder off; the lock must move in its time, and nobody works beside its next holder.
fn cut_off(test: &str, lock_delay: Duration) {
    let pair = match Pair::up(test) {
        Ok(pair) => pair,
        Err(why) => return println!("skipped: no machines can be made here: {why}"),
    };
    let mut first = pair.worker(1, "first", lock_delay);
    pair.works("first", LONG);
    let second = pair.worker(0, "second", lock_delay);
    let waits = || text(&pair.hosts[0].ask(&["kv", "get", "-detailed", "x/.lock"]).stdout).contains("Session");
    eventually("the lock is seen by the server", LONG, waits, || pair.said());
    pair.hosts[0].cut();
    let cut = Instant::now();
    eventually("the first is told", TTL + LONG, || pair.lines("first told") > 0, || pair.said());
    let told = cut.elapsed();
    // Told by whoever comes first, its holder or its guard, and perhaps by both.
    assert!(told < TTL + Duration::from_secs(1), "{told:?}{}", pair.said());
    // Its session ends within twice its TTL; nobody has the lock for the lock-delay after that.
    let latest = TTL * 2 + lock_delay + Duration::from_secs(3);
    pair.works("second", latest + LONG);
    let moved = cut.elapsed();
    println!("cut off with a lock-delay of {lock_delay:?}: told after {told:?}, another's after {moved:?}");
    assert!(moved > TTL && moved < latest, "{moved:?}{}", pair.said());
    let journal = pair.journal();
    let turn = journal.iter().position(|line| line == "second works").expect("he works");
    assert!(!journal[turn..].iter().any(|line| line.starts_with("first")), "both work{}", pair.said());
    assert_eq!(first.ended(LONG), Some(1), "{}", pair.said());
    let said = fs::read_to_string(pair.file("first")).unwrap_or_default();
    assert!(said.contains("Lock lost"), "{said}");
    pair.hosts[0].mend().expect("its own wire");
    let before = pair.lines("second works");
    let hears = || text(&pair.hosts[1].ask(&["kv", "get", "a"]).stdout).trim() == "1";
    eventually("the first machine is back", LONG, hears, || pair.said());
    eventually("the second goes on", LONG, || pair.lines("second works") > before, || pair.said());
    assert_eq!(pair.lines("second told"), 0, "the lock is still the second's{}", pair.said());
    drop(second);
}

#[test]
fn the_lock_of_a_holder_that_is_cut_off_moves_when_its_session_is_over_and_not_before_its_command_is_dead() {
    cut_off("cut", Duration::ZERO);
}

#[test]
fn a_session_that_ends_with_its_node_leaves_its_command_the_lock_delay_to_die_in() {
    cut_off("bound", TTL);
}
