//! What a client agent answers from the views it holds, while servers come and go.

use super::cluster::Cluster;
use super::{Agent, LONG, eventually, text};
use crate::http::{Answer, Request, call};
use serde_json::{Value, json};
use std::thread;
use std::time::Duration;

/// How soon a change must be seen in a view. It takes milliseconds on a machine that has nothing else to do.
const SOON: Duration = Duration::from_secs(5);

/// Registers until it is taken: a write that is under way when its server goes has an unknown outcome.
fn register(agent: &Agent, body: Value) {
    let put = || agent.call("PUT", "/v1/catalog/register", Some(&body.to_string()), Duration::from_secs(12));
    eventually("the registration is taken", LONG, || put().is_ok_and(|answer| answer.status == 200), || agent.said());
}

fn instance(node: u8, status: &str) -> Value {
    json!({
        "Node": format!("x{node}"), "Address": format!("10.1.1.{node}"),
        "Service": {"Service": "web", "Port": 80},
        "Check": {"CheckID": "c", "Name": "c", "Status": status, "ServiceID": "web"}
    })
}

fn read(agent: &Agent, path: &str, control: &str) -> Answer {
    let headers = vec![("Cache-Control".to_owned(), control.to_owned())];
    call(&agent.http, &Request { headers, ..Request::get(path, Duration::from_secs(60)) }).expect("an answer")
}

fn cached(agent: &Agent) -> Answer {
    read(agent, "/v1/health/service/web?cached", "")
}

fn rows(answer: &Answer) -> usize {
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    body.as_array().expect("a list").len()
}

fn age(answer: &Answer) -> u64 {
    answer.header("Age").expect("an age").parse().expect("seconds")
}

fn index(answer: &Answer) -> u64 {
    answer.header("X-Consul-Index").expect("an index").parse().expect("a number")
}

#[test]
fn a_clients_view_is_fetched_once_follows_every_change_and_wakes_who_waits_for_it() {
    let cluster = Cluster::formed("views");
    let client = &cluster.client;
    register(client, instance(1, "passing"));
    let first = cached(client);
    assert_eq!((first.header("X-Cache"), first.header("Age"), rows(&first)), (Some("MISS"), None, 1), "the agent sees its own write");
    let again = cached(client);
    assert_eq!((again.header("X-Cache"), age(&again), rows(&again)), (Some("HIT"), 0, 1));
    assert_eq!(again.header("X-Consul-Query-Backend"), Some("streaming"));
    register(&cluster.other, instance(2, "passing"));
    let took = eventually("the view has the second", SOON, || rows(&cached(client)) == 2, || cluster.said());
    println!("a change through another agent was seen after {took:?}");
    let before = cached(client);
    let waits: Vec<_> = ["?cached&passing", "?stale", "?cached&tag=none"]
        .iter()
        .map(|choice| {
            let (http, index) = (client.http.clone(), index(&before));
            let path = format!("/v1/health/service/web{choice}&index={index}&wait=8s");
            thread::spawn(move || call(&http, &Request::get(&path, Duration::from_secs(60))).expect("an answer"))
        })
        .collect();
    thread::sleep(Duration::from_millis(500));
    register(&cluster.other, instance(1, "critical"));
    let [passing, stale, none] =
        waits.into_iter().map(|wait| wait.join().expect("a reader")).collect::<Vec<_>>().try_into().expect("three");
    assert!(passing.took < SOON && index(&passing) > index(&before), "{:?}", passing.took);
    assert_eq!((passing.header("X-Cache"), rows(&passing)), (Some("HIT"), 1));
    assert!(stale.took < SOON && rows(&stale) == 2 && stale.header("X-Cache").is_none());
    assert!(none.took >= Duration::from_secs(8) && rows(&none) == 0, "what it leaves out does not end a wait: {:?}", none.took);
}

#[test]
fn a_view_moves_to_another_server_and_without_any_answers_with_its_age() {
    let mut cluster = Cluster::formed("orphan");
    register(&cluster.client, instance(1, "passing"));
    assert_eq!(rows(&cached(&cluster.client)), 1);
    let mut last = 0;
    for (server, instances) in [(0, 2), (1, 3), (2, 4)] {
        cluster.servers[server].kill();
        register(&cluster.other, instance(instances, "passing"));
        let mut follows = || {
            let answer = cached(&cluster.client);
            assert_eq!(answer.header("X-Cache"), Some("HIT"), "it never has to be fetched again");
            assert!(index(&answer) >= last, "the index went back");
            last = index(&answer);
            rows(&answer) == usize::from(instances)
        };
        let took = eventually("the view follows at other servers", LONG, &mut follows, || cluster.said());
        println!("with server {server} gone the view had the next change after {took:?}");
        cluster.servers[server].start();
        cluster.leader();
    }
    cluster.servers.iter_mut().for_each(Agent::kill);
    eventually("nobody vouches for it", LONG, || age(&cached(&cluster.client)) >= 2, || cluster.said());
    assert_eq!(rows(&cached(&cluster.client)), 4);
    assert_eq!(rows(&read(&cluster.client, "/v1/health/service/web?cached&passing", "max-age=1, stale-if-error=3600")), 4);
    let refused = read(&cluster.client, "/v1/health/service/web?cached", "max-age=1, stale-if-error=1");
    assert_eq!(refused.status, 500, "it is older than the client takes");
    a_client_without_servers_does_not_wait(&cluster.client);
    cluster.servers.iter_mut().for_each(Agent::start);
    eventually("servers vouch for it again", LONG, || age(&cached(&cluster.client)) == 0, || cluster.said());
    register(&cluster.other, instance(5, "passing"));
    eventually("the view follows again", LONG, || rows(&cached(&cluster.client)) == 5, || cluster.said());
}

/// With all servers known to be dead, what cannot be answered is refused at once, and who takes any age has the view.
fn a_client_without_servers_does_not_wait(client: &Agent) {
    let at_once = |path: &str| {
        let answer = read(client, path, "");
        let refused = (answer.status, text(&answer.body)) == (500, "No known Consul servers".to_owned());
        refused && answer.took < Duration::from_secs(1)
    };
    eventually("gossip knows that all are dead", LONG, || at_once("/v1/kv/a"), || client.said());
    for path in ["/v1/health/service/web", "/v1/health/service/other?stale", "/v1/health/service/web?stale&max_stale=1ms", "/v1/kv/a?stale"]
    {
        assert!(at_once(path), "{path}");
    }
    let put = client.call("PUT", "/v1/kv/a", Some("1"), LONG).expect("an answer");
    assert!(put.status == 500 && put.took < Duration::from_secs(1), "{:?}", put.took);
    let stale = read(client, "/v1/health/service/web?stale", "");
    assert_eq!((stale.status, rows(&stale), stale.header("X-Consul-KnownLeader")), (200, 4, Some("false")));
    let contact: u64 = stale.header("X-Consul-LastContact").expect("its age").parse().expect("milliseconds");
    assert!(contact >= 2_000 && stale.header("X-Cache").is_none() && stale.took < Duration::from_secs(1), "{contact}");
}
