//! Debian's Patroni, as it is, with its `consul:` section: two PostgreSQL servers of which one at a time may write.
//!
//! `MUSTER_PATRONI_KILLS` says how often the primary is killed; twice unless it is set. Skipped, saying so, where Patroni or PostgreSQL is not installed.

use super::{Agent, LONG, Site, eventually, text};
use crate::http::{self, Request};
use rustix::process::{Pid, Signal, getuid, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Patroni's `ttl`: how long its leader key outlives its primary's last sign of life. It asks for sessions of half of it, because a session of Consul's ends after
/// twice its TTL, and so does one of ours unless `session_ttl_multiplier` says otherwise. It must not: the old primary has `loop_wait` and twice `retry_timeout`
/// to notice that it is alone, which together are Patroni's `ttl` at least.
const TTL: Duration = Duration::from_secs(8);

/// How often its primary renews: the key goes this much before [`TTL`] is over, on average half. The standby is woken by the key's end only with 2 s or more;
/// with 1 s it looks once a second.
const LOOP_WAIT: Duration = Duration::from_secs(2);

/// How late a leader may end a session at most.
const LATE: Duration = Duration::from_millis(250);

/// What a busy machine may take to end it and to tell us.
const BUSY: Duration = Duration::from_millis(1_000);

/// What the standby may take to have the key once it is free: to be woken, and to compare its log with others'. It takes 20 ms on a machine that has nothing else
/// to do.
const REACTION: Duration = Duration::from_secs(3);

/// What it may take from there to be promoted and to be seen: 100 ms.
const PROMOTION: Duration = Duration::from_secs(8);

/// Where Patroni keeps who leads.
const LEADER: &str = "/v1/kv/service/cluster/leader";

/// What bootstrapping, copying and rewinding may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where PostgreSQL's programs are, or what is missing.
fn installed() -> Result<PathBuf, String> {
    let mut versions: Vec<PathBuf> =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin")).collect();
    versions.retain(|bin| bin.join("pg_rewind").exists() && bin.join("psql").exists());
    versions.sort();
    let bin = versions.pop().ok_or("PostgreSQL is not installed below /usr/lib/postgresql")?;
    let runs = |program: &str, arg: &str| Command::new(program).arg(arg).output().is_ok_and(|output| output.status.success());
    if !runs("patroni", "--version") {
        return Err("Patroni is not installed".to_owned());
    }
    if getuid().is_root() && !(runs("setpriv", "--version") && user("-u").is_some()) {
        return Err("PostgreSQL does not run as root, and there is no setpriv or no user postgres".to_owned());
    }
    Ok(bin)
}

/// The number of the user `postgres` (`-u`), or of its group (`-g`).
fn user(which: &str) -> Option<u32> {
    let output = Command::new("id").args([which, "postgres"]).output().ok()?;
    text(&output.stdout).trim().parse().ok()
}

/// A PostgreSQL server under Patroni.
struct Database {
    name: String,
    address: String,
    folder: PathBuf,
    bin: PathBuf,
    patroni: Option<Child>,
}

impl Database {
    fn new(site: &Site, root: &Path, bin: &Path, agent: &Agent, number: u8) -> Database {
        let (name, address) = (format!("pg{number}"), site.address(10 + number));
        let folder = root.join(&name);
        fs::create_dir_all(&folder).expect("a folder");
        let (at, binaries, consul) = (folder.display(), bin.display(), &agent.http);
        let (ttl, wait) = (TTL.as_secs(), LOOP_WAIT.as_secs());
        let settings = format!(
            "scope: cluster\nname: {name}\n\
             restapi: {{listen: '{address}:8008', connect_address: '{address}:8008'}}\n\
             consul: {{host: '{consul}', register_service: true}}\n\
             bootstrap:\n  dcs: {{ttl: {ttl}, loop_wait: {wait}, retry_timeout: 3, postgresql: {{use_pg_rewind: true}}}}\n  \
               initdb: [{{encoding: UTF8}}, data-checksums]\n  \
               pg_hba: ['local all all trust', 'host all all 127.0.0.0/8 trust', 'host replication all 127.0.0.0/8 trust']\n\
             postgresql:\n  listen: '{address}:5432'\n  connect_address: '{address}:5432'\n  data_dir: {at}/data\n  bin_dir: {binaries}\n  \
               pgpass: {at}/pgpass\n  basebackup: [{{checkpoint: fast}}]\n  \
               authentication: {{superuser: {{username: postgres, password: p}}, replication: {{username: copy, password: p}}}}\n  \
               parameters: {{unix_socket_directories: '{at}'}}\n"
        );
        fs::write(folder.join("patroni.yml"), settings).expect("written");
        if getuid().is_root() {
            chown(&folder, user("-u"), user("-g")).expect("root may");
        }
        Database { name, address, folder, bin: bin.to_owned(), patroni: None }
    }

    fn start(&mut self) {
        let log = File::options().create(true).append(true).open(self.folder.join("log")).expect("a log");
        let mut command = Command::new("patroni");
        if getuid().is_root() {
            command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "patroni"]);
        }
        command.arg(self.folder.join("patroni.yml")).current_dir(&self.folder).env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a handle")).stderr(log);
        self.patroni = Some(command.spawn().expect("it runs"));
    }

    /// The end of its machine: Patroni and PostgreSQL at once, without a word to anybody.
    fn kill(&mut self) {
        let postmaster = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap_or_default();
        if let Some(mut patroni) = self.patroni.take() {
            patroni.kill().expect("our own child");
            patroni.wait().expect("our own child");
        }
        if let Some(pid) = postmaster.lines().next().and_then(|line| line.trim().parse().ok()).and_then(Pid::from_raw) {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    /// What PostgreSQL answers; `None` if it does not.
    fn ask(&self, question: &str) -> Option<String> {
        let mut command = Command::new(self.bin.join("psql"));
        command.args(["-h", &self.address, "-U", "postgres", "-At", "-c", question]).env("PGCONNECT_TIMEOUT", "2");
        let output = command.stdin(Stdio::null()).output().expect("it runs");
        output.status.success().then(|| text(&output.stdout).trim().to_owned())
    }

    fn is_primary(&self) -> bool {
        self.ask("select pg_is_in_recovery()").as_deref() == Some("f")
    }

    fn said(&self) -> String {
        let text = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let start = text.len().saturating_sub(6000);
        format!("\n--- {}:\n{}", self.name, text.get(start..).unwrap_or(&text))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What became of the leader key, and when: whose it was from then on.
#[derive(Default)]
struct Record(Mutex<Vec<(Instant, Option<String>)>>);

impl Record {
    /// Follows the key until it is over.
    fn keep(&self, agent: &str, over: &AtomicBool) {
        let mut seen = 0;
        while !over.load(Ordering::SeqCst) {
            let asked = Request::get(&format!("{LEADER}?index={seen}&wait=1s"), Duration::from_secs(10));
            let Ok(answer) = http::call(agent, &asked) else { continue };
            seen = answer.header("X-Consul-Index").and_then(|index| index.parse().ok()).unwrap_or(0);
            let rows: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let holder = rows[0]["Session"].as_str().map(str::to_owned);
            let mut all = self.0.lock().expect("nobody panics");
            if all.last().is_none_or(|(_, last)| *last != holder) {
                all.push((Instant::now(), holder));
            }
        }
    }

    /// How long after `killed` the key went, and how long after it was another's.
    fn after(&self, killed: Instant) -> Option<[Duration; 2]> {
        let all = self.0.lock().expect("nobody panics");
        let later = || all.iter().filter(|(at, _)| *at >= killed);
        let taken = later().find(|(_, holder)| holder.is_some())?.0 - killed;
        // When the next one is quick, only that is seen.
        let freed = later().next()?.0 - killed;
        Some([freed, taken])
    }
}

/// What happened after a primary was killed.
#[derive(Debug, Clone, Copy)]
struct TakeOver {
    /// Its leader key went.
    freed: Duration,
    /// The standby had it.
    taken: Duration,
    /// The standby was primary.
    promoted: Duration,
}

/// Two of them, and one who looks all the while whether both may write.
struct Pair {
    record: Record,
    databases: [Mutex<Database>; 2],
    /// Addresses do not change: who looks need not wait for who kills.
    watched: [Database; 2],
    looks: AtomicUsize,
    both: AtomicUsize,
    over: AtomicBool,
}

impl Pair {
    /// Looks until it is over. Who is primary before and after the other one was, was so while the other one was too.
    fn look(&self) {
        let [a, b] = &self.watched;
        while !self.over.load(Ordering::SeqCst) {
            let both = a.is_primary() && b.is_primary() && a.is_primary();
            self.looks.fetch_add(1, Ordering::SeqCst);
            self.both.fetch_add(usize::from(both), Ordering::SeqCst);
        }
    }

    fn at(&self, which: usize) -> std::sync::MutexGuard<'_, Database> {
        self.databases[which].lock().expect("nobody panicked")
    }

    fn said(&self) -> String {
        self.watched.iter().map(Database::said).collect()
    }

    /// Whether the other one follows this primary, and its Patroni would have it take over.
    fn follows(&self, primary: usize) -> bool {
        let other = &self.watched[1 - primary];
        let question =
            format!("select count(*) from pg_stat_replication where state = 'streaming' and application_name = '{}'", other.name);
        let ready = Request::get("/replica", Duration::from_secs(2));
        other.ask("select pg_is_in_recovery()").as_deref() == Some("t")
            && self.watched[primary].ask(&question).as_deref() == Some("1")
            && http::call(&format!("{}:8008", other.address), &ready).is_ok_and(|answer| answer.status == 200)
    }

    /// Kills the primary; how the other one took over.
    fn fail_over(&self, primary: usize) -> TakeOver {
        let other = 1 - primary;
        eventually("the standby follows", PATIENCE, || self.follows(primary), || self.said());
        self.at(primary).kill();
        let killed = Instant::now();
        eventually("the standby takes over", TTL + PROMOTION + LONG, || self.watched[other].is_primary(), || self.said());
        let promoted = killed.elapsed();
        self.at(primary).start();
        let mut seen = None;
        let mut look = || {
            seen = self.record.after(killed);
            seen.is_some()
        };
        eventually("the leader key is seen to move", LONG, &mut look, || self.said());
        let [freed, taken] = seen.expect("just seen");
        TakeOver { freed, taken, promoted }
    }
}

/// Ends the looking also when the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn patroni_replaces_a_killed_primary_within_its_ttl_and_never_has_two() {
    let bin = match installed() {
        Ok(bin) => bin,
        Err(why) => return println!("skipped: {why}"),
    };
    let kills = std::env::var("MUSTER_PATRONI_KILLS").map_or(2, |text| text.parse().expect("MUSTER_PATRONI_KILLS is a number"));
    let site = Site::new("patroni");
    let agent = site.agent(1, &["-server", "-bootstrap-expect=1", "-hcl=session_ttl_min = \"1s\""]).started();
    eventually("it takes writes", LONG, || agent.put("a", "1"), || agent.said());
    // Below the folder of all, which the user postgres can enter.
    let root = std::env::temp_dir().join(format!("muster-patroni-{}", std::process::id()));
    let database = |number| Database::new(&site, &root, &bin, &agent, number);
    let pair = Pair {
        databases: [Mutex::new(database(1)), Mutex::new(database(2))],
        watched: [database(1), database(2)],
        looks: AtomicUsize::new(0),
        both: AtomicUsize::new(0),
        over: AtomicBool::new(false),
        record: Record::default(),
    };
    let all = thread::scope(|scope| {
        let _over = Over(&pair.over);
        pair.at(0).start();
        eventually("the first is primary", PATIENCE, || pair.watched[0].is_primary(), || pair.said() + &agent.said());
        pair.at(1).start();
        scope.spawn(|| pair.look());
        scope.spawn(|| pair.record.keep(&agent.http, &pair.over));
        let all: Vec<TakeOver> = (0..kills).map(|kill| pair.fail_over(kill % 2)).collect();
        eventually("the last one killed follows", PATIENCE, || pair.follows(kills % 2), || pair.said());
        all
    });
    println!("after a kill: {all:?}; {} looks", pair.looks.load(Ordering::SeqCst));
    assert_eq!(pair.both.load(Ordering::SeqCst), 0, "two primaries{}", pair.said());
    assert!(pair.looks.load(Ordering::SeqCst) > 10 * kills, "somebody looked");
    for TakeOver { freed, taken, promoted } in all {
        assert!(freed < TTL + LATE + BUSY, "the lock is free within Patroni's TTL, not after {freed:?}{}", pair.said());
        assert!(taken < freed + REACTION, "the standby is woken by that, not after {taken:?}{}", pair.said());
        assert!(promoted < taken + PROMOTION, "{promoted:?}{}", pair.said());
    }
    drop(pair);
    let _ = fs::remove_dir_all(&root);
}

#[test]
fn patroni_finds_the_shortest_ttl_where_it_looks_for_it() {
    let site = Site::new("patroni-ttl");
    let agent = site.agent(1, &["-server", "-bootstrap-expect=1"]).started();
    // Its own code, which wants a session of 4 s where 10 s is the least: it asks the agent for that, and makes one.
    let script = format!(
        "from patroni.dcs.consul import Consul\n\
         c = Consul({{'scope': 's', 'name': 'n', 'host': '{}', 'ttl': 8, 'loop_wait': 1, 'retry_timeout': 3, 'namespace': 'x'}})\n\
         print(c.ttl, len(c._session))\n",
        agent.http
    );
    eventually("it takes writes", LONG, || agent.put("a", "1"), || agent.said());
    let known = || agent.json("/v1/catalog/node/n1").is_some();
    eventually("its node is known", LONG, known, || agent.said());
    let output = Command::new("/usr/bin/python3").args(["-c", &script]).output();
    let Ok(output) = output.map_err(|e| println!("skipped: {e}")) else { return };
    if text(&output.stderr).contains("No module named") {
        return println!("skipped: Patroni is not installed");
    }
    assert_eq!(text(&output.stdout).trim(), "20.0 36", "{}{}", text(&output.stderr), agent.said());
}
