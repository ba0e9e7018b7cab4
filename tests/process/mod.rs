//! Agents of one test live in a loopback network of their own, so that all keep the default ports.

mod cluster;
mod definitions;
mod dns;
mod dns_clients;
mod events;
mod failover;
mod follower;
mod garbage;
mod hosts;
mod identity;
mod lifecycle;
mod load;
mod locks;
mod minority;
mod partition;
mod patroni;
mod refusals;
mod registrations;
mod running;
mod snapshots;
mod views;

use crate::http::{self, Answer, Request};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long the agents of a test may take for what takes them a second on an idle machine.
const LONG: Duration = Duration::from_secs(40);

/// A loopback network and a folder of one test.
struct Site {
    network: [u8; 2],
    folder: PathBuf,
}

impl Site {
    fn new(test: &str) -> Site {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = std::process::id().wrapping_mul(16).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let network = [(number / 250 % 200 + 20) as u8, (number % 250 + 1) as u8];
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{number}"));
        fs::create_dir_all(&folder).expect("a folder");
        Site { network, folder }
    }

    fn address(&self, host: u8) -> String {
        Ipv4Addr::new(127, self.network[0], self.network[1], host).to_string()
    }

    /// The agent `n<host>` with these flags, not started yet.
    fn agent(&self, host: u8, flags: &[&str]) -> Agent {
        let address = self.address(host);
        let data = self.folder.join(format!("n{host}"));
        let own =
            [format!("-node=n{host}"), format!("-bind={address}"), format!("-client={address}"), format!("-data-dir={}", data.display())];
        let flags = own.into_iter().chain(flags.iter().map(|flag| (*flag).to_owned())).collect();
        Agent {
            http: format!("{address}:8500"),
            flags,
            log: self.folder.join(format!("n{host}.log")),
            process: None,
            open_files: None,
            address,
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if !thread::panicking() {
            // What is left of it lies below the target folder and harms nobody.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// One agent. Dropping it kills the process.
struct Agent {
    address: String,
    http: String,
    flags: Vec<String>,
    log: PathBuf,
    process: Option<Child>,
    /// The soft limit it is started with, if not that of the tests.
    open_files: Option<u32>,
}

impl Agent {
    fn start(&mut self) {
        let log = File::options().create(true).append(true).open(&self.log).expect("a log");
        let mut command = match self.open_files {
            None => muster(),
            Some(most) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("ulimit -Sn {most}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_muster")]);
                shell
            }
        };
        command.arg("agent").args(&self.flags).stdin(Stdio::null()).stdout(log.try_clone().expect("a handle")).stderr(log);
        self.process = Some(command.spawn().expect("the binary runs"));
    }

    fn started(mut self) -> Agent {
        self.start();
        self
    }

    fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().expect("a started agent");
        let pid = i32::try_from(process.id()).ok().and_then(Pid::from_raw).expect("the id of a process");
        kill_process(pid, signal).expect("our own child, not waited for yet");
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("our own child");
            process.wait().expect("our own child");
        }
    }

    /// Waits until the process has ended by itself: its exit code.
    fn ended(&mut self, patience: Duration) -> Option<i32> {
        let start = Instant::now();
        let process = self.process.as_mut().expect("a started agent");
        loop {
            if let Some(status) = process.try_wait().expect("our own child") {
                return status.code();
            }
            assert!(start.elapsed() < patience, "still running after {patience:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.try_wait().expect("our own child").is_none())
    }

    fn call(&self, method: &str, path: &str, body: Option<&str>, patience: Duration) -> io::Result<Answer> {
        let body = body.map(|text| text.as_bytes().to_vec());
        let request = Request { method: method.to_owned(), body, ..Request::get(path, patience) };
        http::call(&self.http, &request)
    }

    fn get(&self, path: &str) -> Option<Answer> {
        self.call("GET", path, None, Duration::from_secs(12)).ok()
    }

    fn json(&self, path: &str) -> Option<Value> {
        self.get(path).filter(|answer| answer.status == 200).and_then(|answer| serde_json::from_slice(&answer.body).ok())
    }

    /// Puts a value; whether it was acknowledged.
    fn put(&self, key: &str, value: &str) -> bool {
        put(&self.http, key, value)
    }

    fn value(&self, key: &str) -> Option<String> {
        let answer = self.get(&format!("/v1/kv/{key}?raw")).filter(|answer| answer.status == 200)?;
        Some(String::from_utf8_lossy(&answer.body).into_owned())
    }

    /// The RPC address of the leader this agent knows.
    fn leader(&self) -> Option<String> {
        self.json("/v1/status/leader")?.as_str().filter(|leader| !leader.is_empty()).map(str::to_owned)
    }

    /// Carries out a command against this agent.
    fn command(&self, words: &[&str], arguments: &[&str]) -> Output {
        muster().args(words).arg(format!("-http-addr={}", self.http)).args(arguments).output().expect("the binary runs")
    }

    fn said(&self) -> String {
        let text = fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        format!("\n--- {}:\n{text}", self.log.display())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Puts a value through the agent at `address`; whether it was acknowledged.
fn put(address: &str, key: &str, value: &str) -> bool {
    let patience = Duration::from_secs(12);
    let put = Request { method: "PUT".to_owned(), body: Some(value.into()), ..Request::get(&format!("/v1/kv/{key}"), patience) };
    http::call(address, &put).is_ok_and(|answer| answer.status == 200 && answer.body.starts_with(b"true"))
}

fn muster() -> Command {
    Command::new(env!("CARGO_BIN_EXE_muster"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits until something holds, and says how long it took. Panics with what `explain` says when it takes too long.
fn eventually(what: &str, patience: Duration, mut holds: impl FnMut() -> bool, explain: impl Fn() -> String) -> Duration {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < patience, "{what}: not within {patience:?}{}", explain());
        thread::sleep(Duration::from_millis(20));
    }
    start.elapsed()
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}
