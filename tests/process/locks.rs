//! `muster lock`: one at a time whatever happens to the holder, and `-n` at a time.

use super::{Agent, LONG, Site, eventually, muster, text};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Of the locks whose holders are lost here.
const TTL: Duration = Duration::from_secs(3);

/// A session ends within twice its TTL, and nobody has the lock for a lock-delay of one TTL more.
const FREE: Duration = Duration::from_secs(9);

/// A server that takes short sessions, and the journal of those who had the lock.
struct Court {
    site: Site,
    agent: Agent,
}

impl Court {
    fn sitting(test: &str) -> Court {
        let site = Site::new(test);
        let agent = site.agent(1, &["-server", "-bootstrap-expect=1", "-hcl=session_ttl_min = \"1s\""]).started();
        // Sessions are bound to their node's health, which a new cluster learns of a moment later.
        let known = || agent.json("/v1/health/node/n1").is_some_and(|checks| checks.as_array().is_some_and(|all| !all.is_empty()));
        eventually("its node is known", LONG, known, || agent.said());
        Court { site, agent }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.site.folder.join(name)
    }

    fn journal(&self) -> Vec<String> {
        fs::read_to_string(self.file("journal")).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// `muster lock` on `x` for a line of a shell's, in which `$J` is the journal.
    fn lock(&self, flags: &[&str], line: &str) -> Command {
        let mut command = muster();
        command.arg("lock").arg(format!("-http-addr={}", self.agent.http)).args(flags).arg("x").arg(line);
        command.env("J", self.file("journal")).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Somebody who works under the lock until he is told to end: a line in the journal each 20 ms, and one that he was told.
    fn worker(&self, name: &str) -> Worker {
        let line = format!("trap 'echo {name} told >> $J; exit' TERM; while true; do echo {name} works >> $J; sleep 0.02; done");
        let (ttl, delay) = (format!("-ttl={}s", TTL.as_secs()), format!("-lock-delay={}s", TTL.as_secs()));
        Worker { name: name.to_owned(), process: self.lock(&[&ttl, &delay], &line).spawn().expect("the binary runs") }
    }

    fn lines(&self, line: &str) -> usize {
        self.journal().iter().filter(|found| *found == line).count()
    }

    fn said(&self) -> String {
        format!("\n--- journal: {:?}{}", self.journal(), self.agent.said())
    }

    fn works(&self, worker: &Worker) {
        let line = format!("{} works", worker.name);
        let took = eventually("the other works", FREE + LONG, || self.lines(&line) > 0, || self.said());
        println!("{} works after {took:?}", worker.name);
    }

    /// That nobody worked after the first line of `later`.
    fn in_turn(&self, earlier: &str, later: &str) {
        let journal = self.journal();
        let first = journal.iter().position(|line| line.starts_with(later)).expect("he worked");
        assert!(journal[..first].iter().any(|line| line.starts_with(earlier)), "{journal:?}");
        assert!(!journal[first..].iter().any(|line| *line == format!("{earlier} works")), "both work: {journal:?}");
    }

    fn key(&self) -> Value {
        self.agent.json("/v1/kv/x/.lock").map_or(Value::Null, |rows| rows[0].clone())
    }
}

struct Worker {
    name: String,
    process: Child,
}

impl Worker {
    fn signal(&self, signal: Signal) {
        kill_process(pid(self.process.id()), signal).expect("our own child, not waited for yet");
    }

    /// The processes it started: its guard and its command, each of which leads a group.
    fn children(&self) -> Vec<Pid> {
        let id = self.process.id();
        let listed = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let mut all: Vec<u32> = listed.split_whitespace().filter_map(|id| id.parse().ok()).collect();
        for task in fs::read_dir(format!("/proc/{id}/task")).expect("it runs").flatten() {
            let listed = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            all.extend(listed.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
        all.sort_unstable();
        all.dedup();
        all.into_iter().map(pid).collect()
    }

    fn ended(mut self, patience: Duration) -> (ExitStatus, String) {
        let mut status = None;
        let mut look = || {
            status = self.process.try_wait().expect("our own child");
            status.is_some()
        };
        eventually("the holder ends", patience, &mut look, String::new);
        let mut said = String::new();
        std::io::Read::read_to_string(&mut self.process.stderr.take().expect("a pipe"), &mut said).expect("text");
        (status.expect("just seen"), said)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // A guard ends what is left of it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn pid(id: u32) -> Pid {
    i32::try_from(id).ok().and_then(Pid::from_raw).expect("the id of a process")
}

fn done(command: &mut Command) -> Output {
    command.output().expect("the binary runs")
}

#[test]
fn contenders_have_the_lock_one_at_a_time_and_each_gets_it() {
    let court = Court::sitting("turns");
    // Reads, waits, writes: a second one in between would be lost.
    let line = "read n < $J.count; sleep 0.02; echo $((n + 1)) > $J.count; echo $MUSTER_LOCK_TOKEN >> $J";
    fs::write(court.file("journal.count"), "0\n").expect("written");
    let (contenders, turns) = (3, 4);
    thread::scope(|scope| {
        for _ in 0..contenders {
            scope.spawn(|| {
                for _ in 0..turns {
                    let output = done(&mut court.lock(&[], line));
                    assert!(output.status.success(), "{}{}", text(&output.stderr), court.said());
                }
            });
        }
    });
    let count = fs::read_to_string(court.file("journal.count")).expect("written");
    assert_eq!(count.trim(), (contenders * turns).to_string());
    let mut tokens = court.journal();
    assert_eq!((tokens.len(), court.key()["LockIndex"].as_u64()), (contenders * turns, Some((contenders * turns) as u64)));
    tokens.dedup();
    assert_eq!(tokens.len(), contenders * turns, "each holder has a token of its own");
    assert!(court.agent.json("/v1/session/list").is_some_and(|sessions| sessions == Value::Array(Vec::new())), "no session is left");
}

#[test]
fn a_lock_given_back_is_the_next_ones_at_once() {
    let court = Court::sitting("handed");
    let first = court.lock(&[], "echo first >> $J; while [ ! -e $J.go ]; do sleep 0.01; done; date +%s%N >> $J").spawn().expect("it runs");
    eventually("the first has it", LONG, || court.lines("first") == 1, || court.said());
    let second = court.lock(&[], "date +%s%N >> $J").spawn().expect("it runs");
    let waiting = || court.agent.json("/v1/session/list").is_some_and(|sessions| sessions.as_array().is_some_and(|all| all.len() == 2));
    eventually("the second waits", LONG, waiting, || court.said());
    fs::write(court.file("journal.go"), "").expect("written");
    for child in [first, second] {
        let output = child.wait_with_output().expect("our own child");
        assert!(output.status.success(), "{}{}", text(&output.stderr), court.said());
    }
    let times: Vec<u64> = court.journal().iter().filter_map(|line| line.parse().ok()).collect();
    let [given, taken] = times[..] else { panic!("{}", court.said()) };
    let took = Duration::from_nanos(taken - given);
    println!("from the end of one command to the start of the next: {took:?}");
    assert!(took < Duration::from_secs(1), "a clean release waits for nothing: {took:?}");
}

#[test]
fn the_command_of_a_killed_holder_is_ended_and_the_lock_moves_after_its_time() {
    let court = Court::sitting("killed");
    let first = court.worker("first");
    court.works(&first);
    let second = court.worker("second");
    let killed = Instant::now();
    first.signal(Signal::KILL);
    eventually("its command is told", TTL, || court.lines("first told") == 1, || court.said());
    court.works(&second);
    let took = killed.elapsed();
    println!("the lock of a killed holder is another's after {took:?}");
    assert!(took >= TTL && took < FREE + Duration::from_secs(3), "{took:?}{}", court.said());
    court.in_turn("first", "second");
}

#[test]
fn a_command_whose_holder_and_guard_are_killed_together_is_told_too() {
    let court = Court::sitting("orphaned");
    let first = court.worker("first");
    court.works(&first);
    let is_guard = |pid: &&Pid| {
        let line = fs::read_to_string(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
        line.contains("lock-guard")
    };
    let children = first.children();
    let guard = *children.iter().find(is_guard).expect("it has a guard");
    // Stopped, the holder does not see its guard go.
    first.signal(Signal::STOP);
    kill_process(guard, Signal::KILL).expect("it runs");
    first.signal(Signal::KILL);
    eventually("its command is told", LONG, || court.lines("first told") == 1, || court.said());
    let second = court.worker("second");
    court.works(&second);
    court.in_turn("first", "second");
}

#[test]
fn a_holder_that_is_frozen_alone_has_no_command_any_more_when_it_wakes() {
    let court = Court::sitting("frozen");
    let first = court.worker("first");
    court.works(&first);
    let second = court.worker("second");
    first.signal(Signal::STOP);
    court.works(&second);
    assert_eq!(court.lines("first told"), 1, "its guard told it{}", court.said());
    first.signal(Signal::CONT);
    let (status, said) = first.ended(Duration::from_secs(10));
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("Lock lost"), "{said}");
    court.in_turn("first", "second");
}

#[test]
fn a_command_that_was_frozen_with_its_holder_and_guard_hears_that_the_lock_is_lost_before_it_works_again() {
    let court = Court::sitting("stopped");
    let first = court.worker("first");
    court.works(&first);
    let children = first.children();
    assert_eq!(children.len(), 2, "a guard and a command");
    let second = court.worker("second");
    for group in &children {
        kill_process_group(*group, Signal::STOP).expect("they run");
    }
    first.signal(Signal::STOP);
    court.works(&second);
    let token = court.key()["Session"].as_str().map(str::to_owned);
    first.signal(Signal::CONT);
    let (status, said) = first.ended(Duration::from_secs(10));
    assert_eq!(status.code(), Some(1), "{said}");
    assert_eq!(court.lines("first told"), 1, "{}", court.said());
    court.in_turn("first", "second");
    assert_eq!(court.key()["Session"].as_str().map(str::to_owned), token, "the lost lock was not given back for its new holder");
}

#[test]
fn a_holder_whose_agent_is_silent_ends_its_command_in_time() {
    let court = Court::sitting("silent");
    let first = court.worker("first");
    court.works(&first);
    court.agent.signal(Signal::STOP);
    let silent = Instant::now();
    eventually("its command is told", TTL + LONG, || court.lines("first told") == 1, || court.said());
    let took = silent.elapsed();
    court.agent.signal(Signal::CONT);
    println!("the command was told {took:?} after the agent fell silent");
    assert!(took < TTL + Duration::from_secs(1), "{took:?}");
    let (status, said) = first.ended(Duration::from_secs(30));
    assert_eq!((status.code(), said.contains("was not renewed")), (Some(1), true), "{said}");
}

#[test]
fn a_semaphore_has_as_many_holders_as_it_says() {
    let court = Court::sitting("several");
    let line = "touch $J.held.$$; ls $J.held.* | wc -l >> $J; sleep 0.1; rm $J.held.$$; sleep 0.01";
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..3 {
                    let output = done(&mut court.lock(&["-n=2"], line));
                    assert!(output.status.success(), "{}{}", text(&output.stderr), court.said());
                }
            });
        }
    });
    let held: Vec<usize> = court.journal().iter().map(|line| line.trim().parse().expect("a number")).collect();
    assert_eq!((held.len(), held.iter().max()), (12, Some(&2)), "{held:?}");
    assert!(court.agent.json("/v1/kv/x?recurse").is_none(), "nothing is left");
    let other = done(&mut court.lock(&["-n=2", "-try=5s"], "muster_other=1"));
    assert!(other.status.success());
}

