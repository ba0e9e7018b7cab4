//! Three servers and a client.

use super::{Agent, LONG, Site, eventually, text};
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// How soon writes must go on when a leader is gone. An idle machine needs less than a second; the machine of a test is never idle.
const SOON: Duration = Duration::from_secs(6);

struct Cluster {
    servers: Vec<Agent>,
    client: Agent,
    // Last, so that the agents are gone before their folders.
    _site: Site,
}

impl Cluster {
    fn formed(test: &str) -> Cluster {
        let site = Site::new(test);
        let joins: Vec<String> = (1..=3).map(|host| format!("-retry-join={}", site.address(host))).collect();
        let joins: Vec<&str> = joins.iter().map(String::as_str).collect();
        let server_flags: Vec<&str> = ["-server", "-bootstrap-expect=3"].into_iter().chain(joins.iter().copied()).collect();
        let servers: Vec<Agent> = (1..=3).map(|host| site.agent(host, &server_flags).started()).collect();
        let client = site.agent(4, &joins).started();
        let cluster = Cluster { servers, client, _site: site };
        let all_alive = || cluster.everyone().all(|agent| agent.json("/v1/agent/members").is_some_and(|m| alive(&m) == 4));
        eventually("all members know each other", LONG, all_alive, || cluster.said());
        eventually("the client's writes are taken", LONG, || cluster.client.put("formed", "yes"), || cluster.said());
        let voters = || cluster.client.json("/v1/operator/raft/configuration").map_or(0, |c| c["Servers"].as_array().map_or(0, Vec::len));
        eventually("three servers vote", LONG, || voters() == 3, || cluster.said());
        cluster
    }

    fn everyone(&self) -> impl Iterator<Item = &Agent> {
        self.servers.iter().chain([&self.client])
    }

    fn said(&self) -> String {
        self.everyone().map(Agent::said).collect()
    }

    /// Which of the servers leads.
    fn leader(&self) -> usize {
        let mut found = None;
        let named = |agent: &Agent| {
            agent.leader().and_then(|leader| self.servers.iter().position(|s| leader.starts_with(&format!("{}:", s.address))))
        };
        let mut look = || {
            found = named(&self.client);
            found.is_some()
        };
        eventually("there is a leader", LONG, &mut look, || self.said());
        found.expect("just found")
    }
}

fn alive(members: &serde_json::Value) -> usize {
    members.as_array().map_or(0, |list| list.iter().filter(|m| m["Status"] == 1).count())
}

#[test]
fn three_servers_and_a_client_form_a_cluster_that_every_command_can_ask() {
    let cluster = Cluster::formed("forms");
    let done = cluster.client.command(&["kv", "put"], &["config/greeting", "hello"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    for agent in cluster.everyone() {
        let got = agent.command(&["kv", "get"], &["config/greeting"]);
        assert_eq!(text(&got.stdout).trim_end(), "hello", "{}: {}", agent.address, text(&got.stderr));
        let members = text(&agent.command(&["members"], &[]).stdout);
        assert!((1..=4).all(|host| members.contains(&format!("n{host} "))), "{members}");
        let peers = text(&agent.command(&["operator", "raft", "list-peers"], &[]).stdout);
        assert_eq!(peers.matches("leader").count(), 1, "{peers}");
        assert_eq!(peers.matches("follower").count(), 2, "{peers}");
        assert!(agent.command(&["info"], &[]).status.success());
    }
    let left = cluster.client.command(&["leave"], &[]);
    assert!(left.status.success(), "{}", text(&left.stderr));
    let gone = || cluster.servers[0].json("/v1/agent/members").is_some_and(|members| alive(&members) == 3);
    eventually("the client has left", LONG, gone, || cluster.said());
}

#[test]
fn a_killed_leader_loses_no_acknowledged_write_and_catches_up() {
    let mut cluster = Cluster::formed("kill");
    let mut acknowledged: Vec<u32> = (0..50).filter(|n| cluster.client.put(&format!("w/{n}"), &n.to_string())).collect();
    assert_eq!(acknowledged.len(), 50, "{}", cluster.said());
    let leader = cluster.leader();
    cluster.servers[leader].kill();
    let killed = Instant::now();
    for n in 50..100 {
        let key = format!("w/{n}");
        eventually("writes go on", LONG, || cluster.client.put(&key, &n.to_string()), || cluster.said());
        if acknowledged.len() == 50 {
            assert!(killed.elapsed() < SOON, "the first write came after {:?}{}", killed.elapsed(), cluster.said());
        }
        acknowledged.push(n);
    }
    cluster.servers[leader].start();
    let behind = &cluster.servers[leader];
    let stale = |n: u32| behind.get(&format!("/v1/kv/w/{n}?raw&stale")).is_some_and(|answer| answer.body == n.to_string().as_bytes());
    eventually("the restarted server has caught up", LONG, || stale(99), || cluster.said());
    for n in acknowledged {
        assert_eq!(cluster.client.value(&format!("w/{n}")), Some(n.to_string()), "write {n} was acknowledged{}", cluster.said());
        assert!(stale(n), "write {n} on the restarted server{}", cluster.said());
    }
}

#[test]
fn a_frozen_leader_is_replaced_and_serves_no_stale_default_read_when_it_goes_on() {
    let cluster = Cluster::formed("freeze");
    let leader = cluster.leader();
    assert!(cluster.servers[leader].put("x", "old"));
    let other = &cluster.servers[(leader + 1) % 3];
    cluster.servers[leader].signal(Signal::STOP);
    let took = eventually("writes go on", LONG, || other.put("x", "new"), || cluster.said());
    cluster.servers[leader].signal(Signal::CONT);
    let read = cluster.servers[leader].value("x");
    assert_ne!(read.as_deref(), Some("old"), "a stale default read{}", cluster.said());
    assert!(took < SOON, "the first write came after {took:?}{}", cluster.said());
    eventually("the old leader answers again", LONG, || cluster.servers[leader].value("x").as_deref() == Some("new"), || cluster.said());
}

#[test]
fn without_a_majority_default_requests_fail_promptly_and_stale_reads_say_how_old_they_are() {
    let mut cluster = Cluster::formed("minority");
    assert!(cluster.client.put("x", "kept"));
    let leader = cluster.leader();
    let survivor = (leader + 1) % 3;
    eventually(
        "the survivor has it",
        LONG,
        || cluster.servers[survivor].get("/v1/kv/x?stale").is_some_and(|a| a.status == 200),
        || cluster.said(),
    );
    cluster.servers[leader].kill();
    cluster.servers[(leader + 2) % 3].kill();
    let survivor = &cluster.servers[survivor];
    for (method, body) in [("GET", None), ("PUT", Some("lost"))] {
        let answer = survivor.call(method, "/v1/kv/x", body, Duration::from_secs(30)).expect("an answer, though a refusal");
        assert_eq!(answer.status, 500, "{method}: {}", text(&answer.body));
        assert!(text(&answer.body).contains("No cluster leader"), "{method}: {}", text(&answer.body));
        assert!(answer.took < Duration::from_secs(20), "{method} failed only after {:?}", answer.took);
    }
    let answer = survivor.get("/v1/kv/x?raw&stale").expect("an answer");
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"kept"[..]));
    assert_eq!(answer.header("X-Consul-KnownLeader"), Some("false"));
    let age = answer.header("X-Consul-LastContact").and_then(|age| age.parse::<u64>().ok());
    assert!(age.is_some_and(|age| age > 0), "{:?}", answer.headers);
}
