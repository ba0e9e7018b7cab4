//! An agent of our own: its folder, its configuration, its process.

use super::Failure;
use super::corpus::{AgentSpec, merged};
use super::fixtures::Fixtures;
use super::http::{self, Request};
use super::patience::Patience;
use super::ports::free_port;
use super::variables::Variables;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Map, Value, json};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How much of its output a failure shows.
const TAIL: usize = 3000;

/// How long an agent that was asked to end may take before it is killed.
const LONGEST_END: Duration = Duration::from_secs(10);

/// A folder of its own, removed with its owner.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new folder below cargo's folder for tests.
    pub fn new(kind: &str) -> Folder {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("{kind}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Folder(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left of it lies below the target folder and harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A started agent. Dropping it kills the process.
#[derive(Debug)]
pub struct Agent {
    binary: PathBuf,
    spec: AgentSpec,
    variables: Variables,
    process: Option<Child>,
    folder: Folder,
}

impl Agent {
    /// Starts an agent as `spec` asks and waits until it is ready; the failure shows its output.
    pub fn start(binary: &Path, spec: &AgentSpec, fixtures: &Arc<Fixtures>, patience: Patience) -> Result<Agent, Failure> {
        let folder = Folder::new("agent");
        let mut variables = Variables::new(Arc::clone(fixtures));
        for (name, value) in [("node", "golden"), ("dc", "dc1"), ("addr", "127.0.0.1")] {
            variables.set(name, value);
        }
        variables.set("fixture", fixtures.http_address());
        variables.set("recursor", fixtures.recursor_address());
        let mut agent = Agent { binary: binary.to_owned(), spec: spec.clone(), variables, process: None, folder };
        agent.configure()?;
        agent.run(patience)?;
        Ok(agent)
    }

    /// What the agent's cases may name.
    pub fn variables(&self) -> &Variables {
        &self.variables
    }

    /// Writes a file of the configuration folder, or removes it for `null`.
    pub fn write(&self, name: &str, content: &Value) -> Result<(), Failure> {
        let path = self.folder.path().join("config").join(name);
        let done = match content {
            Value::Null => fs::remove_file(&path),
            Value::String(text) => fs::write(&path, text),
            json => fs::write(&path, json.to_string()),
        };
        done.map_err(|e| Failure::new(format!("{}: {e}", path.display())))
    }

    /// Ends the process with `signal` and starts it again on the same data.
    pub fn restart(&mut self, signal: Signal, patience: Patience) -> Result<(), Failure> {
        self.end(signal);
        self.run(patience)
    }

    /// How the process ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.as_mut().and_then(|p| p.try_wait().expect("our own child"))
    }

    /// The end of what the agent has printed.
    pub fn tail(&self) -> String {
        let text = fs::read(self.log()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let start = text.char_indices().rev().nth(TAIL - 1).map_or(0, |(at, _)| at);
        text[start..].to_owned()
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Writes the generated configuration with the case's own laid upon it, and the case's files.
    fn configure(&mut self) -> Result<(), Failure> {
        fs::create_dir(self.folder.path().join("config")).map_err(|e| Failure::new(e.to_string()))?;
        let mut ports = Map::new();
        for name in ["http", "dns", "server", "serf_lan", "serf_wan"] {
            ports.insert(name.to_owned(), json!(free_port()?));
        }
        for listener in ["http", "dns"] {
            self.variables.set(listener, format!("127.0.0.1:{}", ports[listener]));
        }
        let generated = self.generated(ports);
        let own = self.variables.substitute_object(&self.spec.object("config"))?;
        let config = merged(&generated, &own);
        for (variable, key) in [("node", "node_name"), ("dc", "datacenter")] {
            self.variables.set(variable, config[key].clone());
        }
        self.write("agent.json", &Value::Object(config))?;
        for (name, content) in self.spec.object("files") {
            let content = self.variables.substitute(&content)?;
            self.write(&name, &content)?;
        }
        Ok(())
    }

    fn generated(&self, mut ports: Map<String, Value>) -> Map<String, Value> {
        ports.extend([("https".to_owned(), json!(-1)), ("grpc".to_owned(), json!(-1))]);
        let mut config = json!({
            "node_name": "golden", "datacenter": "dc1", "bind_addr": "127.0.0.1", "client_addr": "127.0.0.1",
            "log_level": std::env::var("CONFORMANCE_LOG").unwrap_or_else(|_| "warn".to_owned()),
            "ports": ports, "disable_update_check": true,
        });
        if !self.spec.dev() {
            config["server"] = json!(true);
            config["bootstrap_expect"] = json!(1);
            config["data_dir"] = json!(self.folder.path().join("data"));
            config["performance"] = json!({"raft_multiplier": 1});
        }
        config.as_object().cloned().expect("written as an object")
    }

    /// Starts the process and waits until it is ready.
    fn run(&mut self, patience: Patience) -> Result<(), Failure> {
        let unstarted = |e: std::io::Error| Failure::new(format!("{}: {e}", self.binary.display()));
        let log = File::options().create(true).append(true).open(self.log()).map_err(unstarted)?;
        let mut command = Command::new(&self.binary);
        command.arg("agent").args(self.spec.dev().then_some("-dev")).arg("-config-dir").arg(self.folder.path().join("config"));
        // What a killed agent leaves behind goes with our folder.
        command.env("TMPDIR", self.folder.path());
        command.stdin(Stdio::null()).stdout(log.try_clone().map_err(unstarted)?).stderr(log).current_dir(self.folder.path());
        self.process = Some(command.spawn().map_err(unstarted)?);
        let end = Instant::now() + patience.start();
        while !self.is_ready() {
            if let Some(status) = self.ended() {
                return Err(Failure::new(format!("the agent ended ({status}) before it was ready:\n{}", self.tail())));
            }
            if Instant::now() >= end {
                return Err(Failure::new(format!("the agent was not ready within {:?}:\n{}", patience.start(), self.tail())));
            }
            thread::sleep(Duration::from_millis(25));
        }
        Ok(())
    }

    /// A leader is named and, unless the case does without, the agent's own health check passes.
    fn is_ready(&self) -> bool {
        let has_leader = self.document("/v1/status/leader").is_some_and(|leader| leader.as_str().is_some_and(|l| !l.is_empty()));
        let is_passing = |check: &Value| check["CheckID"] == "serfHealth" && check["Status"] == "passing";
        let health = format!("/v1/health/node/{}", self.variables.text_of("node"));
        let is_healthy = || self.document(&health).is_some_and(|d| d.as_array().is_some_and(|checks| checks.iter().any(is_passing)));
        has_leader && (!self.spec.ready() || is_healthy())
    }

    fn document(&self, path: &str) -> Option<Value> {
        let mut request = Request::get(path, Duration::from_secs(2));
        request.headers.extend(self.spec.token().map(|token| ("X-Consul-Token".to_owned(), token.to_owned())));
        let answer = http::call(&self.variables.text_of("http"), &request).ok()?;
        serde_json::from_slice(&answer.body).ok()
    }

    /// How the process ended, when a case has failed. One that is ending answers nothing any more, and is waited for.
    pub fn ended_meanwhile(&mut self) -> Option<ExitStatus> {
        let end = Instant::now() + LONGEST_END;
        let address = self.variables.text_of("http");
        let answers = || http::call(&address, &Request::get("/v1/status/leader", Duration::from_secs(2))).is_ok();
        while self.ended().is_none() && !answers() && Instant::now() < end {
            thread::sleep(Duration::from_millis(10));
        }
        self.ended()
    }

    fn end(&mut self, signal: Signal) {
        let Some(mut process) = self.process.take() else { return };
        if process.try_wait().expect("our own child").is_none() {
            let pid = i32::try_from(process.id()).ok().and_then(Pid::from_raw).expect("the id of a process");
            kill_process(pid, signal).expect("our own child, not waited for yet");
            let end = Instant::now() + LONGEST_END;
            while process.try_wait().expect("our own child").is_none() && Instant::now() < end {
                thread::sleep(Duration::from_millis(10));
            }
            // Refused when the process has ended already, which is what we want.
            let _ = process.kill();
        }
        process.wait().expect("our own child");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.end(Signal::KILL);
    }
}
