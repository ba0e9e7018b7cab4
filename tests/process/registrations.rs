//! Services that are registered, checked, hidden when they fail, and there again after whatever happens to their agent and to the servers.

use super::cluster::Cluster;
use super::{Agent, LONG, Site, eventually};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What a change takes at most to be seen everywhere. Consul's users are used to a second or two; a busy machine is given more.
const SEEN: Duration = Duration::from_secs(10);

impl Agent {
    /// Asks for a change; panics unless it is made.
    pub(super) fn change(&self, path: &str, body: &str) {
        let answer = self.call("PUT", path, Some(body), Duration::from_secs(12)).unwrap_or_else(|e| panic!("{path}: {e}{}", self.said()));
        assert_eq!(answer.status, 200, "{path}: {}{}", String::from_utf8_lossy(&answer.body), self.said());
    }

    /// How many healthy instances of the service this agent answers; `None` if it does not.
    pub(super) fn healthy(&self, service: &str) -> Option<usize> {
        self.json(&format!("/v1/health/service/{service}?passing"))?.as_array().map(Vec::len)
    }

    pub(super) fn check(&self, id: &str) -> Option<Value> {
        self.json("/v1/agent/checks")?.get(id).cloned()
    }

    fn last_log_index(&self) -> u64 {
        let itself = self.json("/v1/agent/self").expect("a running server");
        itself["Stats"]["raft"]["last_log_index"].as_str().and_then(|index| index.parse().ok()).expect("a server has a log")
    }
}

/// A server that answers every request with 200, or with 503 while it is ill.
struct Endpoint {
    address: String,
    well: Arc<AtomicBool>,
}

impl Endpoint {
    fn new(address: &str) -> Endpoint {
        let listener = TcpListener::bind((address, 0)).expect("a free port of loopback");
        let address = listener.local_addr().expect("a bound socket").to_string();
        let well = Arc::new(AtomicBool::new(true));
        let answers = well.clone();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let status = if answers.load(Ordering::SeqCst) { "200 OK" } else { "503 Service Unavailable" };
                let _ = stream.read(&mut [0; 4096]);
                let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 4\r\nConnection: close\r\n\r\nwell");
            }
        });
        Endpoint { address, well }
    }

    fn registration(&self, name: &str) -> String {
        format!(r#"{{"Name":"{name}","Port":8080,"Check":{{"HTTP":"http://{}/health","Interval":"1s"}}}}"#, self.address)
    }
}

#[test]
fn a_service_is_seen_everywhere_while_its_endpoint_answers_and_nowhere_when_it_does_not() {
    let cluster = Cluster::formed("health");
    let endpoint = Endpoint::new(&cluster.client.address);
    let everywhere = |count: usize| cluster.everyone().all(|agent| agent.healthy("web") == Some(count));
    let began = Instant::now();
    cluster.client.change("/v1/agent/service/register", &endpoint.registration("web"));
    eventually("every agent answers it", SEEN, || everywhere(1), || cluster.said());
    println!("seen everywhere {:?} after its registration was asked for", began.elapsed());
    endpoint.well.store(false, Ordering::SeqCst);
    let took = eventually("it is gone everywhere", SEEN, || everywhere(0), || cluster.said());
    println!("gone {took:?} after its endpoint broke");
    endpoint.well.store(true, Ordering::SeqCst);
    eventually("it is back", SEEN, || everywhere(1), || cluster.said());
    cluster.client.change("/v1/agent/service/deregister/web", "");
    let listed = |agent: &Agent| agent.json("/v1/catalog/service/web").is_some_and(|rows| rows == Value::Array(Vec::new()));
    eventually("it is deregistered", SEEN, || cluster.everyone().all(listed), || cluster.said());
}

