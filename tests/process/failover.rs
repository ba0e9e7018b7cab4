//! What happens to clients when a leader goes.

use super::cluster::Cluster;
use super::load::{Load, longest_gap};
use super::{LONG, eventually, put};
use crate::http::{Request, call};
use rustix::process::Signal;
use std::thread;
use std::time::{Duration, Instant};

/// How soon writes must go on when a leader is gone. The promise is 2 s, and an idle machine needs less than one; the machine of a test is never idle.
const SOON: Duration = Duration::from_secs(5);
/// Writes to wait for before and after what happens to the leader.
const ENOUGH: u32 = 50;

fn more(load: &Load, cluster: &Cluster) {
    let before = load.acknowledged();
    eventually("writes go on", LONG, || load.acknowledged() >= before + ENOUGH, || cluster.said());
}

#[test]
fn a_leader_killed_under_load_loses_no_acknowledged_write_and_catches_up() {
    let mut cluster = Cluster::formed("kill");
    let leader = cluster.leader();
    let survivors: Vec<usize> = (0..3).filter(|server| *server != leader).collect();
    let load = Load::on(survivors.iter().map(|server| &cluster.servers[*server]).chain([&cluster.client, &cluster.other]));
    more(&load, &cluster);
    cluster.servers[leader].kill();
    let killed = Instant::now();
    more(&load, &cluster);
    let written = load.stop();
    let gap = longest_gap(&written, killed);
    println!("kill -9 of the leader: nobody could write for {gap:?}");
    assert!(gap < SOON, "nobody could write for {gap:?}{}", cluster.said());
    cluster.servers[leader].start();
    let behind = &cluster.servers[leader];
    let holds = |number: u32| behind.get(&format!("/v1/kv/w/{number}?raw&stale")).is_some_and(|a| a.body == number.to_string().as_bytes());
    let took = eventually("the restarted server has caught up", LONG, || holds(written.last().unwrap().number), || cluster.said());
    println!("the restarted server had caught up after {took:?}");
    for write in &written {
        let value = cluster.client.value(&format!("w/{}", write.number));
        assert_eq!(value, Some(write.number.to_string()), "write {} was acknowledged{}", write.number, cluster.said());
        assert!(holds(write.number), "write {} on the restarted server{}", write.number, cluster.said());
    }
}

#[test]
fn a_frozen_leader_is_replaced_and_serves_no_stale_default_read_when_it_goes_on() {
    let cluster = Cluster::formed("freeze");
    let leader = &cluster.servers[cluster.leader()];
    assert!(leader.put("x", "0"));
    for round in 1..=3 {
        let leader = &cluster.servers[cluster.leader()];
        let other = cluster.servers.iter().find(|server| server.address != leader.address).expect("three servers");
        leader.signal(Signal::STOP);
        let newest = round.to_string();
        let took = eventually("writes go on", LONG, || put(&other.http, "x", &newest), || cluster.said());
        println!("kill -STOP of the leader: the first write came after {took:?}");
        // These wait in the frozen leader's socket: it finds them before it can hear that it was replaced.
        let reads: Vec<_> = (0..8)
            .map(|_| {
                let address = leader.http.clone();
                thread::spawn(move || call(&address, &Request::get("/v1/kv/x?raw", Duration::from_secs(30))))
            })
            .collect();
        leader.signal(Signal::CONT);
        for read in reads {
            match read.join().expect("a reader does not panic") {
                Ok(answer) if answer.status == 200 => {
                    assert_eq!(String::from_utf8_lossy(&answer.body), newest, "a stale default read{}", cluster.said());
                }
                Ok(_) | Err(_) => {}
            }
        }
        assert!(took < SOON, "the first write came after {took:?}{}", cluster.said());
        eventually("it answers again", LONG, || leader.value("x").as_deref() == Some(&newest), || cluster.said());
    }
}