#[test]
fn what_ends_a_lock_is_in_its_exit_code() {
    let court = Court::sitting("codes");
    let code = |flags: &[&str], line: &str| done(&mut court.lock(flags, line)).status.code();
    assert_eq!((code(&[], "exit 0"), code(&[], "exit 3"), code(&["-child-exit-code"], "exit 3")), (Some(0), Some(0), Some(2)));
    let mut plain = muster();
    plain.args(["lock", "-shell=false", &format!("-http-addr={}", court.agent.http), "x", "/none/such"]);
    let output = done(&mut plain);
    assert_eq!((output.status.code(), text(&output.stderr).contains("/none/such")), (Some(1), true));
    let holder = court.worker("first");
    court.works(&holder);
    let tried = done(&mut court.lock(&["-try=200ms"], "true"));
    assert_eq!((tried.status.code(), text(&tried.stderr).as_str()), (Some(1), "Lock acquisition timed out\n"));
    let limited = done(&mut court.lock(&["-n=2", "-try=200ms"], "true"));
    assert!(text(&limited.stderr).contains("x/.lock exists and is not a semaphore"), "{}", text(&limited.stderr));
    holder.signal(Signal::TERM);
    assert_eq!(holder.ended(LONG).0.code(), Some(0));
    assert_eq!((court.lines("first told"), court.key()["Session"].is_null()), (1, true), "{}", court.said());
}