#[test]
fn an_agent_that_is_killed_comes_back_with_what_was_registered_and_how_it_stood() {
    let mut cluster = Cluster::formed("registered");
    cluster.client.change("/v1/agent/service/register", r#"{"Name":"web","Port":81,"Tags":["t"],"Check":{"TTL":"300s"}}"#);
    cluster.client.change("/v1/agent/service/register", r#"{"Name":"gone"}"#);
    cluster.client.change("/v1/agent/service/deregister/gone", "");
    cluster.client.change("/v1/agent/check/pass/service:web?note=good", "");
    cluster.client.change("/v1/agent/maintenance?enable=true&reason=why", "");
    eventually("it is out of use", SEEN, || cluster.other.healthy("web") == Some(0), || cluster.said());
    cluster.client.change("/v1/agent/maintenance?enable=false", "");
    eventually("it passes", SEEN, || cluster.other.healthy("web") == Some(1), || cluster.said());
    cluster.client.kill();
    cluster.client.start();
    let restored = || cluster.client.check("service:web").is_some_and(|check| check["Status"] == "passing" && check["Output"] == "good");
    eventually("its check passes as before", LONG, restored, || cluster.said());
    let services = cluster.client.json("/v1/agent/services").expect("it serves");
    assert_eq!((&services["web"]["Port"], services.get("gone")), (&Value::from(81), None), "{services}");
    eventually("everyone sees it", LONG, || cluster.other.healthy("web") == Some(1), || cluster.said());
}

#[test]
fn agents_go_on_while_no_server_is_there_and_servers_hear_of_it_when_they_return() {
    let mut cluster = Cluster::formed("outage");
    let endpoint = Endpoint::new(&cluster.client.address);
    cluster.client.change("/v1/agent/service/register", &endpoint.registration("web"));
    eventually("it passes", SEEN, || cluster.other.healthy("web") == Some(1), || cluster.said());
    cluster.servers.iter_mut().for_each(Agent::kill);
    endpoint.well.store(false, Ordering::SeqCst);
    let fails = || cluster.client.check("service:web").is_some_and(|check| check["Status"] == "critical");
    eventually("its agent notices that it fails", SEEN, fails, || cluster.client.said());
    cluster.client.change("/v1/agent/service/register", r#"{"Name":"new"}"#);
    cluster.servers.iter_mut().for_each(Agent::start);
    let caught_up = |agent: &Agent| agent.healthy("web") == Some(0) && agent.healthy("new") == Some(1);
    eventually("the servers hear of both", LONG, || cluster.servers.iter().all(caught_up), || cluster.said());
}

#[test]
fn what_is_taken_out_of_the_catalog_by_hand_is_put_back() {
    let mut cluster = Cluster::formed("wiped");
    cluster.client.change("/v1/agent/service/register", r#"{"Name":"web"}"#);
    eventually("it is there", SEEN, || cluster.other.healthy("web") == Some(1), || cluster.said());
    cluster.other.change("/v1/catalog/deregister", r#"{"Node":"n4","ServiceID":"web"}"#);
    eventually("it is gone", SEEN, || cluster.other.healthy("web") == Some(0), || cluster.said());
    // The next full sync may be two minutes away; that of an agent that starts is not.
    cluster.client.kill();
    cluster.client.start();
    eventually("it is back", LONG, || cluster.other.healthy("web") == Some(1), || cluster.said());
}

#[test]
fn heartbeats_that_say_the_same_are_not_in_the_log() {
    let site = Site::new("heartbeats");
    let agent = site.agent(1, &["-server", "-bootstrap-expect=1"]).started();
    eventually("it leads", LONG, || agent.put("a", "1"), || agent.said());
    agent.change("/v1/agent/service/register", r#"{"Name":"web","Check":{"TTL":"60s"}}"#);
    agent.change("/v1/agent/check/pass/service:web?note=fine", "");
    eventually("it passes", SEEN, || agent.healthy("web") == Some(1), || agent.said());
    let index = |agent: &Agent| agent.get("/v1/health/service/web").and_then(|a| a.header("x-consul-index").map(str::to_owned));
    let (before, seen, began) = (agent.last_log_index(), index(&agent), Instant::now());
    for _ in 0..1_000 {
        agent.change("/v1/agent/check/pass/service:web?note=fine", "");
    }
    println!("1,000 heartbeats in {:?}", began.elapsed());
    // The leader and the agent's own sync have a word to say now and then.
    let written = agent.last_log_index() - before;
    assert!(written < 20, "{written} entries{}", agent.said());
    assert_eq!(index(&agent), seen, "{}", agent.said());
}
