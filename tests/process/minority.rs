//! What one server of three can still do.

use super::cluster::Cluster;
use super::{Agent, LONG, eventually, text};
use std::time::Duration;

/// Consul's `rpc_hold_timeout` is 7 s; the rest is for a busy machine.
const PROMPTLY: Duration = Duration::from_secs(15);

/// Everything that needs a majority fails with the words clients look for.
fn assert_refuses(survivor: &Agent, explain: &dyn Fn() -> String) {
    // The consistent read comes first: a leader may answer default reads until its lease is over, and what it takes until then may yet take effect.
    for (method, path, body) in [("GET", "x?consistent", None), ("GET", "x", None), ("PUT", "x", Some("lost")), ("DELETE", "x", None)] {
        let answer = survivor.call(method, &format!("/v1/kv/{path}"), body, Duration::from_secs(40)).expect("an answer, though a refusal");
        assert_eq!(answer.status, 500, "{method} {path}: {}{}", text(&answer.body), explain());
        assert!(text(&answer.body).contains("No cluster leader"), "{method} {path}: {}", text(&answer.body));
        println!("{method} {path} failed after {:?}", answer.took);
        assert!(answer.took < PROMPTLY, "{method} {path} failed only after {:?}", answer.took);
    }
}

/// Reads that may be stale go on, say how old they are, and name no leader.
fn assert_tells_its_age(survivor: &Agent) {
    let age = || {
        let answer = survivor.get("/v1/kv/x?raw&stale").expect("an answer");
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"kept"[..]));
        assert_eq!(answer.header("X-Consul-KnownLeader"), Some("false"));
        answer.header("X-Consul-LastContact").and_then(|age| age.parse::<u64>().ok()).expect("an age")
    };
    let first = age();
    assert!(first > 0);
    eventually("it gets older", LONG, || age() > first, || survivor.said());
    assert_eq!(survivor.leader(), None);
}

/// Which server is left: one of the followers, or the leader.
fn without_a_majority(test: &str, survives: impl Fn(usize) -> usize) {
    let mut cluster = Cluster::formed(test);
    assert!(cluster.client.put("x", "kept"));
    let survivor = survives(cluster.leader());
    let has_it = |at: usize| cluster.servers[at].get("/v1/kv/x?stale").is_some_and(|answer| answer.status == 200);
    eventually("the survivor has it", LONG, || has_it(survivor), || cluster.said());
    let others: Vec<usize> = (0..3).filter(|server| *server != survivor).collect();
    others.iter().for_each(|server| cluster.servers[*server].kill());
    assert_refuses(&cluster.servers[survivor], &|| cluster.said());
    assert_tells_its_age(&cluster.servers[survivor]);
    others.iter().for_each(|server| cluster.servers[*server].start());
    eventually("the majority is back", LONG, || cluster.client.put("y", "1"), || cluster.said());
    assert_eq!(cluster.client.value("x").as_deref(), Some("kept"), "nothing that was refused took effect");
}

#[test]
fn a_follower_without_a_majority_refuses_promptly_and_says_how_old_its_stale_reads_are() {
    without_a_majority("minority", |leader| (leader + 1) % 3);
}

#[test]
fn a_leader_without_a_majority_refuses_promptly_and_says_how_old_its_stale_reads_are() {
    without_a_majority("deposed", |leader| leader);
}