#[test]
fn a_command_whose_lock_is_taken_away_is_ended_and_its_token_is_worth_nothing() {
    let court = Court::sitting("token");
    let line = "trap 'echo told >> $J; exit' TERM; echo $MUSTER_LOCK_TOKEN >> $J; while true; do sleep 0.02; done";
    let process = court.lock(&[], line).spawn().expect("it runs");
    let holder = Worker { name: String::new(), process };
    eventually("it has a token", LONG, || !court.journal().is_empty(), || court.said());
    let token = court.journal().remove(0);
    let verify = |agent: &Agent| agent.get(&format!("/v1/lock/verify?token={token}")).map(|answer| answer.status);
    let write = |agent: &Agent| agent.call("PUT", &format!("/v1/kv/work?fence={token}"), Some("done"), LONG).expect("an answer");
    assert_eq!((verify(&court.agent), text(&write(&court.agent).body).trim()), (Some(200), "true"));
    let session = court.key()["Session"].as_str().expect("it is held").to_owned();
    let destroyed = court.agent.call("PUT", &format!("/v1/session/destroy/{session}"), None, LONG).expect("an answer");
    assert_eq!(destroyed.status, 200);
    let (status, said) = holder.ended(Duration::from_secs(5));
    assert_eq!((status.code(), court.lines("told")), (Some(1), 1), "{said}");
    let refused = write(&court.agent);
    assert_eq!(verify(&court.agent), Some(409));
    assert!(refused.status != 200 || text(&refused.body).trim() == "false", "{} {}", refused.status, text(&refused.body));
}
